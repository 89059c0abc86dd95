"""``QuerySet.bulk_create`` without conflicts: every object was inserted, and Django holds its instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, models, transaction

from auditlog.capture.frames import open_frames
from auditlog.capture.held import CHUNK, Rows, View
from auditlog.capture.labels import closed_database
from auditlog.capture.receivers import write_pending
from auditlog.capture.registration import Registration
from auditlog.capture.registry import label_of
from auditlog.capture.sets import Changed, view_of, write_rows
from auditlog.capture.snapshot import Row, from_instance

Objects = Sequence[models.Model]


def insert(
    original: Callable[..., Any], queryset: Rows, objs: Objects, options: Mapping[str, Any], part: Registration
) -> Any:
    """Insert the objects as Django does, and record each as created."""
    view = view_of(part, queryset.db)
    if open_frames():
        write_pending(view.using, {(part.label, part.key(obj.pk)) for obj in objs if obj.pk is not None})
    with _one_by_one(queryset):
        created = original(queryset, objs, **options)
    with transaction.mark_for_rollback_on_error(view.using):
        write_rows(view, _creations(view, objs))
    return created


@contextmanager
def _one_by_one(queryset: Rows) -> Iterator[None]:
    """Where the database returns no keys of many rows (MySQL), insert each by itself: its key is then known."""
    if connections[queryset.db].features.can_return_rows_from_bulk_insert:
        yield
        return
    original = queryset._insert  # type: ignore[attr-defined]

    made = queryset.model._meta.db_returning_fields

    def each(objs: Objects, fields: Sequence[Any], **kwargs: Any) -> list[Any]:
        for obj in objs:
            for row in original([obj], fields=fields, **{**kwargs, "returning_fields": made}):
                for field, value in zip(made, row, strict=False):  # MySQL returns the key alone
                    setattr(obj, field.attname, value)
        return []

    with shadowed(queryset, each):
        yield


@contextmanager
def shadowed(queryset: Rows, insert: Callable[..., list[Any]]) -> Iterator[None]:
    """Let this queryset insert its batches by another function for the duration of the block."""
    queryset.__dict__["_insert"] = insert
    try:
        yield
    finally:
        del queryset.__dict__["_insert"]


def _creations(view: View, objs: Objects) -> Iterator[Changed]:
    for at in range(0, len(objs), CHUNK):
        chunk = objs[at : at + CHUNK]
        rows = [from_instance(view.table, obj, None, None) for obj in chunk]
        computed = [obj.pk for obj, row in zip(chunk, rows, strict=True) if row is None]
        read = view.by_keys(computed) if computed else {}
        for obj, row, label in zip(chunk, rows, labels_of_all(chunk), strict=True):
            found: Row | None = row if row is not None else read[obj.pk].row
            yield Changed(None, found, label)


def labels_of_all(objs: Objects) -> list[str]:
    """``str()`` of each object, with the database closed to it; no instance at hand gives no label."""
    with closed_database():
        return [label_of(obj) for obj in objs]
