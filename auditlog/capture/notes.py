"""Facts and a reason that another app knows about a write in progress, for the entry of that write."""

from __future__ import annotations

from typing import Any

from django.db import models

from auditlog.capture.frames import Note, innermost_delete, innermost_save
from auditlog.capture.m2m import innermost_bracket


def note(instance: models.Model, *, reason: str = "", **facts: Any) -> None:
    """Add facts and a reason to the entry of the write of ``instance`` that is in progress.

    To be called by a receiver that runs before ours, with the instance it was sent. A write that changes nothing writes
    no entry, and one that is not recorded has none; the note is then forgotten with it.
    """
    target = _note_of(instance)
    if target is None:
        return
    target.reason = reason or target.reason
    target.facts.update(facts)


def _note_of(instance: models.Model) -> Note | None:
    """The note of the innermost write of ``instance``: a many-to-many operation, a save or a delete."""
    bracket = innermost_bracket(instance)
    if bracket is not None:
        return bracket.note
    save = innermost_save(instance)
    if save is not None:
        return save.note
    delete = innermost_delete()
    return None if delete is None else delete.notes.setdefault(id(instance), Note())
