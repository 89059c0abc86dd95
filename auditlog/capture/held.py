"""Rows held for a set-based write: locked, their old state kept, so that the write runs over exactly these rows.

Up to a thousand rows are kept in memory; more go to a temporary table of the database, so that memory stays constant.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from django.db import connections, models
from django.db.models.sql.datastructures import BaseTable

from auditlog.capture.registration import Registration, Table
from auditlog.capture.secrets import reveals
from auditlog.capture.snapshot import Row, from_database, locked
from auditlog.capture.values import storable

IN_MEMORY = 1000
"""Up to this many rows are kept in memory."""

CHUNK = 500
"""Rows that are compared, and whose keys are named in one statement, at a time."""

_LABEL = "auditlog_label"

Rows: TypeAlias = "models.QuerySet[Any]"


@dataclass(frozen=True, slots=True)
class Seen:
    """One row as it was read: its canonical values, and the label that the registration's ``repr`` gives it."""

    row: Row
    label: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Which fields of which captured table are read, on which database."""

    part: Registration
    table: Table
    using: str

    def read(self, rows: Rows, *, labelled: bool = False) -> Iterator[tuple[Any, Seen]]:
        """Key and row of each row that the queryset finds."""
        names = ("pk", *self.table.attnames)
        if labelled and self.part.options.repr is not None:
            rows, names = rows.annotate(**{_LABEL: _expression(self.part.options.repr)}), (*names, _LABEL)
        for pk, *values in rows.values_list(*names):
            row = from_database(self.table, values[: len(self.table.attnames)])
            yield pk, Seen(row, self._label(row, values[-1]) if _LABEL in names else "")

    def _label(self, row: Row, text: Any) -> str:
        """The label, empty where it would show a part of a masked value."""
        label = "" if text is None else storable(str(text))
        secret = [value for name, value in zip(self.table.names, row, strict=True) if name in self.part.masked]
        return "" if any(value is not None and reveals(label, str(value)) for value in secret) else label[:200]

    def by_keys(self, keys: list[Any]) -> dict[Any, Seen]:
        """The rows with these keys as they are now, with their labels, read in chunks and not locked."""
        every: Rows = models.QuerySet(self.part.model, using=self.using).order_by()  # an order may join, and lose rows
        found: dict[Any, Seen] = {}
        for at in range(0, len(keys), CHUNK):
            found.update(self.read(every.filter(pk__in=keys[at : at + CHUNK]), labelled=True))
        return found


def _expression(label: Any) -> Any:
    return models.F(label) if isinstance(label, str) else label


class Held:
    """Locked rows in memory."""

    def __init__(self, view: View, rows: dict[Any, Seen]) -> None:
        self.view = view
        self.rows = rows

    def narrowed(self, queryset: Rows) -> Rows:
        """The queryset, over these rows only."""
        return _restricted(queryset, list(self.rows))

    def keys(self) -> Iterator[Any]:
        """The keys of the rows."""
        for chunk in self.chunks():
            yield from chunk

    def find(self, part: Registration, pk: Any) -> Row | None:
        """The row of this key as it was, if it is one of these."""
        seen = self.rows.get(pk) if part is self.view.part else None
        return None if seen is None else seen.row

    def label(self) -> None:
        """Find the labels of the rows, which are about to go."""
        if self.view.part.options.repr is not None:
            self.rows |= self.view.by_keys(list(self.rows))

    def chunks(self) -> Iterator[dict[Any, Seen]]:
        """The rows as they were, in key order."""
        rows = iter(self.rows.items())
        while chunk := dict(islice(rows, CHUNK)):
            yield chunk


class Spooled(Held):
    """Locked rows in a temporary table of the database."""

    def __init__(self, view: View, name: str) -> None:
        super().__init__(view, {})
        self.name = name

    def _kept(self) -> Rows:
        """The model's rows, read from the temporary table instead of its own."""
        rows: Rows = models.QuerySet(self.view.part.model, using=self.view.using)
        alias = rows.query.get_initial_alias()
        rows.query.alias_map[alias] = BaseTable(self.name, alias)
        rows.query.table_map = {self.name: [alias]}
        return rows

    def narrowed(self, queryset: Rows) -> Rows:
        """The queryset, over these rows only."""
        return _restricted(queryset, self._kept().order_by().values("pk"))

    def find(self, part: Registration, pk: Any) -> Row | None:
        """The row of this key as it was, if it is one of these."""
        found = self.view.read(self._kept().filter(pk=pk)) if part is self.view.part else iter(())
        return next((seen.row for _, seen in found), None)

    def chunks(self) -> Iterator[dict[Any, Seen]]:
        """The rows as they were, in key order."""
        rows = self._kept()
        while chunk := dict(self.view.read(rows.order_by("pk")[:CHUNK], labelled=True)):
            yield chunk
            rows = self._kept().filter(pk__gt=next(reversed(chunk)))


def _restricted(queryset: Rows, keys: Any) -> Rows:
    if queryset.query.is_sliced:
        queryset = models.QuerySet(queryset.model, using=queryset.db)
    clone: Rows = queryset._chain()  # type: ignore[attr-defined] # a project's filter() may do more than filter
    clone.query.add_q(models.Q(pk__in=keys))
    return clone


@contextmanager
def held(queryset: Rows, view: View, *, no_key: bool = True, spool: bool = True) -> Iterator[Held]:
    """Lock the rows of the queryset and keep their state; ``no_key`` leaves foreign key checks of others alone."""
    rows = locked(_plain(queryset, view.using), view.using, no_key=no_key)
    rows = rows.order_by("pk")
    first = dict(view.read(rows[: IN_MEMORY + 1] if spool else rows))
    if len(first) <= IN_MEMORY or not spool:
        yield Held(view, first)
        return
    del first
    with _spooled(rows, view) as kept:
        yield kept


def _plain(queryset: Rows, using: str) -> Rows:
    """The same rows of the model's own table, from a queryset that has nothing else and can be locked."""
    plain: Rows = models.QuerySet(queryset.model, query=queryset.query.chain(), using=using)
    plain.query.select_for_update = False
    if _is_simple(plain.query):
        plain.query.select_related = False
        plain.query.clear_deferred_loading()
        return plain.order_by()
    if plain.query.is_sliced:  # not every database takes a limit within IN
        keys: Any = list(plain.values_list("pk", flat=True))
    else:
        keys = plain.order_by().values("pk")
    return models.QuerySet(queryset.model, using=using).filter(pk__in=keys)


def _is_simple(query: Any) -> bool:
    """Whether the query reads one table, row by row."""
    special = query.group_by, query.distinct, query.extra, query.annotations, query.combinator, query.is_sliced
    tables = [alias for alias, count in query.alias_refcount.items() if count]
    return not any(special) and len(tables) <= 1 and query.values_select == ()


@contextmanager
def _spooled(rows: Rows, view: View) -> Iterator[Spooled]:
    """Copy the rows into a temporary table for the duration of the block."""
    connection = connections[view.using]
    name = f"auditlog_held_{secrets.token_hex(6)}"
    fields = view.part.model._meta.local_concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(f.column)) for f in fields)
    source = rows.order_by().values_list(*(f.attname for f in fields))
    _execute(view.using, _making(connection, name, view.part.model, columns))
    try:
        sql, params = source.query.get_compiler(view.using).as_sql()
        _execute(view.using, f"INSERT INTO {quote(name)} ({columns}) {sql}", params)
        if connection.vendor != "mysql":
            _execute(view.using, _indexing(connection, name, view.part.model))
        yield Spooled(view, name)
    except BaseException:
        # elsewhere the table goes away with what is rolled back; there at the latest with the connection
        if connection.vendor == "mysql" and not connection.needs_rollback:
            _execute(view.using, f"DROP TEMPORARY TABLE IF EXISTS {quote(name)}")
        raise
    temporary = "TEMPORARY " if connection.vendor == "mysql" else ""  # an ordinary DROP would commit there
    _execute(view.using, f"DROP {temporary}TABLE {quote(name)}")


def _making(connection: Any, name: str, model: type[models.Model], columns: str) -> str:
    """The statement that makes an empty temporary table with these columns of the model's."""
    quote: Callable[[str], str] = connection.ops.quote_name
    empty = f"AS SELECT {columns} FROM {quote(model._meta.db_table)} WHERE 1 = 0"  # noqa: S608 - names, quoted
    if connection.vendor == "mysql":  # an index made later would commit
        key = ", ".join(quote(str(f.column)) for f in model._meta.pk_fields)
        return f"CREATE TEMPORARY TABLE {quote(name)} (PRIMARY KEY ({key})) {empty}"
    return f"CREATE TEMPORARY TABLE {quote(name)} {empty}"


def _indexing(connection: Any, name: str, model: type[models.Model]) -> str:
    """The statement that indexes the temporary table by the model's key."""
    quote: Callable[[str], str] = connection.ops.quote_name
    place = "temp." if connection.vendor == "sqlite" else ""
    key = ", ".join(quote(str(f.column)) for f in model._meta.pk_fields)
    return f"CREATE INDEX {place}{quote(name + '_key')} ON {quote(name)} ({key})"


def _execute(using: str, sql: str, params: Any = ()) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params or None)
