"""The history of one object: its timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import models

from auditlog.capture.registry import key_is_masked, labels_of
from auditlog.models import Entry
from auditlog.naming import key_text
from auditlog.query.filters import object_keys
from auditlog.query.live import clean_key, live_model
from auditlog.query.querysets import EntryQuerySet

Model = type[models.Model]


def timeline(obj: models.Model) -> EntryQuerySet:
    """All entries of an object, newest first, with those of the parents it has by multi-table inheritance.

    Entries that carry a former label of a renamed model belong to it. Raises ValueError for an object without key.
    """
    if obj.pk is None or (isinstance(obj.pk, tuple) and None in obj.pk):
        raise ValueError("The timeline of an object is found by its primary key, and this object has none.")
    concrete = obj._meta.concrete_model or type(obj)
    tables = (concrete, *concrete._meta.get_parent_list())
    # a child holds its parents' fields, their primary keys among them
    keys = ((table, key_text(getattr(obj, table._meta.pk.attname), masked=key_is_masked(table))) for table in tables)
    return _entries((labels_of(table), [key]) for table, key in keys)


def timeline_of(label: str, key: str) -> EntryQuerySet:
    """The timeline of the object that entries call ``label`` (``app.model``) and ``key``; it need not exist any more.

    Parents whose key is not the child's own are found only while the object is there.
    """
    model = live_model(label)
    if model is None:
        return _entries([((label,), [key_text(key)])])
    concrete = model._meta.concrete_model or model
    obj = _live(concrete, key) if set(concrete._meta.get_parent_list()) - set(_same_key(concrete)) else None
    if obj is not None:
        return timeline(obj)
    return _entries((labels_of(table), object_keys(table, key)) for table in (concrete, *_same_key(concrete)))


def _entries(objects: Iterable[tuple[tuple[str, ...], list[str]]]) -> EntryQuerySet:
    found = models.Q()
    for labels, keys in objects:
        found |= models.Q(model__in=labels, object_id__in=keys)
    return Entry.objects.filter(found).order_by("-id")


def _same_key(model: Model) -> Iterator[Model]:
    """The parents whose primary key the child's primary key is."""
    pk = model._meta.pk
    while isinstance(pk, models.OneToOneField) and pk.remote_field.parent_link:
        yield pk.related_model
        pk = pk.related_model._meta.pk


def _live(model: Model, key: str) -> models.Model | None:
    pk = clean_key(model._meta.pk, key)
    return None if pk is None else model._base_manager.filter(pk=pk).first()
