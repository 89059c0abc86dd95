"""The receivers of Django's signals: pre_save snapshots the stored row, post_save and post_delete record.

They are connected per registered model and its proxies (a receiver without a sender slows down every delete of the
project), once, with a ``dispatch_uid``. They decide when to record, never what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from django.db import connections, models
from django.db.models import signals

from auditlog.capture import loaded, m2m
from auditlog.capture.drafts import draft_of
from auditlog.capture.frames import (
    DeleteFrame,
    Moment,
    Note,
    SaveFrame,
    canonical_pk,
    innermost_delete,
    innermost_save,
    moved,
    open_frames,
    part_pk,
)
from auditlog.capture.registration import Registration
from auditlog.capture.registry import classes_of, label_of, registry
from auditlog.capture.relations import LinkTable
from auditlog.capture.snapshot import Row, from_instance, stored, stored_rows, take_write_lock
from auditlog.recording import Draft, is_recorded, record_entries, require_reason


def on_pre_save(sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any) -> None:
    """Snapshot the stored row, locked, before it is written."""
    frame = innermost_save(instance)
    if frame is None or frame.taken:
        return
    require_reason(sender, using)
    take_write_lock(using, sender)
    _prepare(frame, raw)
    frame.taken = True


def prepare_set(part: Registration, using: str) -> None:
    """What every set-based write begins with: the reason that the model may require, and SQLite's lock."""
    require_reason(part.model, using)
    take_write_lock(using, part.model)


def _prepare(frame: SaveFrame, raw: bool) -> None:
    """Find out what the save is about to overwrite."""
    instance, using = frame.instance, frame.using
    if raw:  # a fixture writes the table of its own model only
        own = type(instance)._meta.concrete_model
        frame.parts = frame.parts[:1] if frame.parts and frame.parts[0].model is own else ()
    keys = [part_pk(instance, part, using) for part in frame.parts]
    write_pending(using, {(part.label, part.key(key)) for part, key in zip(frame.parts, keys, strict=True)})
    if not frame.parts or not _may_exist(frame, raw):
        return
    frame.stored = {} if raw else loaded.kept(instance, frame.parts, using)
    frame.loaded = bool(frame.stored)
    if not frame.loaded:
        frame.stored = stored(
            using, type(instance)._meta.concrete_model or type(instance), instance.pk, frame.parts, keys
        )
        settle_outer(using, lambda part, pk: _row(frame.stored.get(part), part, pk), but=frame)


def _row(row: Row | None, part: Registration, pk: Any) -> Row | None:
    return row if row is not None and part.pk_of(row) == pk else None


def _may_exist(frame: SaveFrame, raw: bool) -> bool:
    """Whether Django may find a row to update: not for a new object without a key, nor for one whose key it makes.

    An object that was loaded is there most likely, and an INSERT of it then fails.
    """
    instance = frame.instance
    known = not instance._state.adding
    if not instance._is_pk_set() or (frame.inserts and not known):  # type: ignore[attr-defined] # missing in the stubs
        return bool(instance._meta.parents)
    made = all(field.has_default() or field.has_db_default() for field in instance._meta.pk_fields)
    return bool(instance._meta.parents) or raw or frame.updates or known or not made


def settle_outer(
    using: str, current: Callable[[Registration, Any], Row | None], *, but: SaveFrame | None = None
) -> None:
    """Settle the open saves of rows that are about to be written again by one of their receivers.

    Their entries must come first, and their new state is what is found now; before their own SQL ran, nothing differs.
    """
    for outer in open_frames():
        if outer.using != using or outer is but:
            continue
        if isinstance(outer, DeleteFrame):
            for part, pk in [key for key in outer.emptied if current(*key) is not None]:
                _record_emptied(outer, part, pk)
        elif outer.taken and not outer.done:
            for part in outer.parts:
                row = current(part, part_pk(outer.instance, part, using))
                if row is not None:
                    _record_row(outer, part, row)


def _record_emptied(frame: DeleteFrame, part: Registration, pk: Any) -> None:
    """Record after all that a delete has emptied keys of a row that is about to be deleted."""
    new, old = frame.emptied.pop((part, pk)), frame.old(part, pk)
    draft = draft_of(part, part.table(connections[frame.using].vendor), old, new)
    if draft is not None:
        record_entries(frame.using, [draft], on_error=part.options.on_error)
    moved(frame.using, part, pk, new, draft)


def on_post_save(
    sender: type[models.Model],
    instance: models.Model,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Record what the save changed."""
    frame = innermost_save(instance)
    if frame is not None and frame.taken and not frame.done:
        if created and frame.loaded:  # the row that was loaded has gone meanwhile
            frame.stored.pop(frame.parts[0], None)
        settle(frame, update_fields=update_fields, reread=raw)


def settle(frame: SaveFrame, *, update_fields: Collection[str] | None = None, reread: bool = False) -> None:
    """Compare the row as it is now with the snapshot and record the difference, parents first."""
    reread = reread or bool(frame.steps)
    hooks = None if frame.ours else connections[frame.using].run_on_commit
    for part in reversed(frame.parts):
        new = _new_state(frame, part, update_fields, reread)
        if new is not None:
            _record_row(frame, part, new)
            loaded.keep_row(frame.instance, part.table(connections[frame.using].vendor).attnames, new, hooks)
    frame.done = True


def _new_state(frame: SaveFrame, part: Registration, sent: Collection[str] | None, reread: bool) -> Row | None:
    table = part.table(connections[frame.using].vendor)
    row = None if reread else from_instance(table, frame.instance, frame.old(part), sent)
    if row is not None:
        return row
    pk = part_pk(frame.instance, part, frame.using)
    return next(iter(stored_rows(frame.using, part, [pk], lock=False).values()), None)


def _record_row(frame: SaveFrame, part: Registration, new: Row) -> None:
    table = part.table(connections[frame.using].vendor)
    old = frame.old(part)
    if isinstance(part, LinkTable):
        m2m.record_links(frame.using, part, [(old, new)])
        return
    facts = {"snapshot": "loaded"} if frame.loaded and old is not None else {}
    note = Note(frame.note.reason, {**facts, **frame.note.facts})
    draft = draft_of(part, table, old, new, label=lambda: label_of(frame.instance), note=note)
    if draft is not None:
        record_entries(frame.using, [draft], on_error=part.options.on_error)
    moved(frame.using, part, part.pk_of(new), new, draft)


def on_post_delete(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Add the deleted row, as read under lock, to the entries of the delete in progress."""
    frame = innermost_delete()
    part = registry.by_model.get(sender._meta.concrete_model or sender)
    if frame is None or part is None or frame.using != using:
        return
    pk = canonical_pk(part, instance.pk, using)
    pk = frame.actual.get((part, pk), pk)
    row = frame.old(part, pk)
    frame.stored.get(part, {}).pop(pk, None)
    if row is None:
        return
    table = part.table(connections[using].vendor)
    note = frame.notes.pop(id(instance), Note())
    draft = draft_of(part, table, row, None, label=lambda: label_of(instance), note=note)
    if draft is not None:
        moved(using, part, pk, None, draft)
        frame.drafts.append((part, draft))


def on_pre_delete(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Refuse a delete that needs a reason and has none."""
    if innermost_delete() is not None:
        require_reason(sender, using)


def write_pending(using: str, keys: set[tuple[str, str]]) -> None:
    """Write the entries that open deletes hold for these rows: a receiver makes one of them again."""
    for frame in open_frames():
        if isinstance(frame, DeleteFrame) and frame.using == using:
            now = [pair for pair in frame.drafts if (pair[1].model, pair[1].object_id) in keys]
            frame.drafts = [pair for pair in frame.drafts if pair not in now]
            _write(frame, now)
            frame.written += [(part, draft, Moment.now(using)) for part, draft in now]


def write_deletes(frame: DeleteFrame) -> None:
    """Write the entries of a delete, in one go; those written early again where their savepoint was rolled back."""
    for part, rows in frame.stored.items():
        _write_silent(frame, part, rows)
    for part, draft, moment in frame.written:
        if not moment.surely_stands(frame.using) and not is_recorded(frame.using, draft):
            frame.drafts.append((part, draft))
    _write(frame, frame.drafts)
    m2m.record_ended(frame)


def _write_silent(frame: DeleteFrame, part: Registration, rows: dict[Any, Row]) -> None:
    """The rows of tables for which no signal came."""
    if isinstance(part, LinkTable):
        m2m.record_links(frame.using, part, [(frame.old(part, pk), None) for pk in rows])
    elif part.is_silent:
        table = part.table(connections[frame.using].vendor)
        drafts = (draft_of(part, table, frame.old(part, pk), None) for pk in rows)
        frame.drafts += [(part, draft) for draft in drafts if draft is not None]


def _write(frame: DeleteFrame, drafts: list[tuple[Registration, Draft]]) -> None:
    drafts = [(part, _with_links(frame, draft)) for part, draft in drafts]
    for on_error in ("raise", "log"):
        chosen = [draft for part, draft in drafts if part.options.on_error == on_error]
        record_entries(frame.using, chosen, on_error=on_error, columns=frame.columns)


def _with_links(frame: DeleteFrame, draft: Draft) -> Draft:
    """The draft with the relations that ended with the object."""
    links = frame.links.pop((draft.model, draft.object_id), {})
    return replace(draft, changes={**draft.changes, **links}) if links else draft


_RECEIVERS = (
    (signals.pre_save, on_pre_save),
    (signals.post_save, on_post_save),
    (signals.pre_delete, on_pre_delete),
    (signals.post_delete, on_post_delete),
)


def connect(registration: Registration) -> None:
    """Connect the receivers for one registered model, its proxies and its many-to-many relations."""
    for sender in classes_of(registration.model):
        connect_class(registration, sender)
    m2m.connect(registration)


def connect_class(registration: Registration, sender: type[models.Model]) -> None:
    """Connect the receivers for one class that Django sends for the registered table."""
    for signal, receiver in _RECEIVERS:
        signal.connect(receiver, sender=sender, dispatch_uid=("auditlog", sender, receiver.__name__))
    if registration.options.snapshot == "loaded":
        loaded.connect(sender)


def disconnect(registration: Registration) -> None:
    """Take back everything that :func:`connect` did."""
    for sender in classes_of(registration.model):
        for signal, receiver in _RECEIVERS:
            signal.disconnect(sender=sender, dispatch_uid=("auditlog", sender, receiver.__name__))
        loaded.disconnect(sender)
    m2m.disconnect(registration)
