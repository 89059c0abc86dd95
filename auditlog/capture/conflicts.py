"""``QuerySet.bulk_create`` with conflicts ignored or updated: only the database knows what it did, so it is asked.

It returns the rows that it wrote. One that was there before, found by the unique fields and locked, was updated; any
other was created, unless another connection inserted it after we looked: PostgreSQL tells by ``xmax``, elsewhere the
log does, in which such a row has entries already. A database that returns no rows (MySQL) is asked for the rows of
these unique values before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import NotSupportedError, connections, models, transaction
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery

from auditlog.capture.frames import canonical_pk
from auditlog.capture.held import Rows, Seen, View
from auditlog.capture.inserts import Objects, labels_of_all, shadowed
from auditlog.capture.receivers import settle_outer
from auditlog.capture.registration import Registration, Table
from auditlog.capture.sets import Changed, view_of, write_rows
from auditlog.capture.snapshot import Row, from_database, from_instance, locked
from auditlog.capture.values import dumps
from auditlog.databases import entries_about
from auditlog.models import Action

_CHUNK = 100
"""Objects whose unique values are looked up at a time."""

_TELLING = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.BASELINE)


def is_asked_rightly(queryset: Rows, options: Mapping[str, Any]) -> bool:
    """Whether Django will accept these options; if not, it says why better than we could."""
    meta = queryset.model._meta
    try:
        update, unique = (
            [meta.get_field(meta.pk.name if name == "pk" else name) for name in options[kind] or ()]
            for kind in ("update_fields", "unique_fields")
        )
        queryset._check_bulk_create_options(  # type: ignore[attr-defined]
            options["ignore_conflicts"], options["update_conflicts"], update, unique
        )
    except (FieldDoesNotExist, NotSupportedError, ValueError):
        return False
    return True


def upsert(
    original: Callable[..., Any], queryset: Rows, objs: Objects, options: Mapping[str, Any], part: Registration
) -> Any:
    """Insert the objects as Django does, and record which rows were created and which updated."""
    view = view_of(part, queryset.db)
    returns = connections[view.using].features.can_return_rows_from_bulk_insert
    names = _unique_sets(part.model, options["unique_fields"])
    before = _existing(view, objs, names) if options["update_conflicts"] or not returns else {}
    settle_outer(view.using, lambda each, pk: before[pk].row if each is part and pk in before else None)
    if not returns:
        result = original(queryset, objs, **options)
        after = _rows(_existing(view, objs, names))
        overtaken = after.keys() - before.keys()
    else:
        insert = _Returning(queryset, view)
        with shadowed(queryset, insert):
            result = original(queryset, objs, **options)
        after, overtaken = insert.rows, insert.perhaps_overtaken(before)
    with transaction.mark_for_rollback_on_error(view.using):
        write_rows(view, _changes(view, objs, {**_last_recorded(view, overtaken), **_rows(before)}, after))
    return result


def _rows(found: Mapping[Any, Seen]) -> dict[Any, Row]:
    return {pk: seen.row for pk, seen in found.items()}


def _unique_sets(model: type[models.Model], given: Iterable[str] | None) -> list[tuple[models.Field[Any, Any], ...]]:
    """The fields by which a row conflicts: those given, or else those of every unique constraint."""
    meta = model._meta
    if given:
        return [tuple(meta.get_field(meta.pk.name if name == "pk" else name) for name in given)]  # type: ignore[misc]
    single = [(f,) for f in meta.local_concrete_fields if f.unique and f not in meta.pk_fields]
    named = [*meta.unique_together, *(c.fields for c in meta.total_unique_constraints)]
    several = [tuple(meta.get_field(name) for name in names) for names in named]
    return [tuple(meta.pk_fields), *single, *several]  # type: ignore[list-item]


def _existing(view: View, objs: Objects, sets: Sequence[tuple[models.Field[Any, Any], ...]]) -> dict[Any, Seen]:
    """The rows that hold unique values of the objects, locked."""
    found: dict[Any, Seen] = {}
    for at in range(0, len(objs), _CHUNK):
        conditions = [_same(obj, names) for obj in objs[at : at + _CHUNK] for names in sets]
        either = models.Q()
        for condition in conditions:
            either |= condition or models.Q()
        if either:
            rows: Rows = models.QuerySet(view.part.model, using=view.using)
            found.update(view.read(locked(rows.filter(either).order_by("pk"), view.using)))
    return found


def _same(obj: models.Model, fields: Sequence[models.Field[Any, Any]]) -> models.Q | None:
    """Rows with the same values of these fields as the object's; NULL conflicts with nothing."""
    values = {f.attname: obj.__dict__.get(f.attname) for f in fields}
    if any(value is None or hasattr(value, "resolve_expression") for value in values.values()):
        return None
    return models.Q(**values)


class _Returning:
    """Inserts a batch and keeps every row that the database wrote."""

    def __init__(self, queryset: Rows, view: View) -> None:
        self.view = view
        self.model = queryset.model
        self.columns = list(self.model._meta.local_concrete_fields)
        self.rows: dict[Any, Row] = {}
        self.updated: set[Any] = set()
        """Keys of the rows that PostgreSQL says it updated."""
        self.updates = False
        table = self.model._meta.db_table
        self.asks = connections[view.using].vendor == "postgresql" and not _is_partitioned(view.using, table)

    def __call__(
        self,
        objs: Objects,
        fields: Sequence[Any],
        returning_fields: Sequence[Any] | None = None,
        raw: bool = False,
        using: str | None = None,
        **conflict: Any,
    ) -> list[tuple[Any, ...]]:
        self.updates = conflict.get("on_conflict") is OnConflict.UPDATE
        query = InsertQuery(self.model, **conflict)
        query.insert_values(fields, list(objs), raw=raw)
        compiler: Any = query.get_compiler(using=self.view.using)
        compiler.returning_fields = self.columns
        found = [row for sql, params in compiler.as_sql() for row in self._execute(sql, params)]
        rows = self._converted(compiler, [row[:-1] for row in found])
        for row, (*_, updated) in zip(rows, found, strict=True):
            self._keep(row, updated=bool(updated))
        return [tuple(row[self.columns.index(f)] for f in returning_fields) for row in rows] if returning_fields else []

    def perhaps_overtaken(self, before: Mapping[Any, Seen]) -> set[Any]:
        """Keys of rows that another connection may have inserted after we looked; on SQLite none could write."""
        if not self.updates or connections[self.view.using].vendor == "sqlite":
            return set()
        return (self.updated if self.asks else set(self.rows)) - before.keys()

    def _execute(self, sql: str, params: Any) -> list[tuple[Any, ...]]:
        with connections[self.view.using].cursor() as cursor:
            cursor.execute(f"{sql}, ({'xmax <> 0' if self.asks else '0'})", params)
            return list(cursor.fetchall())

    def _converted(self, compiler: Any, rows: list[Any]) -> list[Any]:
        converters = compiler.get_converters([f.get_col(self.model._meta.db_table) for f in self.columns])
        return list(compiler.apply_converters(rows, converters)) if converters else rows

    def _keep(self, row: Sequence[Any], *, updated: bool) -> None:
        values = {f.attname: value for f, value in zip(self.columns, row, strict=True)}
        held = from_database(self.view.table, [values[name] for name in self.view.table.attnames])
        pk = self.view.table.pk_of(held)
        self.rows[pk] = held
        if updated:
            self.updated.add(pk)


@cache
def _is_partitioned(using: str, table: str) -> bool:
    """Whether the table is the parent of partitions, of which PostgreSQL does not return system columns."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", [connections[using].ops.quote_name(table)]
        )
        return bool(cursor.fetchone()[0])


def _changes(view: View, objs: Objects, before: Mapping[Any, Row], after: Mapping[Any, Row]) -> Iterator[Changed]:
    labels = _labels(view, objs, after)
    for pk, row in after.items():
        yield Changed(before.get(pk), row, labels.get(pk, ""))


def _labels(view: View, objs: Objects, rows: Mapping[Any, Row]) -> dict[Any, str]:
    """The labels of the objects, by the keys of the rows that hold their values where that can be told."""
    by_values = {_values(view, row): pk for pk, row in rows.items()}
    found: dict[Any, str] = {}
    for obj, label in zip(objs, labels_of_all(objs), strict=True):
        mine = from_instance(view.table, obj, None, None) if obj.pk is None else None
        pk = canonical_pk(view.part, obj.pk, view.using) if mine is None else by_values.get(_values(view, mine))
        found.setdefault(pk, label)
    return found


def _values(view: View, row: Row) -> str:
    """The values of a row without its key, to be compared."""
    pairs = enumerate(zip(view.table.codecs, row, strict=True))
    return dumps([codec.encode(value) for at, (codec, value) in pairs if at not in view.table.keys])


def _last_recorded(view: View, pks: Collection[Any]) -> dict[Any, Row]:
    """The state of rows that another connection inserted meanwhile: what their entries, which came with them, say."""
    of_key, known = {view.part.key(pk): pk for pk in pks}, dict[Any, dict[str, Any]]()
    keys = iter(of_key)
    while chunk := list(islice(keys, _CHUNK)):
        entries = entries_about(view.using).filter(model__in=view.part.labels, object_id__in=chunk)
        told = entries.filter(action__in=_TELLING).order_by("id").values_list("object_id", "action", "changes")
        for key, action, changes in told.iterator():
            row = known.setdefault(of_key[key], {})
            row.update({name: change[1] for name, change in changes.items() if isinstance(change, list)})
            if action == Action.DELETE:
                del known[of_key[key]]
    return {pk: _decoded(view.table, row) for pk, row in known.items() if row}


def _decoded(table: Table, values: Mapping[str, Any]) -> Row:
    return tuple(codec.decode(values.get(name)) for name, codec in zip(table.names, table.codecs, strict=True))
