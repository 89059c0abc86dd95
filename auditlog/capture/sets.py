"""Updates and deletes of sets, which send no signals: the rows are held, and the write runs over them only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, transaction

from auditlog.capture import m2m
from auditlog.capture.drafts import draft_of
from auditlog.capture.frames import innermost_delete, moved, open_frames
from auditlog.capture.held import CHUNK, Held, Rows, Seen, View, held
from auditlog.capture.options import Options
from auditlog.capture.receivers import settle_outer
from auditlog.capture.registration import Registration
from auditlog.capture.relations import LinkTable
from auditlog.capture.snapshot import Row, take_write_lock
from auditlog.capture.tracking import tracked
from auditlog.recording import Draft, record_entries, require_reason


@dataclass(frozen=True, slots=True)
class Changed:
    """One row before and after a write; None: it was not there, or is not any more."""

    old: Row | None
    new: Row | None
    label: str = ""


def write_rows(view: View, rows: Iterable[Changed]) -> None:
    """Record what became of these rows."""
    if isinstance(view.part, LinkTable):
        m2m.record_links(view.using, view.part, [(row.old, row.new) for row in rows])
    else:
        record_entries(view.using, _drafts(view, rows), on_error=view.part.options.on_error)


def _drafts(view: View, rows: Iterable[Changed]) -> Iterator[Draft]:
    part, table = view.part, view.table
    for row in rows:
        draft = draft_of(part, table, row.old, row.new, label=lambda text=row.label: text)  # type: ignore[misc]
        if open_frames():
            known = row.old if row.new is None else row.new
            moved(view.using, part, table.pk_of(known or ()), row.new, draft)
        if draft is not None:
            yield draft


def view_of(part: Registration, using: str, names: Collection[str] | None = None) -> View:
    """The fields to read: those of ``names``, or all, also where a save in progress may have to know them."""
    table = part.table(connections[using].vendor)
    whole = names is None or open_frames() or isinstance(part, LinkTable)
    return View(part, table if whole else table.narrowed(names or ()), using)


def touched(model: type[models.Model], names: Iterable[str]) -> dict[Registration, set[str]]:
    """The recorded fields among the names given to an update, by captured table; Django reports unknown names."""
    found: dict[Registration, set[str]] = {}
    for name in names:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        part = tracked(field.model)
        if part is not None and field in part.fields:
            found.setdefault(part, set()).add(field.name)
    return found


def update(
    original: Callable[..., int], queryset: Rows, values: Mapping[str, Any], fields: dict[Registration, set[str]]
) -> int:
    """``QuerySet.update`` over held rows: what matches the filter only afterwards is left alone."""
    using, model = queryset.db, queryset.model
    for part in fields:
        require_reason(part.model, using)
    take_write_lock(using, model)
    own = tracked(model) or Registration(model._meta.concrete_model or model, Options(include=()))
    rekeys = not fields.get(own, set()).isdisjoint(f.name for f in model._meta.pk_fields)
    with ExitStack() as stack:
        rows = stack.enter_context(held(queryset, _view(own, fields, using, rekeys), spool=not rekeys))
        holds = [_hold(stack, part, fields, rows, using) if part is not own else rows for part in fields]
        _settle_outer(holds)
        keys = _new_keys(rows, queryset, values) if rekeys else {}
        result = original(rows.narrowed(queryset), **values)
        queryset._result_cache = None
        with transaction.mark_for_rollback_on_error(using):
            for hold in holds:
                for chunk in hold.chunks():
                    write_rows(hold.view, _differences(hold.view, chunk, keys if hold is rows else {}))
    return result


def _view(part: Registration, fields: dict[Registration, set[str]], using: str, whole: bool = False) -> View:
    return view_of(part, using, None if whole else fields.get(part, ()))


def _hold(stack: ExitStack, part: Registration, fields: dict[Registration, set[str]], rows: Held, using: str) -> Held:
    """Hold the rows that a parent table has of the objects in ``rows``."""
    children: Rows = models.QuerySet(rows.view.part.model, using=using)
    keys = rows.narrowed(children).order_by().values(part.model._meta.pk.attname)
    parents: Rows = models.QuerySet(part.model, using=using)
    return stack.enter_context(held(parents.filter(pk__in=keys), _view(part, fields, using)))


def _settle_outer(holds: Iterable[Held]) -> None:
    """Entries of saves in progress whose rows are written again come first."""
    if open_frames():
        for hold in holds:
            settle_outer(hold.view.using, hold.find)


def _new_keys(rows: Held, queryset: Rows, values: Mapping[str, Any]) -> dict[Any, Any]:
    """The keys that the rows are about to have, by those they have now."""
    fields = queryset.model._meta.pk_fields
    expressions = [_expression(values[f.name], f) if f.name in values else models.F(f.name) for f in fields]
    found = rows.narrowed(queryset).order_by().values_list("pk", *expressions)
    return {old: new[0] if len(new) == 1 else tuple(new) for old, *new in found}


def _expression(value: Any, field: models.Field[Any, Any]) -> Any:
    if hasattr(value, "resolve_expression"):
        return value
    return models.Value(value.pk if isinstance(value, models.Model) else value, output_field=field)


def _differences(view: View, before: Mapping[Any, Seen], keys: Mapping[Any, Any]) -> Iterator[Changed]:
    """What became of the rows; one whose key was changed has gone, and another has come."""
    now = view.by_keys([keys.get(pk, pk) for pk in before])
    for pk, old in before.items():
        new = now.get(keys.get(pk, pk))
        if new is None or _is_emptied(view, old.row, new.row):
            continue
        if keys.get(pk, pk) != pk:
            yield Changed(old.row, None, old.label)
            yield Changed(None, new.row, new.label)
        else:
            yield Changed(old.row, new.row, new.label)


def _is_emptied(view: View, old: Row, new: Row) -> bool:
    """Whether a delete in progress has emptied keys of the row only because it is about to delete the row too.

    Django does so where the database cannot defer constraints (MySQL, MariaDB). The delete keeps in mind what the row
    is now, should a receiver write it before it goes.
    """
    frame = innermost_delete()
    if frame is None or frame is not open_frames()[-1] or frame.using != view.using:
        return False
    if connections[view.using].features.can_defer_constraint_checks:
        return False
    pk = view.table.pk_of(old)
    changed = [name for name, before, now in zip(view.table.names, old, new, strict=True) if before != now]
    emptied = all(_is_empty_key(view, name, new) for name in changed) and pk in frame.stored.get(view.part, {})
    if emptied and changed:
        frame.emptied[view.part, pk] = new
    return emptied


def _is_empty_key(view: View, name: str, row: Row) -> bool:
    """Whether the field is a foreign key, and empty in the row."""
    return view.part.model._meta.get_field(name).is_relation and row[view.table.names.index(name)] is None


def update_batch(
    original: Callable[..., None],
    query: Any,
    keys: list[Any],
    values: Mapping[str, Any],
    using: str,
    fields: dict[Registration, set[str]],
) -> None:
    """``UpdateQuery.update_batch``: what a delete sets in the rows that pointed at what is deleted."""
    model = query.get_meta().model
    take_write_lock(using, model)
    holds = []
    with ExitStack() as stack:
        for part, names in fields.items():
            require_reason(part.model, using)
            for at in range(0, len(keys), CHUNK):
                rows: Rows = models.QuerySet(part.model, using=using)
                rows = rows.filter(pk__in=keys[at : at + CHUNK])
                holds.append(stack.enter_context(held(rows, view_of(part, using, names))))
        _settle_outer(holds)
        original(query, keys, values, using)
        with transaction.mark_for_rollback_on_error(using):
            for hold in holds:
                for chunk in hold.chunks():
                    write_rows(hold.view, _differences(hold.view, chunk, {}))


@contextmanager
def deleted(queryset: Rows, part: Registration, using: str) -> Iterator[Held]:
    """Hold rows that the block deletes, and record that they are gone."""
    require_reason(part.model, using)
    with held(queryset, view_of(part, using), no_key=False) as rows:
        rows.label()
        _settle_outer([rows])
        yield rows
        with transaction.mark_for_rollback_on_error(using):
            for chunk in rows.chunks():
                write_rows(rows.view, [Changed(seen.row, None, seen.label) for seen in chunk.values()])
