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

from django.db import models

from auditlog.capture.registration import Registration
from auditlog.capture.snapshot import Row
from auditlog.recording import Draft


@dataclass(eq=False, slots=True)
class Note:
    """What another app told about a write in progress (:func:`auditlog.capture.notes.note`), for its entry."""

    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class SaveFrame:
    """One call of ``save_base`` in progress."""

    instance: models.Model
    using: str
    parts: tuple[Registration, ...]
    old: dict[Registration, Row] = field(default_factory=dict)
    taken: bool = False
    done: bool = False
    stale: bool = False
    """Something wrote the row meanwhile: memory no longer says what the database holds."""
    loaded: bool = False
    note: Note = field(default_factory=Note)

    def moved(self, using: str, part: Registration, pk: Any, row: Row | None) -> None:
        """Another write of the same row was recorded: what it left is this frame's old state."""
        if self.done or using != self.using or part not in self.parts or str(part_pk(self.instance, part)) != str(pk):
            return
        self.stale = True
        if row is None:
            self.old.pop(part, None)
        else:
            self.old[part] = row


@dataclass(eq=False, slots=True)
class DeleteFrame:
    """One call of ``Collector.delete`` in progress: the locked rows and the entries to write at its end."""

    using: str
    old: dict[Registration, dict[Any, Row]] = field(default_factory=dict)
    links: dict[Registration, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    drafts: list[tuple[Registration, Draft]] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    """By identity of the instance, which the collector keeps alive."""

    def moved(self, using: str, part: Registration, pk: Any, row: Row | None) -> None:
        """A receiver changed a row that is about to be deleted."""
        rows = self.old.get(part, {})
        if using == self.using and pk in rows and row is not None:
            rows[pk] = row


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


def moved(using: str, part: Registration, pk: Any, row: Row | None, *, origin: SaveFrame | None = None) -> None:
    """Tell the other open frames that ``origin`` wrote and recorded a row; ``row`` is None when it was deleted."""
    for frame in _stack.get():
        if frame is not origin:
            frame.moved(using, part, pk, row)


def part_pk(instance: models.Model, part: Registration) -> Any:
    """The primary key of the row that ``instance`` has in the table of ``part``, its own or a parent's."""
    model = type(instance)._meta.concrete_model
    if part.model is model:
        return instance.pk
    value = instance.__dict__.get(part.model._meta.pk.attname)
    if value is not None:
        return value
    link = type(instance)._meta.get_ancestor_link(part.model)
    return None if link is None else instance.__dict__.get(link.attname)
