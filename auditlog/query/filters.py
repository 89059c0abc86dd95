"""The filters of all ways out: parameters as text in, a narrower queryset out."""

from __future__ import annotations

import json
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

from auditlog.capture.registry import key_is_masked, labels_of
from auditlog.naming import key_text
from auditlog.query.access import may_see_log, visible_to
from auditlog.query.live import clean_key, live_model
from auditlog.query.parameters import ACTIONS, FilterError, Filters, parse
from auditlog.query.querysets import EntryQuerySet

__all__ = ["ACTIONS", "FilterError", "Filters", "apply", "may_see_log", "object_keys", "parse", "visible_to"]

SEARCHED = ("object_repr", "actor_repr", "object_id", "reason", "event")


def apply(queryset: EntryQuerySet, filters: Filters) -> EntryQuerySet:
    """The entries of ``queryset`` that the filters ask for."""
    found = queryset.between(filters.since, filters.until)
    model = live_model(filters.model) if filters.model else None
    if filters.model:
        found = found.filter(model__in=labels_of(model) if model else [filters.model])
    if filters.object:
        found = found.filter(object_id__in=object_keys(model, filters.object))
    if filters.actor:
        found = found.filter(_by_actor(filters.actor))
    if filters.action is not None:
        found = found.filter(action=filters.action)
    if filters.field:
        found = found.changed(filters.field)
    if filters.changeset is not None:
        found = found.in_changeset(filters.changeset)
    return search(found, filters.search)


def search(queryset: EntryQuerySet, text: str) -> EntryQuerySet:
    """Entries in which every word of ``text`` occurs, in any of the searched columns, in upper or lower case."""
    anywhere = [reduce(or_, (models.Q(**{f"{name}__icontains": word}) for name in SEARCHED)) for word in text.split()]
    return queryset.filter(reduce(and_, anywhere, models.Q()))


def object_keys(model: type[models.Model] | None, text: str) -> list[str]:
    """The keys under which entries may hold the object that people call ``text``: as written, and as stored."""
    if model is None:
        return [key_text(text)]
    if key_is_masked(model):
        return [text if text.startswith("hmac:") else key_text(text, masked=True)]
    fields = model._meta.pk_fields
    clean = _key_parts(text) if len(fields) > 1 else clean_key(fields[0], text)
    return sorted({key_text(text), key_text(text if clean is None else clean)})


def _key_parts(text: str) -> list[Any] | None:
    """The parts of a composite key, written as a JSON list."""
    try:
        parts = json.loads(text)
    except ValueError:
        return None
    return parts if isinstance(parts, list) else None


def _by_actor(text: str) -> models.Q:
    """By the name at that moment, so that deleted users are found, and by id where the text can be one."""
    named = models.Q(actor_repr=text)
    key = clean_key(get_user_model()._meta.pk, text)
    return named if key is None else named | models.Q(actor_id=key)
