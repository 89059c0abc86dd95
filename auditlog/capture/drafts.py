"""What a changed row says in the log: the difference of its two states, as an entry to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditlog.capture.diff import diff
from auditlog.capture.frames import Note
from auditlog.capture.registration import Registration, Table
from auditlog.capture.snapshot import Row
from auditlog.models import Action
from auditlog.naming import is_shortened
from auditlog.recording import Draft


def no_label() -> str:
    """The label of a row that no instance stands for."""
    return ""


def draft_of(
    part: Registration,
    table: Table,
    old: Row | None,
    new: Row | None,
    *,
    label: Callable[[], str] = no_label,
    note: Note | None = None,
) -> Draft | None:
    """The entry-to-be of one row before and after a write; None where nothing changed but quiet fields.

    ``table`` tells which fields the rows hold: all of them where the row came or went.
    """
    row = old if new is None else new
    if row is None:
        return None
    changes = diff(table.names, table.codecs, old, new, masked=part.masked)
    if old is not None and new is not None and part.quiet.issuperset(changes):
        return None
    action = Action.CREATE if old is None else Action.DELETE if new is None else Action.UPDATE
    key = part.key(table.pk_of(row))
    if is_shortened(key) and not part.key_is_masked:
        changes = {**_whole_key(table, row), **changes}
    note = note or Note()
    return Draft(action, part.label, key, label(), changes, reason=note.reason, facts=note.facts)


def _whole_key(table: Table, row: Row) -> dict[str, Any]:
    """A key too long for its column stands in full among the changes."""
    return {table.names[at]: [table.codecs[at].encode(row[at])] * 2 for at in table.keys}
