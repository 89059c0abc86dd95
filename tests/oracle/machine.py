"""The stateful test: steps drawn by hypothesis, checked by replaying the log after each."""

from __future__ import annotations

import threading
from contextlib import nullcontext, suppress
from random import Random
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, OperationalError, connection, connections, models, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from auditlog.capture.tripwire import allowing
from auditlog.models import Entry
from tests.oracle.compare import differences
from tests.oracle.meddling import Refusal, meddling, refusing
from tests.oracle.operations import OPERATIONS, run
from tests.oracle.rows import fill, zoo
from tests.strategies import assignable
from tests.testapp import value_models

names = st.sampled_from(sorted(OPERATIONS))
seeds = st.integers(0, 2**32 - 1)
plans = st.lists(st.tuples(names, seeds, st.booleans()), min_size=1, max_size=4)

VALUES = [
    model
    for model in vars(value_models).values()
    if isinstance(model, type)
    and issubclass(model, models.Model)
    and model.__name__.endswith("Value")
    and model.__name__ not in ("GeneratedValue", "DefaultValue", "FileValue", "LinkValue", "ChainValue")
]
"""A model for every kind of field; registered for the time of the oracle."""

REFUSED = (IntegrityError, DataError, ObjectDoesNotExist)
"""What a database or Django may say to a random write."""

CONTENDED = (*REFUSED, OperationalError)
"""What it may say besides to several at once: a deadlock, a lock that is not to be had."""


class Undo(Exception):  # noqa: N818 - not an error
    """Rolls a block back."""


class Oracle(RuleBasedStateMachine):
    """Writes at random, in autocommit and in nested blocks, by one and by several connections."""

    operations = 0
    """Operations run by all machines."""
    refused = 0

    def __init__(self) -> None:
        super().__init__()
        empty()

    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        """Rows of every model, so that there is something to write."""
        fill(Random(seed), "default")

    @rule(name=names, seed=seeds)
    def write(self, name: str, seed: int) -> None:
        """One operation in autocommit."""
        self.attempt(name, Random(seed))

    @rule(name=names, seed=seeds)
    def write_among_receivers(self, name: str, seed: int) -> None:
        """One operation while a project's own receiver writes too."""
        rng = Random(seed)
        with meddling(rng, "default"):
            self.attempt(name, rng)

    @rule(name=names, seed=seeds, after=names, atomic=st.booleans())
    def write_what_a_receiver_refuses(self, name: str, seed: int, after: str, atomic: bool) -> None:
        """A receiver raises; the caller catches that and goes on, in the same transaction or in autocommit."""
        rng = Random(seed)
        with suppress(*REFUSED), transaction.atomic() if atomic else nullcontext():  # the commit may be refused, too
            with refusing(rng, "default"), suppress(Refusal):
                self.attempt(name, rng)
            if not connection.needs_rollback:
                self.attempt(after, rng)

    @rule(steps=plans, undone=st.booleans(), seed=seeds)
    def write_in_a_block(self, steps: list[tuple[str, int, bool]], undone: bool, seed: int) -> None:
        """Operations in one transaction, each in a savepoint; some of them, and perhaps all, are rolled back."""
        try:
            with transaction.atomic():
                for name, each, inner in steps:
                    self.attempt_within(name, Random(each), undone=inner)
                if undone:
                    raise Undo  # noqa: TRY301 - rolls the block back
        except (Undo, *REFUSED):  # foreign keys are looked at when the block is committed
            pass

    @rule(steps=plans)
    def write_at_once(self, steps: list[tuple[str, int, bool]]) -> None:
        """Operations by several connections at the same time."""
        failed: list[BaseException] = []

        def attempt(name: str, seed: int) -> None:
            try:
                self.attempt(name, Random(seed), CONTENDED)
            except BaseException as error:  # noqa: BLE001 - told by the thread that waits
                failed.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=attempt, args=(name, seed)) for name, seed, _ in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    @rule(data=st.data(), model=st.sampled_from(VALUES), way=st.sampled_from(["save", "bulk", "update", "bulk_update"]))
    def write_values(self, data: Any, model: type[models.Model], way: str) -> None:
        """Values of every kind, two of them one after the other."""
        field: Any = model._meta.get_field("value")
        first, second = (data.draw(st.none() | assignable(field, connection.vendor)) for _ in range(2))
        Oracle.operations += 1
        try:
            with transaction.atomic():
                change(model, way, first, second)
        except (*REFUSED, OverflowError, ValueError, OperationalError):
            Oracle.refused += 1

    def attempt(self, name: str, rng: Random, accepted: tuple[type[Exception], ...] = REFUSED) -> None:
        """Run one operation; what it may be refused with is no failure."""
        Oracle.operations += 1
        try:
            run(name, rng, "default")
        except accepted:
            Oracle.refused += 1

    def attempt_within(self, name: str, rng: Random, *, undone: bool) -> None:
        """Run one operation in a savepoint, which may be rolled back."""
        try:
            with transaction.atomic():
                self.attempt_or_raise(name, rng)
                if undone:
                    raise Undo  # noqa: TRY301 - rolls the savepoint back
        except (Undo, *REFUSED):
            pass

    def attempt_or_raise(self, name: str, rng: Random) -> None:
        """Run one operation."""
        Oracle.operations += 1
        run(name, rng, "default")

    @invariant()
    def the_log_rebuilds_the_tables(self) -> None:
        """Replaying all entries from nothing gives exactly what the tables hold, and every chain holds."""
        wrong = differences([*zoo(), *VALUES], "default")
        if wrong:
            raise AssertionError("\n".join(wrong))


def change(model: type[models.Model], way: str, first: Any, second: Any) -> None:
    """Write a row with one value, then with another."""
    rows = model._base_manager
    if way == "bulk":
        rows.bulk_create([model(value=first), model(value=second)])
        return
    obj = rows.create(value=first)
    obj.value = second  # type: ignore[attr-defined] # every model of values has it
    if way == "save":
        obj.save()
    elif way == "update":
        rows.filter(pk=obj.pk).update(value=second)
    else:
        rows.bulk_update([obj], ["value"])


def empty() -> None:
    """Forget all rows and entries, by SQL, so that nothing of it is recorded."""
    tables = [model._meta.db_table for model in (*zoo(), *VALUES)]
    relations: list[Any] = [f for model in zoo() for f in model._meta.local_many_to_many]
    tables += [f.remote_field.through._meta.db_table for f in relations]
    tables += [model._meta.db_table for model in unregistered_children()]
    with allowing(tables), transaction.atomic(), connection.cursor() as cursor, connection.constraint_checks_disabled():
        for table in [*dict.fromkeys(tables), Entry._meta.db_table]:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def unregistered_children() -> list[type[models.Model]]:
    """Tables that point at the zoo's and are not recorded."""
    known = set(zoo())
    found = {relation.related_model for model in known for relation in model._meta.related_objects}
    return [model for model in found if model not in known and isinstance(model, type)]
