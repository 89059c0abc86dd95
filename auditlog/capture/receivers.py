"""The receivers of Django's signals: pre_save snapshots the stored row, post_save and post_delete record.

They are connected per registered model and its proxies (a receiver without a sender slows down every delete of the
project), once, with a ``dispatch_uid``. They decide when to record, never what is stored.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connections, models
from django.db.models import signals

from auditlog.capture import loaded, m2m
from auditlog.capture.diff import diff
from auditlog.capture.frames import (
    DeleteFrame,
    Note,
    SaveFrame,
    innermost_delete,
    innermost_save,
    moved,
    open_frames,
    part_pk,
)
from auditlog.capture.registration import Registration
from auditlog.capture.registry import classes_of, label_of, registry
from auditlog.capture.snapshot import Row, from_instance, stored, stored_rows, take_write_lock
from auditlog.models import Action
from auditlog.naming import is_shortened
from auditlog.recording import Draft, record_entries, require_reason


def on_pre_save(sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any) -> None:
    """Snapshot the stored row, locked, before it is written."""
    frame = innermost_save(instance)
    if frame is None or frame.taken:
        return
    require_reason(sender, using)
    flush_deletes(using)
    take_write_lock(using, sender)
    frame.old = _old_state(frame, raw)
    frame.taken = True


def _old_state(frame: SaveFrame, raw: bool) -> dict[Registration, Row]:
    instance, parts = frame.instance, frame.parts
    if raw:  # a fixture writes the table of its own model only
        frame.parts = parts = parts[:1] if parts[0].model is type(instance)._meta.concrete_model else ()
    if not parts or not _may_exist(instance):
        return {}
    frame.old = kept = {} if raw else loaded.kept(instance, parts, frame.using)
    if kept:
        frame.loaded = True
        return kept
    keys = [part_pk(instance, part) for part in parts]
    old = stored(frame.using, type(instance)._meta.concrete_model or type(instance), instance.pk, parts, keys)
    _settle_outer(frame, old)
    return old


def _may_exist(instance: models.Model) -> bool:
    """Whether Django may find a row to update: not for a new object without a key, nor for one whose key it makes."""
    if not instance._is_pk_set():  # type: ignore[attr-defined] # missing in the stubs
        return False
    meta = instance._meta
    made = all(field.has_default() or field.has_db_default() for field in meta.pk_fields)
    return bool(meta.parents) or not (instance._state.adding and made)


def _settle_outer(frame: SaveFrame, current: dict[Registration, Row]) -> None:
    """Settle a save of the same row that is still open: this one was made by one of its receivers.

    Its entry must come first, and its new state is what this save now finds; before its own SQL ran, both are equal.
    """
    for outer in open_frames():
        if isinstance(outer, SaveFrame) and outer is not frame and outer.taken and not outer.done:
            for part, row in current.items():
                pk = part.pk_of(row)
                if outer.using == frame.using and part in outer.parts and str(part_pk(outer.instance, part)) == str(pk):
                    _record_row(outer, part, outer.old.get(part), row)


def on_post_save(
    sender: type[models.Model],
    instance: models.Model,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Record what the save changed."""
    frame = innermost_save(instance)
    if frame is not None and frame.taken and not frame.done:
        settle(frame, update_fields=update_fields, reread=raw)


def settle(frame: SaveFrame, *, update_fields: Collection[str] | None = None, reread: bool = False) -> None:
    """Compare the row as it is now with the snapshot and record the difference, parents first."""
    reread = reread or frame.stale
    for part in reversed(frame.parts):
        new = _new_state(frame, part, update_fields, reread)
        if new is not None:
            _record_row(frame, part, frame.old.get(part), new)
            loaded.keep_row(frame.instance, part.table(connections[frame.using].vendor).attnames, new)
    frame.done = True


def _new_state(frame: SaveFrame, part: Registration, sent: Collection[str] | None, reread: bool) -> Row | None:
    table = part.table(connections[frame.using].vendor)
    row = None if reread else from_instance(table, frame.instance, frame.old.get(part), sent)
    if row is not None:
        return row
    pk = part_pk(frame.instance, part)
    return next(iter(stored_rows(frame.using, part, [pk], lock=False).values()), None)


def _record_row(frame: SaveFrame, part: Registration, old: Row | None, new: Row) -> None:
    vendor = connections[frame.using].vendor
    table = part.table(vendor)
    changes = diff(table.names, table.codecs, old, new, masked=part.masked)
    pk = part.pk_of(new)
    frame.old[part] = new
    moved(frame.using, part, pk, new, origin=frame)
    if not changes or (old is not None and part.quiet.issuperset(changes)):
        return
    action = Action.CREATE if old is None else Action.UPDATE
    facts = {"snapshot": "loaded"} if frame.loaded and old is not None else {}
    note = Note(frame.note.reason, {**facts, **frame.note.facts})
    draft = make_draft(part, action, new, changes, label=label_of(frame.instance), vendor=vendor, note=note)
    record_entries(frame.using, [draft], on_error=part.options.on_error)


def make_draft(
    part: Registration,
    action: Action,
    row: Row,
    changes: dict[str, Any],
    *,
    label: str,
    vendor: str,
    note: Note,
) -> Draft:
    """The entry-to-be of one changed row; a key too long for its column stands in full among the changes."""
    key = part.key(part.pk_of(row))
    if is_shortened(key) and not part.key_is_masked:
        table = part.table(vendor)
        for field in part.model._meta.pk_fields:
            at = table.names.index(field.name)
            changes.setdefault(field.name, [table.codecs[at].encode(row[at])] * 2)
    return Draft(action, part.label, key, label, changes, reason=note.reason, facts=note.facts)


def on_post_delete(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Add the deleted row, as read under lock, to the entries of the delete in progress."""
    frame = innermost_delete()
    part = registry.by_model.get(sender._meta.concrete_model or sender)
    if frame is None or part is None or frame.using != using:
        return
    pk = instance.pk
    row = frame.old.get(part, {}).pop(pk, None)
    if row is None:
        return
    vendor = connections[using].vendor
    table = part.table(vendor)
    changes = diff(table.names, table.codecs, row, None, masked=part.masked)
    changes.update(frame.links.get(part, {}).get(pk, {}))
    moved(using, part, pk, None)
    note = frame.notes.pop(id(instance), Note())
    draft = make_draft(part, Action.DELETE, row, changes, label=label_of(instance), vendor=vendor, note=note)
    frame.drafts.append((part, draft))


def on_pre_delete(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Refuse a delete that needs a reason and has none."""
    require_reason(sender, using)


def flush_deletes(using: str) -> None:
    """Write the entries of open deletes: a receiver is about to write, and its entry must come after theirs."""
    for frame in open_frames():
        if isinstance(frame, DeleteFrame) and frame.using == using:
            write_deletes(frame)


def write_deletes(frame: DeleteFrame) -> None:
    """Write the entries collected so far by one delete, in one go per way of handling errors."""
    drafts, frame.drafts = frame.drafts, []
    for on_error in ("raise", "log"):
        chosen = [draft for part, draft in drafts if part.options.on_error == on_error]
        record_entries(frame.using, chosen, on_error=on_error)


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
