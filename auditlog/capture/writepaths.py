"""The Django verbs through which every write passes, wrapped once: they say *when*, and give the transaction.

Each begins with one look-up, so that models nobody registered pay nothing else. In the caller's transaction nothing is
opened and his errors pass through untouched; in autocommit the change and its entry share one transaction of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from django.db import connections, models, router, transaction
from django.db.models.deletion import Collector
from django.db.models.sql import UpdateQuery

from auditlog.capture import cascades, conflicts, inserts, receivers, sets
from auditlog.capture.frames import DeleteFrame, SaveFrame, canonical_pk, opened
from auditlog.capture.loaded import forget
from auditlog.capture.registration import Registration
from auditlog.capture.snapshot import in_transaction, is_lost, stored_rows, take_write_lock
from auditlog.capture.tracking import chain, tracked
from auditlog.capture.tripwire import allowing
from auditlog.capture.units import is_recording, unit
from auditlog.contexts import columns

_WRAPPED: list[tuple[type, str, Callable[..., Any]]] = []


def _save_base(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def save_base(
        self: models.Model,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> None:
        if tracked(type(self)) is None:
            original(self, raw, force_insert, force_update, using, update_fields)
            return
        alias = using or router.db_for_write(type(self), instance=self)
        if not is_recording(alias):
            original(self, raw, force_insert, force_update, alias, update_fields)
            return
        frame = SaveFrame(self, alias, tuple(chain(type(self))), inserts=bool(force_insert), updates=bool(force_update))
        try:
            with unit(alias, frame.parts) as frame.ours, opened(frame), allowing(tables_of(frame.parts)):
                _save(original, frame, raw, force_insert, force_update, update_fields)
        except BaseException:
            forget(self)
            raise

    return save_base


def _save(
    original: Callable[..., None],
    frame: SaveFrame,
    raw: bool,
    force_insert: Any,
    force_update: bool,
    update_fields: Any,
) -> None:
    """Django's own save; where it sends no signal that reaches us, with what the receivers would have done."""
    instance, alias = frame.instance, frame.using
    silent = frame.parts[0].is_silent
    try:
        if silent:
            receivers.on_pre_save(type(instance), instance, raw, alias)
        original(instance, raw, force_insert, force_update, alias, update_fields)
        if silent and not frame.done:
            receivers.settle(frame, update_fields=update_fields, reread=raw)
    except BaseException:
        if not frame.ours:
            _settle_after_error(frame)
        raise


def tables_of(parts: Iterable[Registration]) -> frozenset[str]:
    """The tables whose writes a verb accounts for."""
    return frozenset(part.model._meta.db_table for part in parts)


def _settle_after_error(frame: SaveFrame) -> None:
    """A receiver raised, but the row may be written and the caller may go on: record it, or let nothing commit."""
    connection = connections[frame.using]
    if not frame.taken or frame.done or is_lost(connection) or not in_transaction(connection):
        return
    if frame.instance._state.adding:  # Django did not get as far as the row
        return
    try:
        receivers.settle(frame, reread=True)
    except Exception:
        if not connection.in_atomic_block:
            raise  # the caller commits by hand, and is told
        transaction.set_rollback(True, frame.using)  # not accounted for, so it must not be committed


def _collector_delete(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def delete(self: Collector) -> Any:
        doomed = {model: [obj.pk for obj in objs] for model, objs in self.data.items() if objs}
        parts = {part for model in doomed if (part := tracked(model)) is not None}
        if not (parts or any(map(cascades.reaches, doomed))) or not is_recording(self.using):
            return original(self)
        frame = DeleteFrame(self.using)
        with unit(self.using, parts), opened(frame), allowing(tables_of(parts)):
            frame.columns = columns(self.using)
            take_write_lock(self.using, next(iter(doomed)))
            _hold(frame, doomed)
            receivers.settle_outer(self.using, lambda part, pk: frame.stored.get(part, {}).get(pk))
            with cascades.recorded_cascades(doomed, self.using):
                result = original(self)
            with transaction.mark_for_rollback_on_error(self.using):
                receivers.write_deletes(frame)
        return result

    return delete


def _hold(frame: DeleteFrame, doomed: dict[type[models.Model], list[Any]]) -> None:
    """Lock and read the rows about to be deleted, table by table in one order for all; proxies count for theirs."""
    keys: dict[Registration, list[Any]] = {}
    for model, pks in doomed.items():
        part = tracked(model)
        if part is not None:
            keys.setdefault(part, []).extend(pks)
    for part in sorted(keys, key=lambda each: each.label):
        rows = stored_rows(frame.using, part, keys[part], lock=True, no_key=False)
        frame.stored[part] = {part.pk_of(row): row for row in rows.values()}
        frame.doomed[part] = {canonical_pk(part, pk, frame.using) for pk in keys[part]}
        _find_actual(frame, part)


def _find_actual(frame: DeleteFrame, part: Registration) -> None:
    """Which rows the database finds by keys that are not theirs, as collations that ignore case do."""
    missing = frame.doomed[part] - frame.stored[part].keys()
    for pk in missing if frame.stored[part].keys() - frame.doomed[part] else ():
        for row in stored_rows(frame.using, part, [pk], lock=False).values():
            frame.actual[part, pk] = part.pk_of(row)


def _queryset_update(original: Callable[..., int]) -> Callable[..., int]:
    @wraps(original)
    def update(self: models.QuerySet[Any], **kwargs: Any) -> int:
        fields = sets.touched(self.model, kwargs)
        query: Any = self.query
        refused = query.is_sliced or query.combinator or query.distinct_fields
        if not fields or refused or not is_recording(_alias(self)):
            with allowing(tables_of(chain(self.model))):
                return original(self, **kwargs)
        with unit(self.db, fields), allowing(tables_of(fields)):
            return sets.update(original, self, kwargs, fields)

    return update


def _alias(queryset: models.QuerySet[Any]) -> str:
    """The database that the queryset writes to."""
    queryset._for_write = True  # type: ignore[attr-defined]
    return queryset.db


def _update_batch(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def update_batch(self: Any, pk_list: list[Any], values: dict[str, Any], using: str) -> None:
        fields = sets.touched(self.get_meta().model, values)
        if not fields or not is_recording(using):
            with allowing(tables_of(chain(self.get_meta().model))):
                original(self, pk_list, values, using)
            return
        with unit(using, fields), allowing(tables_of(fields)):
            sets.update_batch(original, self, pk_list, values, using, fields)

    return update_batch


def _bulk_create(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def bulk_create(
        self: models.QuerySet[Any],
        objs: Any,
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> Any:
        part = tracked(self.model)
        options = {
            "batch_size": batch_size, "ignore_conflicts": ignore_conflicts, "update_conflicts": update_conflicts,
            "update_fields": update_fields, "unique_fields": unique_fields,
        }  # fmt: skip
        if part is None or not objs or not is_recording(_alias(self)) or not conflicts.is_asked_rightly(self, options):
            return original(self, objs, **options)
        objs = list(objs)
        insert = conflicts.upsert if ignore_conflicts or update_conflicts else inserts.insert
        with unit(self.db, [part]), allowing(tables_of([part])):
            receivers.prepare_set(part, self.db)
            return insert(original, self, objs, options, part)

    return bulk_create


def _raw_delete(original: Callable[..., int]) -> Callable[..., int]:
    @wraps(original)
    def _raw_delete(self: models.QuerySet[Any], using: str) -> int:
        part = tracked(self.model)
        cascading = cascades.reaches(self.model)
        if (part is None and not cascading) or not is_recording(using):
            return original(self, using)
        parts = [] if part is None else [part]
        with unit(using, parts), allowing(tables_of(parts)), ExitStack() as stack:
            take_write_lock(using, self.model)
            if part is None:
                keys = list(self._chain().values_list("pk", flat=True))  # type: ignore[attr-defined]
                stack.enter_context(cascades.recorded_cascades({self.model: keys}, using))
                return original(self, using)
            rows = stack.enter_context(sets.deleted(self, part, using))
            if cascading:
                stack.enter_context(cascades.recorded_cascades({self.model: rows.keys()}, using))
            count: int | None = original(rows.narrowed(self), using)
            return count or 0  # for no rows no statement is sent

    return _raw_delete


_VERBS: tuple[tuple[type, str, Callable[[Callable[..., Any]], Callable[..., Any]]], ...] = (
    (models.Model, "save_base", _save_base),
    (Collector, "delete", _collector_delete),
    (models.QuerySet, "update", _queryset_update),
    (models.QuerySet, "bulk_create", _bulk_create),
    (models.QuerySet, "_raw_delete", _raw_delete),
    (UpdateQuery, "update_batch", _update_batch),
)


def install() -> None:
    """Wrap the verbs that are not wrapped yet; a second call does nothing."""
    already = {(owner, name) for owner, name, _ in _WRAPPED}
    for owner, name, wrap in _VERBS:
        if (owner, name) in already:
            continue
        original = owner.__dict__[name]
        wrapped = wrap(original)
        wrapped.__dict__.update(original.__dict__)  # alters_data and the like
        setattr(owner, name, wrapped)
        _WRAPPED.append((owner, name, original))


def uninstall() -> None:
    """Restore Django's own verbs; one that another package wrapped after us stays as it is, with ours within."""
    for each in tuple(_WRAPPED):
        owner, name, original = each
        if getattr(owner.__dict__[name], "__wrapped__", None) is original:
            setattr(owner, name, original)
            _WRAPPED.remove(each)
