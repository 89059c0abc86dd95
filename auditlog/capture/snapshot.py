"""Snapshots: the canonical values of a table's recorded fields, read from the stored row or from an instance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from auditlog.capture.registration import Registration, Table
from auditlog.capture.values import Unsettled

Row = tuple[Any, ...]
"""Canonical values, parallel to the fields of a :class:`~auditlog.capture.registry.Table`."""

_MISSING = object()
_CHUNK = 500


def stored(
    alias: str, model: type[models.Model], pk: Any, parts: Sequence[Registration], keys: Sequence[Any]
) -> dict[Registration, Row]:
    """The stored rows behind one object, locked until the transaction ends; tables without a row are left out.

    ``parts`` are the registrations of the model's own table and of its parents, ``keys`` the object's key in each: a
    child may have another key than its parent. One SELECT reads them all.
    """
    found = _rows(alias, model, [pk], parts, lock=True)
    if found:
        return dict(zip(parts, next(iter(found.values())), strict=True))
    if len(parts) == 1 and parts[0].model is model:
        return {}
    return _stored_apart(alias, parts, keys)


def _stored_apart(alias: str, parts: Sequence[Registration], keys: Sequence[Any]) -> dict[Registration, Row]:
    """Each table on its own: the parent's row may stand without the child's."""
    apart: dict[Registration, Row] = {}
    for part, key in zip(parts, keys, strict=True):
        for rows in _rows(alias, part.model, [key], [part], lock=True).values() if key is not None else ():
            apart[part] = rows[0]
    return apart


def stored_rows(
    alias: str, registration: Registration, pks: Iterable[Any], *, lock: bool, no_key: bool = True
) -> dict[Any, Row]:
    """The stored rows of one table by primary key, in chunks of 500, locked in key order when ``lock`` is set."""
    every = list(pks)
    found: dict[Any, Row] = {}
    for at in range(0, len(every), _CHUNK):
        rows = _rows(alias, registration.model, every[at : at + _CHUNK], [registration], lock=lock, no_key=no_key)
        found.update((pk, parts[0]) for pk, parts in rows.items())
    return found


def _rows(
    alias: str,
    model: type[models.Model],
    pks: Collection[Any],
    parts: Sequence[Registration],
    *,
    lock: bool,
    no_key: bool = True,
) -> dict[Any, tuple[Row, ...]]:
    tables = [part.table(connections[alias].vendor) for part in parts]
    names = [name for table in tables for name in table.attnames]
    rows: models.QuerySet[Any] = models.QuerySet(model, using=alias)
    rows = rows.filter(pk__in=list(pks)) if len(pks) != 1 else rows.filter(pk=next(iter(pks)))
    rows = rows.order_by("pk") if len(pks) > 1 else rows.order_by()
    if lock:
        rows = locked(rows, alias, no_key=no_key)
    found = {}
    for pk, *values in rows.values_list("pk", *names):
        # a field may return keys that cannot be looked up, wrappers for instance
        found[pk if isinstance(pk, Hashable) else str(pk)] = tuple(_split(tables, values))
    return found


def _split(tables: Sequence[Table], values: Sequence[Any]) -> Iterator[Row]:
    at = 0
    for table in tables:
        end = at + len(table.attnames)
        yield from_database(table, values[at:end])
        at = end


def from_database(table: Table, values: Iterable[Any]) -> Row:
    """Canonical values of a row that the database returned: what it holds is settled."""
    return tuple(_settled(codec.canonical, value) for codec, value in zip(table.codecs, values, strict=True))


def _settled(canonical: Callable[[Any], Any], value: Any) -> Any:
    try:
        return canonical(value)
    except Unsettled:
        return value


def from_instance(table: Table, instance: models.Model, old: Row | None, sent: Collection[str] | None) -> Row | None:
    """The row as just written from ``instance``, or None where only the database knows and it must be read again.

    ``sent`` names the fields of ``update_fields``; the others keep their ``old`` values, whatever is in memory.
    """
    if table.computed:
        return None
    values = instance.__dict__
    row: list[Any] = []
    for at, (name, attname, codec) in enumerate(zip(table.names, table.attnames, table.codecs, strict=True)):
        if old is not None and at in table.keys:  # a save never changes it, even where "A" finds the row of "a"
            row.append(old[at])
            continue
        if sent is not None and old is not None and name not in sent and attname not in sent:
            row.append(old[at])
            continue
        value = values.get(attname, _MISSING)
        if value is _MISSING:
            return None
        try:
            row.append(codec.canonical(value))
        except Unsettled:
            return None
    return tuple(row)


def locked(rows: models.QuerySet[Any], alias: str, *, no_key: bool = True) -> models.QuerySet[Any]:
    """Lock what the queryset reads, as the UPDATE that follows would; where no transaction is open, only read.

    ``no_key`` leaves foreign key checks of other sessions alone on PostgreSQL. SQLite locks the whole database, and
    must do so before it reads (:func:`take_write_lock`).
    """
    connection = connections[alias]
    features = connection.features
    if not features.has_select_for_update or not in_transaction(connection):
        return rows
    return rows.select_for_update(no_key=no_key and features.has_select_for_no_key_update)


def in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether a transaction of the caller's, or of ours, is open."""
    return connection.in_atomic_block or not connection.get_autocommit()


def is_lost(connection: BaseDatabaseWrapper) -> bool:
    """Whether nothing of the open transaction can be committed: Django or PostgreSQL gave it up after an error."""
    if connection.needs_rollback or connection.vendor != "postgresql":
        return connection.needs_rollback
    return connection.connection is None or connection.connection.info.transaction_status in _LOST


_LOST = (3, 4)
"""libpq's PQTRANS_INERROR and PQTRANS_UNKNOWN, which says that the connection is gone."""

_write_locks: WeakKeyDictionary[BaseDatabaseWrapper, tuple[object, object]] = WeakKeyDictionary()


def take_write_lock(alias: str, model: type[models.Model]) -> None:
    """On SQLite, take the write lock before the first read of the transaction, waiting for it if need be.

    A transaction that has read cannot wait for the lock any more: SQLite refuses it at once ("database is locked"). A
    statement that writes no row of ``model`` takes it with the connection's timeout; once in a transaction is enough.
    In one that is broken nothing can be written; Django says so, in its own time.
    """
    connection = connections[alias]
    if connection.vendor != "sqlite" or not in_transaction(connection) or connection.needs_rollback:
        return
    block = connection.atomic_blocks[0] if connection.atomic_blocks else None
    held = _write_locks.get(connection, (_MISSING, _MISSING))
    if block is not None and held[0] is block and held[1] is connection.run_on_commit:
        return
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"DELETE FROM {table} WHERE 0")  # noqa: S608 - the name of a table, quoted
    _write_locks[connection] = (block, connection.run_on_commit)
