"""The history of one object: its timeline."""

from __future__ import annotations

from django.db import models

from auditlog.capture.registry import labels_of, object_key, registration_for
from auditlog.models import Entry
from auditlog.naming import key_text
from auditlog.query.querysets import EntryQuerySet


def timeline(obj: models.Model) -> EntryQuerySet:
    """All entries of an object, newest first, with those of the parents it has by multi-table inheritance.

    Entries that carry a former label of a renamed model belong to it. Raises ValueError for an object without key.
    """
    if not obj._is_pk_set():  # type: ignore[attr-defined]
        raise ValueError("The timeline of an object is found by its primary key, and this object has none.")
    concrete = obj._meta.concrete_model or type(obj)
    found = models.Q(model__in=labels_of(concrete), object_id=object_key(obj))
    for parent in concrete._meta.get_parent_list():
        found |= models.Q(model__in=labels_of(parent), object_id=_parent_key(obj, parent))
    return Entry.objects.filter(found).order_by("-id")


def _parent_key(obj: models.Model, parent: type[models.Model]) -> str:
    """The key of the parent's row: a child holds its parents' fields, the primary key among them."""
    registration = registration_for(parent)
    pk = getattr(obj, parent._meta.pk.attname)
    return registration.key(pk) if registration is not None else key_text(pk)
