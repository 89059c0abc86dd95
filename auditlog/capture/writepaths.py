"""The Django verbs through which every write passes, wrapped once: they say *when*, and give the transaction.

Each begins with one look-up, so that models nobody registered pay nothing else. In the caller's transaction nothing is
opened and his errors pass through untouched; in autocommit the change and its entry share one transaction of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import connections, models, router, transaction
from django.db.models.deletion import Collector

from auditlog.capture import receivers
from auditlog.capture.frames import DeleteFrame, SaveFrame, opened
from auditlog.capture.loaded import forget
from auditlog.capture.registration import Registration
from auditlog.capture.registry import chain, registry
from auditlog.capture.relations import deleted_links
from auditlog.capture.snapshot import in_transaction, stored_rows, take_write_lock
from auditlog.conf import settings
from auditlog.contexts import columns
from auditlog.recording import has_table, is_paused

_WRAPPED: list[tuple[type, str, Callable[..., Any]]] = []


@contextmanager
def unit(using: str, *, own: bool = True) -> Iterator[bool]:
    """The caller's transaction if he has one, else our own; yields whether it is our own.

    On SQLite ours begins IMMEDIATE: reading first would forbid to wait for the write lock later.
    """
    connection: Any = connections[using]
    if not own or in_transaction(connection):
        yield False
        return
    mode = getattr(connection, "transaction_mode", None)
    if connection.vendor == "sqlite":
        connection.transaction_mode = "IMMEDIATE"
    block = transaction.atomic(using, savepoint=False)
    try:
        block.__enter__()
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = mode
    with _exiting(block):
        yield True


@contextmanager
def _exiting(block: transaction.Atomic) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        block.__exit__(type(error), error, error.__traceback__)
        raise
    block.__exit__(None, None, None)


def _recording(using: str) -> bool:
    return settings.ENABLED and not is_paused() and has_table(using)


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
        if self._meta.concrete_model not in registry.by_model:
            original(self, raw, force_insert, force_update, using, update_fields)
            return
        alias = using or router.db_for_write(type(self), instance=self)
        if not _recording(alias):
            original(self, raw, force_insert, force_update, alias, update_fields)
            return
        frame = SaveFrame(self, alias, tuple(chain(type(self))), inserts=bool(force_insert), updates=bool(force_update))
        own = all(part.options.transaction == "own" for part in frame.parts)
        try:
            with unit(alias, own=own) as frame.ours, opened(frame):
                try:
                    original(self, raw, force_insert, force_update, alias, update_fields)
                except BaseException:
                    if not frame.ours:
                        _settle_after_error(frame)
                    raise
        except BaseException:
            forget(self)
            raise

    return save_base


def _settle_after_error(frame: SaveFrame) -> None:
    """A receiver raised, but the row may be written and the caller may go on: record it, or let nothing commit."""
    connection = connections[frame.using]
    if not frame.taken or frame.done or connection.needs_rollback or not in_transaction(connection):
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
        parts = _doomed(self)
        if not parts or not _recording(self.using):
            return original(self)
        own = all(part.options.transaction == "own" for part in parts)
        frame = DeleteFrame(self.using)
        with unit(self.using, own=own), opened(frame):
            frame.columns = columns(self.using)
            take_write_lock(self.using, next(iter(parts)).model)
            for part in sorted(parts, key=lambda each: each.label):
                rows = stored_rows(self.using, part, parts[part], lock=True, no_key=False)
                frame.stored[part] = {part.pk_of(row): row for row in rows.values()}
                frame.links[part] = deleted_links(part, frame.stored[part], self.using)
            receivers.settle_outer(self.using, lambda part, pk: frame.stored.get(part, {}).get(pk))
            result = original(self)
            with transaction.mark_for_rollback_on_error(self.using):
                receivers.write_deletes(frame)
        return result

    return delete


def _doomed(collector: Collector) -> dict[Registration, list[Any]]:
    """The keys of the loaded objects about to be deleted, by registered table; proxies count for their table."""
    found: dict[Registration, list[Any]] = {}
    for model, instances in collector.data.items():
        part = registry.by_model.get(model._meta.concrete_model or model)
        if part is not None and instances:
            found.setdefault(part, []).extend(obj.pk for obj in instances)
    return found


_VERBS: tuple[tuple[type, str, Callable[[Callable[..., Any]], Callable[..., Any]]], ...] = (
    (models.Model, "save_base", _save_base),
    (Collector, "delete", _collector_delete),
)


def install() -> None:
    """Wrap the verbs; a second call does nothing."""
    if _WRAPPED:
        return
    for owner, name, wrap in _VERBS:
        original = owner.__dict__[name]
        wrapped = wrap(original)
        wrapped.__dict__.update(original.__dict__)  # alters_data and the like
        setattr(owner, name, wrapped)
        _WRAPPED.append((owner, name, original))


def uninstall() -> None:
    """Restore Django's own verbs, each only where the wrapper is still ours."""
    for owner, name, original in _WRAPPED:
        if getattr(owner.__dict__[name], "__wrapped__", None) is original:
            setattr(owner, name, original)
    _WRAPPED.clear()
