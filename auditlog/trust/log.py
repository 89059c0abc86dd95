"""The entries of many objects, object by object, in constant memory, along the index (model, object_id, -id).

The index is walked backwards: objects by descending key, the entries of each by ascending id.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import models

from auditlog.databases import entries_about
from auditlog.models import Entry
from auditlog.trust.replay import TELLING, Step

CHUNK = 2000
_COLUMNS = ("id", "recorded_at", "action", "changes", "context", "redaction")


def telling(using: str, labels: Iterable[str]) -> models.QuerySet[Entry]:
    """The entries of the models with these labels that tell the state of a row."""
    found: models.QuerySet[Entry] = entries_about(using).filter(model__in=labels, action__in=TELLING)
    return found.exclude(object_id="")


def _step(row: Sequence[Any]) -> Step:
    number, at, action, changes, context, redaction = row
    return Step(number, at, action, changes, context.get("snapshot") == "loaded", redaction is not None)


def _steps(using: str, label: str, key: str, after: int) -> Iterator[Step]:
    while True:
        rows = telling(using, [label]).filter(object_id=key, id__gt=after).order_by("id").values_list(*_COLUMNS)
        found = [_step(row) for row in rows[:CHUNK]]
        yield from found
        if len(found) < CHUNK:
            return
        after = found[-1].id


def steps_of(using: str, labels: Sequence[str], key: str) -> Iterator[Step]:
    """The entries of one object, oldest first, under all the labels that its model has had."""
    return heapq.merge(*(_steps(using, label, key, 0) for label in labels), key=lambda step: step.id)


def page_of(using: str, labels: Sequence[str], at: int, before: str | None) -> list[tuple[str, Iterator[Step]]]:
    """The next objects of the log that have entries under ``labels[at]``, after the object ``before``.

    Objects that have entries under a label further up in ``labels`` are left out: they came with it. The iterators are
    read one after the other.
    """
    label = labels[at]
    entries = telling(using, [label])
    if before is not None:
        entries = entries.filter(object_id__lt=before)
    rows = entries.order_by("-model", "-object_id", "id").values_list("object_id", *_COLUMNS)[:CHUNK]
    grouped: dict[str, list[Step]] = {}
    for key, *columns in rows:
        grouped.setdefault(key, []).append(_step(columns))
    if not grouped:
        return []
    others = [each for each in labels if each != label]
    elsewhere = known_keys(using, others, grouped) if others else set()
    last = next(reversed(grouped))
    cut = sum(map(len, grouped.values())) == CHUNK
    return [
        (key, _whole(using, labels, label, key, steps, elsewhere, cut=cut and key == last))
        for key, steps in grouped.items()
    ]


def _whole(
    using: str, labels: Sequence[str], label: str, key: str, begun: list[Step], elsewhere: set[str], *, cut: bool
) -> Iterator[Step]:
    """All entries of one object, of which ``begun`` are read; ``elsewhere`` are those with entries of other labels."""
    if key in elsewhere:
        return steps_of(using, labels, key)
    return _continued(using, label, key, begun) if cut else iter(begun)


def _continued(using: str, label: str, key: str, begun: list[Step]) -> Iterator[Step]:
    yield from begun
    yield from _steps(using, label, key, begun[-1].id)


def known_keys(using: str, labels: Iterable[str], keys: Iterable[str], actions: Iterable[int] = TELLING) -> set[str]:
    """Those of the keys that have entries which tell the state of a row."""
    found = telling(using, labels).filter(object_id__in=list(keys), action__in=actions)
    return set(found.order_by().values_list("object_id", flat=True).distinct())
