"""One page of an object's history: its entries with Django's own admin log lines among them, in time order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core import signing
from django.db.models import QuerySet

from auditlog.models import Entry
from auditlog.query.pages import CursorError
from auditlog.query.querysets import EntryQuerySet

_SALT = "auditlog.history"
_END = 2**63 - 1  # above every id: nothing of that source was passed yet

Item = Entry | LogEntry


@dataclass(frozen=True)
class HistoryPage:
    """Items newest first, and the cursors of the neighbouring pages."""

    items: tuple[Item, ...]
    newer: str | None
    older: str | None


@dataclass(frozen=True)
class _Cut:
    """A place in both sources at once: an id in each."""

    entry: int
    line: int


@dataclass(frozen=True)
class _Sources:
    entries: EntryQuerySet
    lines: QuerySet[LogEntry]
    size: int

    def older(self, cut: _Cut) -> list[Item]:
        """What lies before the cut, newest first, one more than a page."""
        entries = _below(self.entries, cut.entry)[: self.size + 1]
        lines = _below(self.lines, cut.line)[: self.size + 1]
        return _first(merge(entries, lines, key=_moment, reverse=True), self.size + 1)

    def newer(self, cut: _Cut) -> list[Item]:
        """What lies after the cut, oldest first, one more than a page."""
        entries = _above(self.entries, cut.entry)[: self.size + 1]
        lines = _above(self.lines, cut.line)[: self.size + 1]
        return _first(merge(entries, lines, key=_moment), self.size + 1)


def history_page(
    entries: EntryQuerySet, lines: QuerySet[LogEntry], *, size: int, cursor: str | None = None
) -> HistoryPage:
    """The page at the cursor, the newest without one; raises :class:`CursorError` for a cursor that is not ours."""
    sources = _Sources(entries, lines, size)
    if cursor is None:
        return _older_page(sources, _Cut(_END, _END))
    direction, cut = _read(cursor)
    if direction == "older":
        return _older_page(sources, cut)
    found = sources.newer(cut)
    if len(found) <= size:  # the newest page, shown full
        return _older_page(sources, _Cut(_END, _END))
    items = tuple(reversed(found[:size]))
    return HistoryPage(items, _write("newer", _top(items, cut)), _write("older", _bottom(items, _shift(cut, 1))))


def _older_page(sources: _Sources, cut: _Cut) -> HistoryPage:
    found = sources.older(cut)
    items = tuple(found[: sources.size])
    newest = cut == _Cut(_END, _END)
    return HistoryPage(
        items,
        None if newest else _write("newer", _top(items, _shift(cut, -1))),
        _write("older", _bottom(items, cut)) if len(found) > sources.size else None,
    )


def _moment(item: Item) -> tuple[dt.datetime, bool]:
    """Within one moment the admin's line, written after the save, is the later one."""
    return (item.recorded_at, False) if isinstance(item, Entry) else (item.action_time, True)


def _top(items: tuple[Item, ...], otherwise: _Cut) -> _Cut:
    return _Cut(
        max((i.pk for i in items if isinstance(i, Entry)), default=otherwise.entry),
        max((i.pk for i in items if isinstance(i, LogEntry)), default=otherwise.line),
    )


def _bottom(items: tuple[Item, ...], otherwise: _Cut) -> _Cut:
    return _Cut(
        min((i.pk for i in items if isinstance(i, Entry)), default=otherwise.entry),
        min((i.pk for i in items if isinstance(i, LogEntry)), default=otherwise.line),
    )


def _shift(cut: _Cut, by: int) -> _Cut:
    """The same place named from its other side: below 7 is above 6."""
    return _Cut(min(cut.entry + by, _END), min(cut.line + by, _END))


def _below(found: QuerySet[Any], bound: int) -> QuerySet[Any]:
    return (found if bound == _END else found.filter(pk__lt=bound)).order_by("-pk")


def _above(found: QuerySet[Any], bound: int) -> QuerySet[Any]:
    return (found.none() if bound >= _END - 1 else found.filter(pk__gt=bound)).order_by("pk")


def _first(items: Iterator[Item], count: int) -> list[Item]:
    return list(islice(items, count))


def _write(direction: str, cut: _Cut) -> str:
    return signing.dumps([direction, cut.entry, cut.line], salt=_SALT)


def _read(cursor: str) -> tuple[str, _Cut]:
    try:
        direction, entry, line = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature as error:
        raise CursorError from error
    return direction, _Cut(entry, line)
