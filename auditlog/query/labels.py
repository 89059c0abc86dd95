"""Labels of the objects that foreign keys point to, found in bulk: one query per target model, never one per entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models, router

from auditlog.capture.labels import labels
from auditlog.capture.registry import labels_of
from auditlog.models import Entry
from auditlog.naming import key_text
from auditlog.query.live import clean_key

Reference = tuple[models.ForeignKey[Any, Any], Any]
"""A live foreign key and a value that it held."""


class TargetLabels:
    """What the values of foreign keys were called, for one page of entries."""

    def __init__(self, found: Mapping[tuple[models.Field[Any, Any], str], str]) -> None:
        self._found = found

    def of(self, field: models.ForeignKey[Any, Any], value: Any) -> str:
        """The label of the object, or its key where neither a row nor an entry tells one."""
        return self._found.get((field.target_field, str(value))) or str(value)


def find_labels(references: Iterable[Reference], using: str | None = None) -> TargetLabels:
    """Labels from the live rows, else from the target's own last entry on the database ``using``."""
    wanted: dict[models.Field[Any, Any], set[str]] = defaultdict(set)
    for field, value in references:
        wanted[field.target_field].add(str(value))
    found: dict[tuple[models.Field[Any, Any], str], str] = {}
    for target, values in wanted.items():
        found.update({(target, key): label for key, label in _from_rows(target, values).items() if label})
    missing = {
        target: gone
        for target, values in wanted.items()
        if target.primary_key and (gone := {key for key in values if (target, key) not in found})
    }
    found.update(_from_entries(missing, using))
    return TargetLabels(found)


def _from_rows(target: models.Field[Any, Any], values: Iterable[str]) -> dict[str, str]:
    keys = [key for value in values if (key := clean_key(target, value)) is not None]
    rows = labels(target.model, target, keys, router.db_for_read(target.model)) if keys else {}
    return {str(key): label for key, (_pk, label) in rows.items()}


def _from_entries(
    missing: Mapping[models.Field[Any, Any], Iterable[str]], using: str | None
) -> dict[tuple[models.Field[Any, Any], str], str]:
    """The labels in the last entries of objects that are gone, one query for all models together."""
    if not missing:
        return {}
    asked = models.Q()
    for target, values in missing.items():
        asked |= models.Q(model__in=labels_of(target.model), object_id__in=[key_text(value) for value in values])
    entries = Entry.objects.using(using)
    last = entries.filter(asked).exclude(object_repr="").values("model", "object_id").annotate(last=models.Max("id"))
    rows = entries.filter(id__in=last.values("last")).values_list("model", "object_id", "object_repr")
    known = {(label, key): text for label, key, text in rows}
    return {
        (target, value): text
        for target, values in missing.items()
        for value in values
        for label in labels_of(target.model)
        if (text := known.get((label, key_text(value))))
    }
