"""First entries of rows that existed before recording began: the command auditlog_baseline."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction

from auditlog.integrations.commands import os_user
from auditlog.models import Action, Entry
from tests.helpers import broken_chains, live, replayed, told
from tests.test_drift import past_the_log, sql, verify
from tests.testapp.models import Account, Bistro, Category, Document, Product, Seat, Tag

ROOT = Path(__file__).resolve().parent.parent


def baseline(*arguments: str) -> str:
    out = io.StringIO()
    call_command("auditlog_baseline", "--yes", *arguments, stdout=out)
    return out.getvalue()


def tags(count: int, start: int = 1) -> None:
    """Rows that nobody recorded."""
    with past_the_log() as cursor:
        names = [(start + number, f"t{start + number}") for number in range(count)]
        cursor.executemany("INSERT INTO testapp_tag (id, name) VALUES (%s, %s)", names)


def rows(model: type[models.Model]) -> dict[str, dict[str, Any]]:
    """The table as its entries alone tell it, without the event about the model itself."""
    return {key: row for key, row in replayed(model).items() if key}


@pytest.mark.django_db
def test_every_field_and_link_of_a_row_without_entries() -> None:
    tags(1, start=5)
    sql(
        "INSERT INTO testapp_product (id, name, price, stock, details, manual, category_id) "
        "VALUES (7, 'saw', 12.5, 3, '{}', '', NULL)"
    )
    sql("INSERT INTO testapp_product_tags (product_id, tag_id) VALUES (7, 5)")

    written = baseline("--model", "testapp.product")

    assert written.endswith("1 entries written.\n")
    assert [entry for entry in told() if entry[0] == "BASELINE"] == [
        (
            "BASELINE",
            "testapp.product",
            "7",
            {
                "id": [None, 7],
                "name": [None, "saw"],
                "price": [None, "12.50"],
                "stock": [None, 3],
                "details": [None, {}],
                "manual": [None, ""],
                "category": [None, None],
                "tags": {"added": [[5, "t5"]], "removed": []},
            },
        )
    ]
    entry = Entry.objects.get(action=Action.BASELINE)
    assert entry.object_repr == "saw"
    assert entry.actor_repr == f"command:auditlog_baseline (os user {os_user()})"
    assert rows(Product) == live(Product)


@pytest.mark.django_db
def test_a_second_run_writes_nothing_and_rows_with_entries_are_left_alone() -> None:
    Tag.objects.create(name="recorded")
    tags(3, start=100)

    first, before = baseline("--model", "testapp.tag", "--chunk", "2"), told()
    second = baseline("--model", "testapp.tag")

    assert first.endswith("3 entries written.\n")
    assert second.endswith("Estimated: 0 entries, 0\xa0bytes, 0.0 s (measured on a sample).\n0 entries written.\n")
    assert told() == before
    assert rows(Tag) == live(Tag)


@pytest.mark.django_db
def test_rows_known_in_part_only_are_written_when_asked() -> None:
    tags(1, start=9)
    tag = Tag.objects.get(pk=9)
    tag.name = "changed"
    tag.save()

    assert baseline("--model", "testapp.tag").endswith("0 entries written.\n")
    assert baseline("--model", "testapp.tag", "--partly").endswith("1 entries written.\n")
    assert baseline("--model", "testapp.tag", "--partly").endswith("0 entries written.\n")
    assert broken_chains() == []
    assert verify("--model", "testapp.tag") == []


@pytest.mark.django_db
def test_masked_values_long_and_composite_keys_and_every_table_of_a_tree() -> None:
    with_all = (Account(owner="o", phone="123", api_key="k"), Seat(hall="A", number=5), Document(path="p" * 300))
    bistro = Bistro(name="b", wine="red")
    for row in (*with_all, bistro):
        row.save()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auditlog_entry")

    baseline("--model", "testapp.account", "testapp.seat", "testapp.document", "testapp.bistro", "testapp.restaurant")

    account = Entry.objects.get(model="testapp.account", action=Action.BASELINE)
    assert (account.object_repr, account.changes["phone"], account.changes["api_key"]) == (
        "",
        {"masked": True},
        {"masked": True},
    )
    models = ["testapp.account", "testapp.bistro", "testapp.document", "testapp.restaurant", "testapp.seat"]
    assert sorted(Entry.objects.filter(action=Action.BASELINE).values_list("model", flat=True)) == models
    assert verify("--model", *models) == []
    sql("UPDATE testapp_document SET body = 'x'")
    assert len(verify("--model", "testapp.document", code=1)) == 1


@pytest.mark.django_db
def test_it_says_how_much_before_it_writes_and_wants_yes() -> None:
    tags(4)
    out = io.StringIO()

    with pytest.raises(CommandError) as error:
        call_command("auditlog_baseline", "--model", "testapp.tag", stdout=out)

    assert error.value.returncode == 2
    assert str(error.value) == "Nothing was written: repeat with --yes to write these entries."
    assert re.sub(r"[\d.]+\xa0KB|[\d.]+ s", "…", out.getvalue()) == (
        "testapp.tag: about 4 rows, …, …\nEstimated: 4 entries, …, … (measured on a sample).\n"
    )
    assert Entry.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "settings_of", "message"),
    [
        (["--chunk", "0"], {}, "--chunk must be 1 or more, not 0."),
        (["--model", "testapp.plain"], {}, "testapp.plain is not registered, or has no table on 'default'"),
        ([], {"ENABLED": False}, "Recording is switched off"),
    ],
)
def test_wrong_usage(arguments: list[str], settings_of: dict[str, Any], message: str, settings: Any) -> None:
    settings.AUDITLOG = settings_of

    with pytest.raises(CommandError) as error:
        call_command("auditlog_baseline", "--yes", *arguments)

    assert error.value.returncode == 2
    assert message in str(error.value)


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DB_NAME": connection.settings_dict["NAME"],
    }
    return subprocess.Popen(
        [sys.executable, "-m", "django", "auditlog_baseline", "--yes", *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_killed_run_is_continued_by_the_next() -> None:
    tags(3000)
    process = start("--model", "testapp.tag", "--chunk", "10")
    while process.poll() is None and Entry.objects.count() < 100:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _out, said = process.communicate()
    done = Entry.objects.count()
    assert (process.returncode, said) == (-signal.SIGKILL, "")
    assert 100 <= done < 3000
    assert done % 10 == 0

    said = baseline("--model", "testapp.tag")

    assert said.endswith(f"{3000 - done} entries written.\n")
    keys = Entry.objects.filter(action=Action.BASELINE).values_list("object_id", flat=True)
    assert sorted(keys, key=int) == [str(number) for number in range(1, 3001)]
    assert verify("--model", "testapp.tag") == []


@pytest.mark.django_db(transaction=True)
def test_saves_and_links_meanwhile_keep_the_chain() -> None:
    """Whoever is first: the baseline holds what stood before a save, or is not written because of it."""
    tags(5)
    with past_the_log() as cursor:
        names = [(number, f"p{number}") for number in range(1, 201)]
        cursor.executemany(
            "INSERT INTO testapp_product (id, name, price, stock, details, manual) VALUES (%s, %s, 1, 0, '{}', '')",
            names,
        )
    stop = threading.Event()
    saves = 0

    def write() -> None:
        nonlocal saves
        everything, every_tag = list(Product.objects.order_by("-pk")), list(Tag.objects.all())
        for product in everything:
            with transaction.atomic():
                product.stock += 1
                product.save()
                product.tags.add(every_tag[product.pk % 5])
                every_tag[0].products.add(product)
            saves += 1
        stop.set()
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    while not saves and writer.is_alive():
        time.sleep(0.01)
    baseline("--model", "testapp.product", "--chunk", "7")
    writer.join()

    assert saves == 200
    assert stop.is_set()
    assert broken_chains() == []
    assert verify("--model", "testapp.product") == []
    assert Category.objects.count() == 0
