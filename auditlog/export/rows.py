"""An entry as rows of the table that is exported; pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from auditlog.export.cells import MASKED, cell
from auditlog.models import Action, Entry

Per = Literal["change", "entry"]
Row = list[str]

_FACTS: dict[str, Callable[[Entry], Any]] = {
    "id": lambda entry: entry.pk,
    "recorded_at": lambda entry: moment(entry.recorded_at),
    "action": lambda entry: action_name(entry.action),
    "event": lambda entry: entry.event,
    "model": lambda entry: entry.model,
    "object_id": lambda entry: entry.object_id,
    "object_repr": lambda entry: entry.object_repr,
    "actor_id": lambda entry: None if entry.actor_id is None else str(entry.actor_id),
    "actor": lambda entry: entry.actor_repr,
    "changeset": lambda entry: str(entry.changeset),
    "remote_addr": lambda entry: entry.remote_addr,
    "reason": lambda entry: entry.reason,
}
COLUMNS: dict[Per, tuple[str, ...]] = {
    "change": (*_FACTS, "field", "old", "new"),
    "entry": (*_FACTS, "changes"),
}
"""The header of the file: one row per change of a field, or one per entry."""


def rows_of(entry: Entry, per: Per = "change") -> Iterator[Row]:
    """The rows of one entry, by name of the field (databases do not keep their order); one if nothing changed."""
    facts = [cell(read(entry)) for read in _FACTS.values()]
    if per == "entry":
        yield [*facts, cell(json.dumps(dict(sorted(entry.changes.items())), ensure_ascii=False))]
    elif not entry.changes:
        yield [*facts, "", "", ""]
    else:
        for name, change in sorted(entry.changes.items()):
            old, new = sides(change)
            yield [*facts, cell(name), cell(old), cell(new)]


def sides(change: Any) -> tuple[Any, Any]:
    """What stood before and after: the values, the labels removed and added, or the sign that they are masked."""
    if isinstance(change, dict) and change.get("masked") is True:
        return MASKED, MASKED
    if isinstance(change, dict) and change and change.keys() <= {"added", "removed"}:
        return names(change.get("removed")), names(change.get("added"))
    if isinstance(change, list) and len(change) == 2:  # noqa: PLR2004 - old and new
        return change[0], change[1]
    return None, change


def names(members: list[Any] | None) -> str:
    """The labels of ``[[key, label], …]``, the key where there is no label."""
    return ", ".join(str(label or key) for key, label in members or [])


def action_name(action: int) -> str:
    """The name by which the filters know an action."""
    return Action(action).name.lower()


def moment(instant: dt.datetime) -> str:
    """ISO 8601 with microseconds and zone, in UTC."""
    return instant.astimezone(dt.UTC).isoformat(timespec="microseconds")
