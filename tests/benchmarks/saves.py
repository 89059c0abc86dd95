"""What recording costs: bare Django, a hand-written ideal and the audit log, in interleaved rounds on one database.

It prints a Markdown table of median ratios to bare Django. The ideal is a
locked SELECT and one INSERT written by hand; nothing that records old values in the same transaction can do less.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from tests.testapp.models import Plain, Recorded

# ruff: noqa: T201 - a benchmark prints its table

SAVES = 100
Job = Callable[[type[Any]], None]


def main(rounds: int) -> None:
    """Make a scratch database, run the rounds and print the table."""
    created = setup_databases(verbosity=0, interactive=False)
    try:
        print(
            f"{connection.vendor}, {rounds} rounds of {SAVES} operations in one transaction, CPU time of the client\n"
        )
        print("| operation | bare, µs | ideal | recorded |\n| --- | --- | --- | --- |")
        for name, job in _jobs().items():
            print(_row(name, job, rounds))
    finally:
        teardown_databases(created, verbosity=0)


def _row(name: str, job: Job, rounds: int) -> str:
    times: dict[str, list[float]] = {"bare": [], "ideal": [], "recorded": []}
    for number in range(rounds + 1):
        for way, spent in times.items():
            seconds = _timed(job, Recorded if way == "recorded" else Plain, by_hand=way == "ideal")
            if number:  # the first round warms up
                spent.append(seconds)
    ratios = {way: statistics.median(a / b for a, b in zip(times[way], times["bare"], strict=True)) for way in times}
    bare = statistics.median(times["bare"]) / SAVES * 1e6
    return f"| {name} | {bare:.0f} | {ratios['ideal']:.2f} | {ratios['recorded']:.2f} |"


def _timed(job: Job, model: type[Any], *, by_hand: bool) -> float:
    model.objects.all().delete()
    model.objects.bulk_create([model(name=f"n{number}", number=number) for number in range(SAVES)])
    with transaction.atomic(), _by_hand(model) if by_hand else _nothing():
        begin = time.process_time()
        job(model)
        return time.process_time() - begin


def _jobs() -> dict[str, Job]:  # noqa: C901 - four jobs side by side
    def create(model: type[Any]) -> None:
        for number in range(SAVES):
            model.objects.create(name=f"c{number}", number=number)

    def update(model: type[Any]) -> None:
        for row in model.objects.all():
            row.number += 1
            row.save()

    def unchanged(model: type[Any]) -> None:
        for row in model.objects.all():
            row.save()

    def delete(model: type[Any]) -> None:
        for row in model.objects.all():
            row.delete()

    return {"create": create, "update of one field": update, "save without change": unchanged, "delete": delete}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _by_hand(model: type[Any]) -> Iterator[None]:
    """Wrap the model's own save and delete with the least SQL that does the job."""
    lock = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    table = model._meta.db_table
    select = f'SELECT id, name, number FROM "{table}" WHERE id = %s{lock}'
    insert = (
        "INSERT INTO auditlog_entry (recorded_at, action, event, model, object_id, object_repr, changes, actor_repr, "
        "changeset, reason, context) VALUES (%s, %s, '', %s, %s, %s, %s, '', %s, '', '{}')"
    )
    changeset = uuid.uuid4()
    group = changeset if connection.vendor == "postgresql" else changeset.hex
    originals = (model.save, model.delete)

    def old_row(pk: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(select, [pk])
            return cursor.fetchone()

    def write(action: int, obj: Any, changes: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            values: list[Any] = [
                timezone.now(),
                action,
                "testapp.plain",
                str(obj.pk),
                str(obj)[:200],
                json.dumps(changes),
                group,
            ]
            cursor.execute(insert, values)

    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        old = old_row(self.pk) if self.pk else None
        originals[0](self, *args, **kwargs)
        new = (self.pk, self.name, self.number)
        pairs = zip(("id", "name", "number"), old or (None, None, None), new, strict=True)
        changes = {name: [before, after] for name, before, after in pairs if before != after}
        if changes:
            write(2 if old else 1, self, changes)

    def delete(self: Any, *args: Any, **kwargs: Any) -> Any:
        old = old_row(self.pk)
        write(3, self, {name: [value, None] for name, value in zip(("id", "name", "number"), old, strict=True)})
        return originals[1](self, *args, **kwargs)

    model.save, model.delete = save, delete
    try:
        yield
    finally:
        model.save, model.delete = originals
