"""``manage.py demo``: the working day leaves every kind of entry, and a second run changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditlog.models import Action
from tests.demo_project import Demo, fresh

ACTIONS = {
    Action.CREATE, Action.UPDATE, Action.DELETE, Action.ACCESS, Action.LOGIN, Action.LOGOUT, Action.LOGIN_FAILED,
    Action.EVENT,
}  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A project whose migrations were not run."""
    with fresh(tmp_path_factory.mktemp("empty")) as demo:
        yield demo


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A project in which the day was lived."""
    with fresh(tmp_path_factory.mktemp("day")) as demo:
        demo.works("migrate", "-v0")
        demo.works("demo")
        yield demo


def changes(demo: Demo, where: str) -> list[Any]:
    """The changes of the entries, oldest first."""
    found = demo.select(f"SELECT changes FROM auditlog_entry WHERE {where} ORDER BY id")
    return [json.loads(value) if isinstance(value, str) else value for (value,) in found]


def test_the_log_holds_every_kind_of_entry(day: Demo) -> None:
    assert {number for (number,) in day.select("SELECT DISTINCT action FROM auditlog_entry")} == ACTIONS


def test_at_least_five_people_and_two_commands_acted(day: Demo) -> None:
    people = day.select("SELECT DISTINCT actor_repr FROM auditlog_entry WHERE actor_id IS NOT NULL ORDER BY 1")
    others = day.select("SELECT DISTINCT actor_repr FROM auditlog_entry WHERE actor_id IS NULL ORDER BY 1")
    assert [name for (name,) in people] == ["ana", "otto", "sam", "stella", "sue", "till"]
    commands = [name.split(" ")[0] for (name,) in others if name]
    assert commands == ["command:demo", "command:import_prices"]


def test_every_recorded_model_has_entries(day: Demo) -> None:
    models = {name for (name,) in day.select("SELECT DISTINCT model FROM auditlog_entry")}
    assert models >= {
        "auth.group", "auth.user", "geo.country", "geo.currency", "shop.category", "shop.contact", "shop.customer",
        "shop.order", "shop.orderline", "shop.product", "shop.supplier", "shop.tag",
    }  # fmt: skip


def test_the_reference_data_is_real_and_recorded(day: Demo) -> None:
    for model in ("country", "currency"):
        (rows,) = day.select(f"SELECT count(*) FROM geo_{model}")[0]
        (entries,) = day.select(f"SELECT count(*) FROM auditlog_entry WHERE model = 'geo.{model}' AND action = 1")[0]
        assert rows == entries > 150
    assert day.select("SELECT name FROM geo_country WHERE code = 'ES'") == [("Spain",)]


def test_what_each_door_left(day: Demo) -> None:
    """The admin's form, its bulk action, the page with a reason, the API with a token, the command."""
    cup = changes(day, "model = 'shop.product' AND action = 2 AND actor_repr = 'stella' AND object_repr LIKE '%P-102%'")
    assert [set(one) - {"updated_at"} for one in cup] == [{"price"}]
    assert changes(day, "reason = 'Clay is dear'") == cup
    shipped = changes(day, "reason = 'Picked up by the carrier' AND actor_repr = 'sam'")
    assert shipped == [{"status": ["paid", "shipped"]}] * 5
    cancelled = changes(day, "reason = 'The customer ordered twice' AND actor_repr = 'sue'")
    assert cancelled == [{"status": ["open", "cancelled"]}, {}]
    booked = changes(day, "actor_repr = 'till' AND model = 'shop.product'")
    assert [new - old for one in booked for old, new in [one["stock"]]] == [-3] * 6
    imported = changes(day, "actor_repr LIKE 'command:import_prices%'")
    assert imported[0] == {"price": ["42.00", "44.50"]}
    assert [set(one) for one in imported] == [{"price"}] * 12


def test_many_to_many_files_and_json_are_there(day: Demo) -> None:
    by_stella = changes(day, "model = 'shop.product' AND action = 2 AND actor_repr = 'stella'")
    fields = {name for one in by_stella for name in one}
    assert {"tags", "attributes", "datasheet"} <= fields
    (groups,) = changes(day, "model = 'auth.user' AND actor_repr = 'ana' AND action = 2")
    assert {name: [label for _key, label in pairs] for name, pairs in groups["groups"].items()} == {
        "added": ["Support"],
        "removed": [],
    }


def test_secrets_are_nowhere(day: Demo) -> None:
    (password,) = day.select("SELECT password FROM auth_user WHERE username = 'ana'")[0]
    (token,) = day.select("SELECT key FROM authtoken_token")[0]
    (secret,) = day.select("SELECT api_token FROM shop_contact WHERE api_token <> '' ORDER BY id")[0]
    log = repr(day.select("SELECT * FROM auditlog_entry"))
    assert [password in log, token in log, secret in log] == [False, False, False]


def test_a_second_run_changes_nothing(day: Demo) -> None:
    before = day.select("SELECT count(*), max(id) FROM auditlog_entry")
    said = day.works("demo")
    assert "The shop is filled already; nothing was changed." in said
    assert "stella" in said
    assert day.select("SELECT count(*), max(id) FROM auditlog_entry") == before


def test_prices_of_an_unknown_product_change_nothing(day: Demo, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("sku,price\nP-101,1.00\nP-999,1.00\n")
    done = day.manage("import_prices", str(file))
    assert (done.returncode, done.stderr) == (1, "CommandError: There is no product P-999; no price was changed.\n")
    assert day.select("SELECT count(*) FROM shop_product WHERE price = 1") == [(0,)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("sku;price\n", "needs the columns sku and price, and a number in each price."),
        ("sku,price\nP-101,dear\n", "needs the columns sku and price, and a number in each price."),
    ],
)
def test_a_bad_price_list_is_refused(day: Demo, tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "prices.csv"
    if content is not None:
        file.write_text(content)
    done = day.manage("import_prices", str(file))
    assert (done.returncode, done.stderr) == (1, f"CommandError: {file} {message}\n")


def test_without_tables_it_says_what_to_run(empty: Demo) -> None:
    done = empty.manage("demo")
    assert done.returncode == 1
    assert done.stderr == "CommandError: The database 'default' lacks tables. Run first: python manage.py migrate\n"


def test_a_negative_number_of_entries_is_refused(empty: Demo) -> None:
    done = empty.manage("demo", "--entries", "-1")
    assert (done.returncode, done.stderr) == (1, "CommandError: --entries needs a number that is not negative.\n")


def test_it_refuses_to_run_without_debug(empty: Demo, tmp_path: Path) -> None:
    (tmp_path / "production.py").write_text("from project.settings import *\nDEBUG = False\n")
    done = empty.manage("demo", DJANGO_SETTINGS_MODULE="production", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "it runs with DEBUG = True only." in done.stderr


def test_a_day_that_was_broken_off_is_lived_again(day: Demo) -> None:
    """The last test of this copy: it lacks the entry that says that the day is over."""
    day.execute("UPDATE auditlog_entry SET event = 'broken off' WHERE event = 'demo.day_finished'")
    said = day.works("demo")
    assert ("Filling the shop" in said, "Living a working day" in said) == (False, True)
    assert day.select("SELECT count(*) FROM auditlog_entry WHERE event = 'demo.day_finished'") == [(1,)]
    assert day.select("SELECT sku FROM shop_product WHERE sku LIKE 'N-%' ORDER BY sku") == [("N-1",), ("N-2",)]
