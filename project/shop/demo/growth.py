"""Grows the log for scale work: millions of entries by statements that run in the database.

The entries are made up, and say so in their context. They are spread evenly over the two years before now, in the
order of their ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import connection, transaction

from auditlog.models import Entry
from project.shop.demo import growth_plan, growth_sql

CHUNK = 100_000
TWO_YEARS_US = 2 * 365 * 24 * 3600 * 1_000_000
GENERATIONS = 200
Report = Callable[[str], object]


def grow(wanted: int, report: Report) -> int:
    """Add entries until there are ``wanted`` of them; gives how many were added."""
    if connection.vendor not in growth_sql.DIALECTS:
        raise CommandError(f"--entries can grow a log on SQLite and PostgreSQL, not on {connection.display_name}.")
    present = Entry.objects.count()
    missing = wanted - present
    if missing <= 0:
        report(f"The log holds {present:,} entries already.")
        return 0
    with _plan(missing):
        _insert(missing, growth_plan.FIRST_OBJECT_ID + present, report)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Entry._meta.db_table}")
    return missing


@contextmanager
def _plan(missing: int) -> Iterator[None]:
    """The plan in temporary tables, while the block runs."""
    with connection.cursor() as cursor:
        for table in growth_sql.TABLES:
            cursor.execute(table)
        cursor.executemany("INSERT INTO grown_slot VALUES (%s, %s, %s, %s, %s, %s)", growth_plan.slots())
        cursor.executemany("INSERT INTO grown_model VALUES (%s, %s, %s, %s, %s, %s)", _model_rows(missing))
        cursor.executemany("INSERT INTO grown_actor VALUES (%s, %s, %s, %s)", growth_plan.actors())
        try:
            yield
        finally:
            for name in ("grown_slot", "grown_model", "grown_actor"):
                cursor.execute(f"DROP TABLE {name}")


def _model_rows(missing: int) -> list[tuple[int, str, int, int, int, int]]:
    """Per model: its number, label, share of a cycle, how many objects live at a time, entries in a life, deleted."""
    cycles = missing // growth_plan.CYCLE + 1
    return [
        (
            index,
            model.label,
            model.share,
            max(1, cycles * model.share // model.entries_per_object // GENERATIONS),
            model.entries_per_object,
            int(model.dies),
        )
        for index, model in enumerate(growth_plan.MODELS)
    ]


def _insert(missing: int, first_object: int, report: Report) -> None:
    dialect = growth_sql.DIALECTS[connection.vendor]
    step_us = TWO_YEARS_US // missing
    start_us = time.time_ns() // 1000 - step_us * missing
    began = time.monotonic()
    for low in range(0, missing, CHUNK):
        high = min(low + CHUNK, missing)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(growth_sql.statement(dialect, low, high, start_us, step_us, first_object))
        report(f"{high:,} of {missing:,} entries, {time.monotonic() - began:.0f} s")
