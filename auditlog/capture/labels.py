"""Labels of many objects at once, as they are at this moment, without a query per object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from django.db import connections, models

from auditlog.capture.registry import label_of

_CHUNK = 500


class QueryInLabelError(Exception):
    """A ``__str__`` asked the database while labels were made in bulk; the label then stays empty."""


@contextmanager
def closed_database() -> Iterator[None]:
    """Refuse every query of this thread within the block."""
    with ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            stack.enter_context(connection.execute_wrapper(_refuse))
        yield


def _refuse(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> NoReturn:
    raise QueryInLabelError(sql)


def labels(
    model: type[models.Model],
    field: models.Field[Any, Any],
    keys: Iterable[Any],
    using: str,
    *,
    known: models.Model | None = None,
) -> dict[Any, tuple[Any, str]]:
    """``{value of field: (primary key, label)}`` of the objects with these values; absent ones are left out.

    ``known`` is an object at hand: it is not fetched again, and its ``__str__`` may query.
    """
    found: dict[Any, tuple[Any, str]] = {}
    wanted = set(keys)
    if known is not None and isinstance(known, model) and (key := getattr(known, field.attname)) in wanted:
        found[key] = (getattr(known, model._meta.pk.attname), label_of(known))
        wanted.discard(key)
    every = list(wanted)
    for at in range(0, len(every), _CHUNK):
        rows: models.QuerySet[Any] = models.QuerySet(model, using=using)
        found.update(_labels(rows, field, every[at : at + _CHUNK]))
        mute = [key for key in every[at : at + _CHUNK] if key in found and not found[key][1]]
        along = [each.name for each in model._meta.concrete_fields if isinstance(each, models.ForeignKey)]
        if mute and along:  # a __str__ that names what the object belongs to: fetched along, it needs no query
            found.update(_labels(rows.select_related(*along), field, mute))
    return found


def _labels(
    rows: models.QuerySet[Any], field: models.Field[Any, Any], keys: Sequence[Any]
) -> dict[Any, tuple[Any, str]]:
    objects = list(rows.filter(**{f"{field.attname}__in": keys}))
    with closed_database():
        return {getattr(obj, field.attname): (obj.pk, label_of(obj)) for obj in objects}
