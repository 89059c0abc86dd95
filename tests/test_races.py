"""Several processes on the same rows, and processes killed while they save."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from auditlog.capture import held
from auditlog.models import Entry
from tests.helpers import broken_chains, live, replayed, told
from tests.testapp.models import Category, Product, Shelf, Tag
from tests.workers import ROWS

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 4 if connection.vendor == "sqlite" else 8
SAVES = 60
KILLS = 200


def run(*jobs: tuple[str, int, int]) -> None:
    """Run the jobs of :mod:`tests.workers` at the same time on this test's database; fail with what they print."""
    environment = {
        **os.environ,
        "DB_NAME": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.workers", name, str(seed), str(times)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for name, seed, times in jobs
    ]  # fmt: skip
    failed = [output for process in processes if (output := process.communicate(timeout=300)[0]) and process.returncode]

    assert failed == []
    assert [process.returncode for process in processes] == [0] * len(processes)


@pytest.fixture
def products() -> None:
    for number in range(ROWS):
        Product.objects.create(name=f"p{number}")


def test_the_chain_holds_under_contention(products: None) -> None:
    connection.close()
    run(*[("race", seed, SAVES) for seed in range(1, WRITERS + 1)])

    assert broken_chains() == []
    assert replayed(Product) == live(Product)


def test_no_update_is_lost(products: None) -> None:
    connection.close()
    run(*[("count", seed, SAVES) for seed in range(1, WRITERS + 1)])

    assert Product.objects.aggregate(total=Sum("stock"))["total"] == WRITERS * SAVES
    assert Entry.objects.for_model(Product).count() == ROWS + WRITERS * SAVES
    assert broken_chains() == []


def test_sets_changed_at_once(products: None) -> None:
    connection.close()
    run(*[("sets", seed, SAVES) for seed in range(1, WRITERS + 1)])

    assert broken_chains() == []
    assert replayed(Product) == live(Product)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="nobody else can write while a transaction does")
@pytest.mark.parametrize("limit", [1000, 3])
def test_a_row_that_comes_to_match_meanwhile_is_left_alone(
    products: None, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Another connection inserts a matching row after ours was locked and before the UPDATE: it is not changed."""
    monkeypatch.setattr(held, "IN_MEMORY", limit)

    def elsewhere() -> None:
        Product.objects.create(name="meanwhile")
        connection.close()

    def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        return execute(sql, *rest)

    with connection.execute_wrapper(meanwhile):
        assert Product.objects.filter(stock=0).update(stock=5) == ROWS

    assert Product.objects.get(name="meanwhile").stock == 0
    assert replayed(Product) == live(Product)
    assert broken_chains() == []


@pytest.mark.skipif(connection.vendor == "sqlite", reason="nobody else can write while a transaction does")
def test_a_row_that_another_connection_inserts_before_an_upsert_is_updated_by_it() -> None:
    """It was not there when we looked; the entries say nevertheless what the database did."""

    def elsewhere() -> None:
        Shelf.objects.create(name="one", slots=1)
        Shelf.objects.filter(name="one").update(slots=2)
        connection.close()

    def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO") and "testapp_shelf" in sql:
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        return execute(sql, *rest)

    with connection.execute_wrapper(meanwhile):
        Shelf.objects.bulk_create(
            [Shelf(name="one", slots=7), Shelf(name="two", slots=8)],
            update_conflicts=True,
            update_fields=["slots"],
            unique_fields=["name"] if connection.features.supports_update_conflicts_with_target else None,
        )

    keys = {shelf.name: str(shelf.pk) for shelf in Shelf.objects.all()}
    assert [(action, key) for action, _, key, _ in told()] == [
        ("CREATE", keys["one"]), ("UPDATE", keys["one"]), ("UPDATE", keys["one"]), ("CREATE", keys["two"]),
    ]  # fmt: skip
    assert told()[2][3] == {"slots": [2, 7]}
    assert replayed(Shelf) == live(Shelf)


def related_by_the_log() -> set[tuple[str, int]]:
    """The pairs of product and tag as the entries alone tell them."""
    pairs: set[tuple[str, int]] = set()
    for entry in Entry.objects.for_model(Product).filter(changes__has_key="tags").order_by("id"):
        added = {(entry.object_id, key) for key, _ in entry.changes["tags"]["added"]}
        removed = {(entry.object_id, key) for key, _ in entry.changes["tags"]["removed"]}
        assert not added & pairs, f"entry {entry.pk} adds what is there"
        assert removed <= pairs, f"entry {entry.pk} removes what is not there"
        pairs = pairs - removed | added
    return pairs


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time: see docs/autocommit.md, SQLite")
def test_relations_changed_from_both_sides_at_once(products: None) -> None:
    for number in range(4):
        Tag.objects.create(name=f"t{number}")
    connection.close()
    run(*[("link", seed, SAVES) for seed in range(1, WRITERS + 1)])

    rows = Product.tags.through.objects.values_list("product_id", "tag_id")
    assert related_by_the_log() == {(str(product), tag) for product, tag in rows}


def test_a_killed_process_leaves_no_change_without_entry_and_no_entry_without_change() -> None:
    connection.close()
    run(("crash", 1, KILLS))

    assert Category.objects.count() > 0
    assert replayed(Category) == live(Category)
    assert broken_chains() == []
