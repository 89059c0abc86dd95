"""Replay: the last known state of one object, told by its entries alone; pure.

What no entry has ever named is unknown, which is not the same as None.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from auditlog.capture.value_base import Json
from auditlog.capture.value_json import same_json

CREATE, UPDATE, DELETE, BASELINE = 1, 2, 3, 4
TELLING = (CREATE, UPDATE, DELETE, BASELINE)
"""The actions whose entries tell the state of a row; the numbers of :class:`auditlog.models.Action` never change."""


class Step(NamedTuple):
    """What replay needs of one entry."""

    id: int
    at: dt.datetime
    action: int
    changes: dict[str, Any]
    loaded: bool = False
    """Its old values come from memory (``snapshot="loaded"``) and may be wrong."""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The last value of one field, and the entry that told it."""

    value: Json
    id: int
    at: dt.datetime
    masked: bool = False
    """There is a value, and the log does not hold it."""


@dataclass(slots=True)
class Links:
    """What the log tells of one many-to-many relation of the object: by key, whether it is linked."""

    keys: dict[str, tuple[bool, int, dt.datetime]] = field(default_factory=dict)
    """By key as JSON text: linked or not, and the entry that told it."""
    masked_at: int = 0
    """The newest entry that hid what changed."""


@dataclass(slots=True)
class State:
    """What is known of one object after its entries."""

    exists: bool = True
    last: Step | None = None
    whole: Step | None = None
    """The entry (create or baseline) that told every recorded field and link."""
    fields: dict[str, Known] = field(default_factory=dict)
    links: dict[str, Links] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """An entry whose old value is not what the entry before it had told: something changed in between."""

    field: str
    """Empty where the row itself came or went."""
    expected: Json
    found: Json
    before: Known
    id: int
    at: dt.datetime


Equal = Callable[[str, Json, Json], bool]
Blind = Callable[[str, int, int], bool]


def link_key(key: Json) -> str:
    """The key of a linked object as text that can be compared."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False)


def is_link_change(change: Any) -> bool:
    """Whether this is a many-to-many change as entries hold it."""
    return isinstance(change, dict) and bool(change) and change.keys() <= {"added", "removed"}


class Replay:
    """Folds the entries of one object, oldest first; constant memory however many there are."""

    def __init__(
        self,
        *,
        exempt: frozenset[str] = frozenset(),
        equal: Equal = lambda _name, a, b: same_json(a, b),
        blind: Blind = lambda _name, _older, _newer: False,
    ) -> None:
        """``exempt`` fields (the quiet ones) may change without an entry.

        ``blind(field, older, newer)`` says whether something between two entry ids made the field's state unknown;
        the field is empty for the row as a whole.
        """
        self.state = State()
        self._exempt = exempt
        self._equal = equal
        self._blind = blind

    def take(self, step: Step) -> list[Gap]:
        """Add one entry; returns the gaps between it and what was known before."""
        if step.action not in TELLING:
            return []
        gaps = [] if step.loaded else list(self._gaps(step))
        if step.action in (CREATE, BASELINE):
            self.state = State(whole=step)
        self.state.exists = step.action != DELETE
        self.state.last = step
        for name, change in step.changes.items():
            self._learn(name, change, step)
        return gaps

    def _gaps(self, step: Step) -> Iterator[Gap]:
        yield from self._row_gap(step)
        for name, change in step.changes.items():
            if name in self._exempt or step.redacted or step.action in (CREATE, BASELINE) or not self.state.exists:
                continue
            if is_link_change(change):
                yield from self._link_gaps(name, change, step)
                continue
            known = self.state.fields.get(name)
            if known is None or known.masked or not _is_pair(change) or self._blind(name, known.id, step.id):
                continue
            if not self._equal(name, known.value, change[0]):
                yield Gap(name, known.value, change[0], known, step.id, step.at)

    def _row_gap(self, step: Step) -> Iterator[Gap]:
        """A row that was made although it was there, or changed although it was gone."""
        last = self.state.last
        if last is None or step.action == BASELINE or self._blind("", last.id, step.id):
            return
        if self.state.exists == (step.action == CREATE):
            there, gone = "the row", "no row"
            expected, found = (there, gone) if self.state.exists else (gone, there)
            yield Gap("", expected, found, Known(None, last.id, last.at), step.id, step.at)

    def _link_gaps(self, name: str, change: dict[str, Any], step: Step) -> Iterator[Gap]:
        """A link that was made although it was there, or taken away although it was gone."""
        known = self.state.links.get(name, Links()).keys
        for word, linked in (("added", True), ("removed", False)):
            for key, *_label in change.get(word) or ():
                was, entry, at = known.get(link_key(key), (not linked, 0, step.at))
                if was == linked and not self._blind(name, entry, step.id):
                    found, expected = ("not linked", "linked") if linked else ("linked", "not linked")
                    yield Gap(name, [key, expected], [key, found], Known(None, entry, at), step.id, step.at)

    def _learn(self, name: str, change: Any, step: Step) -> None:
        if is_link_change(change):
            links = self.state.links.setdefault(name, Links())
            for word in ("removed", "added"):
                for key, *_label in change.get(word) or ():
                    links.keys[link_key(key)] = (word == "added", step.id, step.at)
        elif step.redacted or not _is_pair(change):
            self.state.fields[name] = Known(None, step.id, step.at, masked=True)
            self.state.links.setdefault(name, Links()).masked_at = step.id
        else:
            # of a row that is gone its last values are known
            self.state.fields[name] = Known(change[0 if step.action == DELETE else 1], step.id, step.at)


def _is_pair(change: Any) -> bool:
    return isinstance(change, list) and len(change) == 2  # noqa: PLR2004 - old and new


def replay(
    steps: Iterable[Step],
    *,
    exempt: frozenset[str] = frozenset(),
    equal: Equal = lambda _name, a, b: same_json(a, b),
    blind: Blind = lambda _name, _older, _newer: False,
) -> tuple[State, list[Gap]]:
    """The last known state of one object and the gaps in its chain, from its entries, oldest first."""
    folded = Replay(exempt=exempt, equal=equal, blind=blind)
    gaps = [gap for step in steps for gap in folded.take(step)]
    return folded.state, gaps
