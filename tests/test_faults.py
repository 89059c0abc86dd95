"""An entry that cannot be written: whatever the write path, the change is not made, and nothing is half-written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from auditlog.exceptions import RecordingError
from auditlog.models import Entry
from tests.helpers import live, replayed, told
from tests.testapp.models import Lenient, Product, Shelf, Tag

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = "auditlog_entry_away"


@pytest.fixture
def rows() -> None:
    shelf = Shelf.objects.create(name="one")
    shelf.crates.create(name="c")
    Product.objects.create(name="Tea").tags.add(Tag.objects.create(name="red"))
    Tag.objects.create(name="blue")


@pytest.fixture
def broken(rows: None) -> Iterator[None]:
    """The log's table is gone for the time of the test."""
    rename(Entry._meta.db_table, AWAY)
    yield
    rename(AWAY, Entry._meta.db_table)


def rename(old: str, new: str) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")


def tea() -> Product:
    return Product.objects.get()


def one() -> Shelf:
    return Shelf.objects.get(name="one")


def _save() -> None:
    shelf = one()
    shelf.slots = 9
    shelf.save()


WRITES: dict[str, Callable[[], object]] = {
    "create": lambda: Shelf.objects.create(name="two"),
    "save": _save,
    "delete": lambda: one().delete(),
    "update": lambda: Shelf.objects.update(slots=9),
    "bulk_create": lambda: Shelf.objects.bulk_create([Shelf(name="two")]),
    "ignore": lambda: Shelf.objects.bulk_create([Shelf(name="one"), Shelf(name="two")], ignore_conflicts=True),
    "bulk_update": lambda: Shelf.objects.bulk_update([Shelf(pk=one().pk, slots=9)], ["slots"]),
    "raw delete": lambda: Tag.objects.filter(name="blue")._raw_delete("default"),
    "queryset delete": lambda: Tag.objects.all().delete(),
    "add": lambda: tea().tags.add(Tag.objects.get(name="blue")),
    "clear": lambda: tea().tags.clear(),  # noqa: PLW0108 - asked when it runs
    "through": lambda: Product.tags.through.objects.all().delete(),
    "reverse": lambda: one().crates.clear(),  # noqa: PLW0108 - asked when it runs
}


def everything() -> list[Any]:
    through = Product.tags.through.objects.values_list("product_id", "tag_id")
    return [live(Shelf), live(Product), live(Tag), sorted(through)]


@pytest.mark.parametrize("name", WRITES)
def test_in_autocommit_nothing_is_written(broken: None, name: str) -> None:
    before = everything()
    with pytest.raises(RecordingError) as caught:
        WRITES[name]()

    assert isinstance(caught.value.__cause__, DatabaseError)
    assert everything() == before
    assert connection.in_atomic_block is False


@pytest.mark.parametrize("name", WRITES)
def test_the_callers_transaction_cannot_be_committed(broken: None, name: str) -> None:
    before = everything()
    with pytest.raises(RecordingError), transaction.atomic():
        WRITES[name]()

    assert everything() == before


@pytest.mark.parametrize("name", WRITES)
def test_a_caller_who_catches_it_cannot_keep_half(broken: None, name: str) -> None:
    before = everything()
    with transaction.atomic():
        try:
            WRITES[name]()
        except RecordingError:
            assert connection.needs_rollback

    assert everything() == before


LENIENT: dict[str, Callable[[], object]] = {
    "create": lambda: Lenient.objects.create(name="a"),
    "bulk_create": lambda: Lenient.objects.bulk_create([Lenient(name="a")]),
    "get_or_create": lambda: Lenient.objects.get_or_create(name="a"),
}


@pytest.mark.parametrize("name", LENIENT)
@pytest.mark.parametrize("atomic", [True, False])
def test_on_error_log_lets_the_change_stand(
    broken: None, caplog: pytest.LogCaptureFixture, name: str, atomic: bool
) -> None:
    if atomic:
        with transaction.atomic():
            LENIENT[name]()
            Lenient.objects.update(name="b")
            Lenient.objects.filter(name="b").update(name="c")
    else:
        LENIENT[name]()
        Lenient.objects.update(name="c")

    assert list(Lenient.objects.values_list("name", flat=True)) == ["c"]
    assert {record.name for record in caplog.records} == {"auditlog"}
    assert '"model": "testapp.lenient"' in caplog.text


@pytest.mark.skipif(connection.vendor != "postgresql", reason="pg_terminate_backend is PostgreSQL's")
@pytest.mark.parametrize("name", WRITES)
def test_a_connection_that_is_ended_in_the_middle(rows: None, name: str) -> None:
    """The server ends it when the entry is about to be written: all or nothing."""
    before, entries = everything(), told()
    victim: list[int] = []

    def end(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO") and "auditlog_entry" in sql and victim:
            thread = threading.Thread(target=terminate, args=(victim.pop(),))
            thread.start()
            thread.join()
        return execute(sql, *rest)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        victim.append(cursor.fetchone()[0])
    with pytest.raises((OperationalError, RecordingError)), connection.execute_wrapper(end):
        WRITES[name]()
    connection.close()

    assert everything() == before
    assert told() == entries


def terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    connection.close()


def test_a_value_that_the_database_refuses_is_the_callers_error(rows: None) -> None:
    with pytest.raises(IntegrityError):
        Shelf.objects.update(slots=-1)

    assert replayed(Shelf) == live(Shelf)
