"""What the tripwire costs per statement: the same statements with and without it, in interleaved rounds."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.test.utils import setup_databases, teardown_databases

from auditlog.capture import tripwire
from tests.testapp.models import Plain

# ruff: noqa: T201 - a benchmark prints its table

STATEMENTS = 500
TABLE = Plain._meta.db_table


def main(rounds: int) -> None:
    """Make a scratch database, run the rounds and print the table."""
    created = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"\n{connection.vendor}, {rounds} rounds of {STATEMENTS} statements in one transaction, CPU time\n")
        print("| statement | without, µs | with the tripwire | added, µs |\n| --- | --- | --- | --- |")
        for name, job in _jobs().items():
            print(_row(name, job, rounds))
    finally:
        teardown_databases(created, verbosity=0)


def _row(name: str, job: Callable[[int], object], rounds: int) -> str:
    without: list[float] = []
    watched: list[float] = []
    for number in range(rounds + 1):
        for spent, guarded in ((without, False), (watched, True)):
            seconds = _timed(job, guarded=guarded)
            if number:  # the first round warms up
                spent.append(seconds)
    ratio = statistics.median(a / b for a, b in zip(watched, without, strict=True))
    added = statistics.median(a - b for a, b in zip(watched, without, strict=True)) / STATEMENTS * 1e6
    return f"| {name} | {statistics.median(without) / STATEMENTS * 1e6:.1f} | {ratio:.2f} | {added:.2f} |"


def _timed(job: Callable[[int], object], *, guarded: bool) -> float:
    with transaction.atomic(), _guard(on=guarded):
        begin = time.process_time()
        for number in range(STATEMENTS):
            job(number)
        return time.process_time() - begin


@contextmanager
def _guard(*, on: bool) -> Iterator[None]:
    before = list(connection.execute_wrappers)
    connection.execute_wrappers[:] = [tripwire.guard] if on else []
    try:
        yield
    finally:
        connection.execute_wrappers[:] = before


def _jobs() -> dict[str, Callable[[int], object]]:
    numbers = itertools.count()

    def raw(sql: str, *params: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)

    return {
        "SELECT 1 by cursor": lambda _: raw("SELECT 1"),
        "first() by the ORM": lambda _: Plain.objects.filter(name="x").first(),
        "UPDATE by cursor, text seen before": lambda number: raw(f"UPDATE {TABLE} SET number = %s", number),
        "UPDATE by cursor, a new text each time": lambda _: raw(f"UPDATE {TABLE} SET number = {next(numbers)}"),
        "update() by the ORM": lambda number: Plain.objects.filter(name="x").update(number=number),
    }
