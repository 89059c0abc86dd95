"""Rows that the database itself deletes or changes with those that Django deletes (``DB_CASCADE`` and its like).

Django neither loads them nor sends a signal for them, so they are looked up before, and looked at again after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from django.db import models, transaction
from django.db.models.deletion import get_candidate_relations_to_delete

from auditlog.capture.held import CHUNK, Rows, Seen, View
from auditlog.capture.options import Options
from auditlog.capture.registration import Registration
from auditlog.capture.sets import Changed, view_of, write_rows
from auditlog.capture.snapshot import locked
from auditlog.capture.tracking import tracked

Model = type[models.Model]

_relations: WeakKeyDictionary[Model, tuple[models.ForeignKey[Any, Any], ...]] = WeakKeyDictionary()


def _pointing(model: Model) -> tuple[models.ForeignKey[Any, Any], ...]:
    """The foreign keys to the model whose rows the database looks after when one of its rows goes."""
    if model not in _relations:
        relations: Iterable[Any] = get_candidate_relations_to_delete(model._meta)
        every = (each.field for each in relations)
        _relations[model] = tuple(f for f in every if hasattr(f.remote_field.on_delete, "on_delete_sql"))
    return _relations[model]


def reaches(model: Model, seen: frozenset[Model] = frozenset()) -> bool:
    """Whether deleting a row of the model can make the database change rows that are captured."""
    children = {field.model for field in _pointing(model)} - seen
    return any(tracked(child) is not None or reaches(child, seen | {model}) for child in children)


@contextmanager
def recorded_cascades(doomed: Mapping[Model, Iterable[Any]], using: str) -> Iterator[None]:
    """Record what the database does by itself when the block deletes the rows with these keys."""
    found: dict[Model, tuple[View, dict[Any, Seen]]] = {}
    for model, keys in doomed.items():
        _follow(model, list(keys), using, found)
    yield
    with transaction.mark_for_rollback_on_error(using):
        for model, (view, before) in found.items():
            if tracked(model) is not None:
                every = list(before)
                for at in range(0, len(every), CHUNK):
                    write_rows(view, _outcome(view, before, every[at : at + CHUNK]))


def _follow(model: Model, keys: list[Any], using: str, found: dict[Model, tuple[View, dict[Any, Seen]]]) -> None:
    for field in _pointing(model) if keys else ():
        child = field.model
        if child not in found:
            part = tracked(child) or Registration(child, Options(include=()))
            found[child] = (view_of(part, using), {})
        view, known = found[child]
        new = {pk: seen for pk, seen in _rows(view, field, keys) if pk not in known}
        known.update(view.by_keys(list(new)) if view.part.options.repr is not None else new)
        _follow(child, list(new), using, found)


def _rows(view: View, field: models.ForeignKey[Any, Any], keys: list[Any]) -> Iterator[tuple[Any, Seen]]:
    every: Rows = models.QuerySet(field.model, using=view.using)
    for at in range(0, len(keys), CHUNK):
        rows = every.filter(**{f"{field.name}__pk__in": keys[at : at + CHUNK]}).order_by("pk").values("pk")
        rows = models.QuerySet(field.model, using=view.using).filter(pk__in=rows.order_by()).order_by("pk")
        yield from view.read(locked(rows, view.using, no_key=False))


def _outcome(view: View, before: Mapping[Any, Seen], keys: list[Any]) -> Iterator[Changed]:
    now = view.by_keys(keys)
    for pk in keys:
        new = now.get(pk)
        yield Changed(before[pk].row, None if new is None else new.row)
