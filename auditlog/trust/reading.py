"""Reading entries and rows as they were at one moment, while others write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, models, transaction

CHUNK = 500
_LEVEL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


@contextmanager
def one_moment(using: str) -> Iterator[None]:
    """A transaction whose queries all see the database as it was at the first of them.

    SQLite gives every transaction that; PostgreSQL and MySQL are asked for it. Inside a caller's transaction its own
    level holds.
    """
    connection = connections[using]
    if connection.in_atomic_block or connection.vendor not in ("postgresql", "mysql"):
        with transaction.atomic(using):
            yield
        return
    if connection.vendor == "mysql":  # there it holds for the next transaction
        with connection.cursor() as cursor:
            cursor.execute(_LEVEL)
    with transaction.atomic(using):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(_LEVEL)
        yield


def next_keys(using: str, model: type[models.Model], after: Any, size: int = CHUNK) -> list[Any]:
    """The primary keys of the next rows behind ``after`` (None: the first), in key order."""
    rows: models.QuerySet[Any] = models.QuerySet(model, using=using)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:size])
