"""The entries before and after one, of the same object."""

from __future__ import annotations

from auditlog.capture.registry import labels_of
from auditlog.models import Entry
from auditlog.query.live import live_model
from auditlog.query.querysets import EntryQuerySet


def neighbours(visible: EntryQuerySet, entry: Entry) -> tuple[Entry | None, Entry | None]:
    """The next older and the next newer entry of the same object; entries about no object have none."""
    if not entry.object_id:
        return None, None
    model = live_model(entry.model)
    labels = labels_of(model) if model else (entry.model,)
    same = visible.filter(model__in=labels, object_id=entry.object_id)
    older = same.filter(pk__lt=entry.pk).order_by("-pk").first()
    newer = same.filter(pk__gt=entry.pk).order_by("pk").first()
    return older, newer
