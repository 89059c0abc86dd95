"""Open captures: what was seen before a write, until its entry is written. One frame per save, one batch per delete.

Frames live on a stack in a ContextVar, not on the instance: the same instance may be saved again by its own receiver,
an exception would leave state behind, and pickles would carry it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, models

from auditlog.capture.registration import Registration
from auditlog.capture.snapshot import Row
from auditlog.capture.values import Unsettled
from auditlog.contexts import Columns
from auditlog.recording import Draft, is_recorded


@dataclass(eq=False, slots=True)
class Note:
    """What another app told about a write in progress (:func:`auditlog.capture.notes.note`), for its entry."""

    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point within a transaction, to be asked later whether a savepoint before it was rolled back."""

    savepoints: tuple[str | None, ...]
    hooks: object

    @classmethod
    def now(cls, using: str) -> Moment:
        """The present moment of the connection's transaction."""
        connection = connections[using]
        return cls(tuple(connection.savepoint_ids), connection.run_on_commit)

    def surely_stands(self, using: str) -> bool:
        """Whether what was written then is certainly still there.

        It is while its savepoints are open, and while Django has not replaced the list of commit hooks, which it does
        whenever a savepoint is rolled back. Otherwise it may have been another savepoint.
        """
        connection = connections[using]
        still_open = tuple(connection.savepoint_ids[: len(self.savepoints)]) == self.savepoints
        return still_open or connection.run_on_commit is self.hooks


@dataclass(frozen=True, slots=True)
class Step:
    """A write of a row while a frame that holds it was open, and the row it left; None: it was deleted."""

    part: Registration
    pk: Any
    row: Row | None
    moment: Moment
    draft: Draft | None

    def stands(self, using: str) -> bool:
        """Whether the write was not rolled back; in doubt, its entry says so."""
        if self.moment.surely_stands(using):
            return True
        return self.draft is not None and is_recorded(using, self.draft)


@dataclass(eq=False, slots=True)
class SaveFrame:
    """One call of ``save_base`` in progress."""

    instance: models.Model
    using: str
    parts: tuple[Registration, ...]
    ours: bool = False
    """Whether the transaction is the frame's own."""
    inserts: bool = False
    """The caller forces an INSERT: there can be no stored row."""
    updates: bool = False
    """The caller forces an UPDATE, or a fixture may overwrite: there can be a stored row whatever the key."""
    stored: dict[Registration, Row] = field(default_factory=dict)
    """The rows as the snapshot found them."""
    steps: list[Step] = field(default_factory=list)
    taken: bool = False
    done: bool = False
    loaded: bool = False
    note: Note = field(default_factory=Note)

    def old(self, part: Registration) -> Row | None:
        """The row before what is still to be recorded: as stored, or as receivers that wrote it meanwhile left it."""
        row = self.stored.get(part)
        for step in self.steps:
            if step.part is part and step.stands(self.using):
                row = step.row
        return row

    def moved(self, using: str, step: Step) -> None:
        """Note that the row of this save was written and recorded."""
        mine = not self.done and using == self.using and step.part in self.parts
        if mine and part_pk(self.instance, step.part, using) == step.pk:
            self.steps.append(step)


@dataclass(eq=False, slots=True)
class DeleteFrame:
    """One call of ``Collector.delete`` in progress: the locked rows and the entries to write at its end."""

    using: str
    columns: Columns | None = None
    """Who, when and where from, found before the delete: the actor may be the user who is deleted."""
    stored: dict[Registration, dict[Any, Row]] = field(default_factory=dict)
    doomed: dict[Registration, set[Any]] = field(default_factory=dict)
    """The keys of all rows that were about to be deleted when it began."""
    actual: dict[tuple[Registration, Any], Any] = field(default_factory=dict)
    """The keys of rows that the database found by another one: "A" finds the row of "a" in some collations."""
    emptied: dict[tuple[Registration, Any], Row] = field(default_factory=dict)
    """Rows whose keys Django has emptied before it deletes them, as they are now; no entry says so."""
    steps: list[Step] = field(default_factory=list)
    links: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """Relations that ended with the objects, by label and object id: what their entries say beside their fields."""
    drafts: list[tuple[Registration, Draft]] = field(default_factory=list)
    written: list[tuple[Registration, Draft, Moment]] = field(default_factory=list)
    """Entries that had to be written early, perhaps within a savepoint that does not stand."""
    notes: dict[int, Note] = field(default_factory=dict)
    """By identity of the instance, which the collector keeps alive."""

    def unlink(self, part: Registration, pk: Any, name: str, change: dict[str, Any]) -> None:
        """Note that a relation of an object to be deleted has ended."""
        known = self.links.setdefault((part.label, part.key(pk)), {}).setdefault(name, change)
        if known is not change and "removed" in known:
            known["removed"] += [pair for pair in change["removed"] if pair not in known["removed"]]

    def old(self, part: Registration, pk: Any) -> Row | None:
        """The row about to be deleted, as receivers left it; None where one of them has deleted it already."""
        row = self.stored.get(part, {}).get(pk)
        for step in self.steps:
            if step.part is part and step.pk == pk and step.stands(self.using):
                row = step.row
        return row

    def moved(self, using: str, step: Step) -> None:
        """A receiver wrote a row that is about to be deleted."""
        if using == self.using and step.pk in self.stored.get(step.part, {}):
            self.steps.append(step)


Frame = SaveFrame | DeleteFrame
_stack: ContextVar[tuple[Frame, ...]] = ContextVar("auditlog_frames", default=())


@contextmanager
def opened(frame: Frame) -> Iterator[None]:
    """Keep the frame on the stack during the block."""
    token = _stack.set((*_stack.get(), frame))
    try:
        yield
    finally:
        _stack.reset(token)


def open_frames() -> tuple[Frame, ...]:
    """The frames in progress in this context, the innermost last."""
    return _stack.get()


def innermost_save(instance: models.Model) -> SaveFrame | None:
    """The frame of the save in progress, if it is that of ``instance``."""
    stack = _stack.get()
    frame = stack[-1] if stack else None
    return frame if isinstance(frame, SaveFrame) and frame.instance is instance else None


def innermost_delete() -> DeleteFrame | None:
    """The frame of the delete in progress."""
    return next((frame for frame in reversed(_stack.get()) if isinstance(frame, DeleteFrame)), None)


def moved(using: str, part: Registration, pk: Any, row: Row | None, draft: Draft | None) -> None:
    """Tell the open frames that a row was written; ``row`` is None when it was deleted, ``draft`` its entry if any."""
    if stack := _stack.get():
        step = Step(part, pk, row, Moment.now(using), draft)
        for frame in stack:
            frame.moved(using, step)


def part_pk(instance: models.Model, part: Registration, using: str) -> Any:
    """The key, as the database holds it, of the row that ``instance`` has in the table of ``part``."""
    if part.model is type(instance)._meta.concrete_model:
        return canonical_pk(part, instance.pk, using)
    value = instance.__dict__.get(part.model._meta.pk.attname)
    if value is None and (link := type(instance)._meta.get_ancestor_link(part.model)) is not None:
        value = instance.__dict__.get(link.attname)
    return canonical_pk(part, value, using)


def canonical_pk(part: Registration, pk: Any, using: str) -> Any:
    """A key as the database gives it back: ``"5"`` is 5, and a UUID may be given as text."""
    table = part.table(connections[using].vendor)
    fields = part.model._meta.pk_fields
    values = tuple(pk) if len(fields) > 1 and pk is not None else (pk,)
    found = []
    for value, each in zip(values, fields, strict=False):
        try:
            found.append(table.codecs[table.names.index(each.name)].canonical(value))
        except Unsettled:
            found.append(value)
    return tuple(found) if len(fields) > 1 else found[0]
