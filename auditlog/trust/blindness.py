"""What made the state of rows unknown to the log: migrations, changed registrations and pauses, which it tells itself.

Migrations and registrations are compared by entry id with the entries of a row. A pause may have been recorded on
another database, and stops the recording of some programs only, so it is compared by time.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import router

from auditlog.capture.registration import Registration
from auditlog.databases import entries_about
from auditlog.models import Action, Entry
from auditlog.trust.registrations import BASELINED, REGISTRATION, chosen, events_about, last_chosen

MIGRATION, PAUSED, RESUMED = "migration", "auditlog.paused", "auditlog.resumed"
NOW = 2**63 - 1
"""An entry id behind all others."""

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Blindness:
    """Of one model: the ids of the entries that say that its rows, or one of its fields, became unknown."""

    fields: dict[str, list[int]] = field(default_factory=dict)
    """By field; the empty name stands for the rows as such."""
    baselined: int = 0
    """The entry that says that from then on every row of the model has entries; 0 where none does."""

    def between(self, name: str, older: int, newer: int = NOW) -> bool:
        """Whether the field, or the row as such, became unknown after entry ``older`` and before ``newer``."""
        return any(self._within(each, older, newer) for each in ({name, ""}))

    def _within(self, name: str, older: int, newer: int) -> bool:
        ids = self.fields.get(name, ())
        at = bisect_right(ids, older)
        return at < len(ids) and ids[at] <= newer


@dataclass(frozen=True, slots=True)
class Pause:
    """A span of time in which some writes went unrecorded."""

    begin: dt.datetime
    end: dt.datetime | None
    """None where nothing says that it ended: the program may have been killed."""
    reason: str

    def overlaps(self, since: dt.datetime, until: dt.datetime | None) -> bool:
        """Whether a part of the pause lies after ``since`` and before ``until`` (None: now)."""
        return (self.end is None or self.end >= since) and (until is None or self.begin <= until)


@dataclass(frozen=True, slots=True)
class Told:
    """The events of a log that concern what it could not see."""

    migrations: dict[str, list[int]]
    """By ``app.model`` or ``app.model.field``, ascending."""
    pauses: tuple[Pause, ...]

    def pause(self, since: dt.datetime, until: dt.datetime | None = None) -> Pause | None:
        """A pause that overlaps the span."""
        return next((each for each in self.pauses if each.overlaps(since, until)), None)


def told(using: str) -> Told:
    """Read the events of the log on ``using``, and the pauses that were recorded where events about no object go."""
    migrations: dict[str, list[int]] = defaultdict(list)
    pauses = _Pauses()
    for alias in dict.fromkeys((using, router.db_for_write(Entry))):
        for row in _events(alias):
            if row["event"] != MIGRATION:
                pauses.take(row)
            elif alias == using:
                for name in _unknown_after(row["changes"]):
                    migrations[name].append(row["id"])
    return Told(dict(migrations), tuple(pauses.ended))


def _unknown_after(changes: dict[str, Any]) -> Iterator[str]:
    """The fields that a migration changed and the models that it dropped; a renamed model keeps its rows."""
    for name, (_old, new) in changes.items():
        if name.count(".") > 1 or new is None:
            yield name


def _events(using: str) -> Iterator[dict[str, Any]]:
    """The events about no object, oldest first."""
    after = 0
    while True:
        found = entries_about(using).filter(model="", action=Action.EVENT, id__gt=after)
        found = found.filter(event__in=(MIGRATION, PAUSED, RESUMED)).order_by("id")
        rows: list[Any] = list(found.values("id", "event", "changes", "recorded_at", "changeset", "reason")[:_CHUNK])
        yield from rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1]["id"]


class _Pauses:
    """Finds the end of each pause: by its changeset, else by its reason, the first begun first."""

    def __init__(self) -> None:
        self._open: list[dict[str, Any]] = []
        self._ended: list[Pause] = []

    def take(self, row: dict[str, Any]) -> None:
        """Add the begin or the end of a pause."""
        if row["event"] == PAUSED:
            self._open.append(row)
            return
        same = [each for each in self._open if each["changeset"] == row["changeset"]]
        begun = next(iter(same or [each for each in self._open if each["reason"] == row["reason"]]), None)
        if begun is not None:
            self._open.remove(begun)
            self._ended.append(Pause(begun["recorded_at"], row["recorded_at"], row["reason"]))

    @property
    def ended(self) -> list[Pause]:
        """All pauses, those without an end last."""
        return [*self._ended, *(Pause(each["recorded_at"], None, each["reason"]) for each in self._open)]


def blindness(using: str, part: Registration, events: Told) -> Blindness:
    """What the log of one model could not see; a registration that changed since it was last told counts as now."""
    fields: dict[str, list[int]] = defaultdict(list)
    baselined = 0
    for number, event, changes in events_about(using, part.labels, REGISTRATION, BASELINED):
        if event == BASELINED:
            baselined = max(baselined, number)
            continue
        for name in _touched(*changes["fields"]):
            fields[name].append(number)
    for label in part.labels:
        fields[""] += events.migrations.get(label, [])
        for name in (f.name for f in (*part.fields, *part.m2m)):
            fields[name] += events.migrations.get(f"{label}.{name}", [])
    now = chosen(part)
    before = last_chosen(using, part.labels, now)
    for name in _touched(before.fields, now.fields) if before else ():
        fields[name].append(NOW)
    return Blindness({name: sorted(ids) for name, ids in fields.items()}, baselined)


def _touched(before: Any, now: Any) -> set[str]:
    """The fields that one list has and the other has not; the rows as such where one of them is empty."""
    return set(before) ^ set(now) | (set() if before and now else {""})
