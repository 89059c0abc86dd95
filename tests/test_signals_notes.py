"""The examples of docs/signals.md work as the page says, and both pages show this very code."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import OperationalError, connection, connections, transaction
from django.db.models.signals import post_save, pre_save
from django.test import Client, override_settings

import auditlog
from auditlog.capture import wiring
from auditlog.capture.registry import registration_for, registry
from auditlog.models import Action, Entry
from tests.notes import common, menu_cache, race, six_signals, third_party, what_a_signal_is
from tests.notes import settings as notes_settings
from tests.notes.bakery.models import Cake, Loaf, Order, PriceNote, SoldOutError, Task
from tests.notes.library.models import Book

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "signals.md", ROOT / "docs" / "es" / "signals.md")


@pytest.fixture
def recorded() -> Iterator[None]:
    """Register what the settings of the notes name, as at start-up, and give everything back afterwards."""
    with override_settings(AUDITLOG=notes_settings.AUDITLOG):
        chosen = list(wiring.from_settings())
    before = {each.model: registration_for(each.model) for each in chosen}
    for each in chosen:
        auditlog.register(each.model, **each.options)
    yield
    for model, registration in before.items():
        auditlog.unregister(model)
        if registration is not None:
            registry.add(model, registration.options)


def told() -> list[tuple[str, str, dict[str, Any]]]:
    """Every entry, oldest first: action, model and changes."""
    return [(Action(each.action).name, each.model, each.changes) for each in Entry.objects.order_by("id")]


# what a signal is


def test_a_signal_calls_its_receivers_one_after_the_other_in_the_same_thread() -> None:
    what_a_signal_is.steps.clear()

    what_a_signal_is.close_shop()

    here = threading.get_ident()
    assert what_a_signal_is.steps == [
        ("closing", here),
        ("money counted", here),
        ("light off", here),
        ("closed", here),
    ]


@pytest.mark.django_db
def test_what_a_receiver_raises_reaches_the_caller_of_save() -> None:
    def refuse(**kwargs: Any) -> None:
        raise ValueError("no")

    post_save.connect(refuse, sender=Book)
    try:
        with pytest.raises(ValueError, match=r"^no$"):
            Book.objects.create(title="Don Quijote")
    finally:
        post_save.disconnect(refuse, sender=Book)


# the six signals


@pytest.mark.django_db
def test_the_six_signals_of_a_book() -> None:
    six_signals.journal.clear()

    book = Book(title="Don Quijote")
    book.save()
    loaded = Book.objects.get()
    book.delete()

    assert six_signals.journal == [
        ("pre_init", "Don Quijote"),
        ("post_init", None),
        ("pre_save", None),
        ("post_save", True),
        ("pre_init", None),
        ("post_init", loaded.pk),
        ("pre_delete", True),
        ("post_delete", False),
    ]


# the race


def save_in_two_threads(loaf: Loaf, prices: list[list[str]]) -> None:
    """Two threads load the loaf and save it with their prices, one after the other, beginning at the same moment."""
    start = threading.Barrier(2)
    errors: list[BaseException] = []

    def work(mine: list[str]) -> None:
        try:
            own = Loaf.objects.get(pk=loaf.pk)
            start.wait(30)
            for price in mine:
                own.price = Decimal(price)
                own.save()
        except BaseException as error:  # noqa: BLE001  the test's thread raises it
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in prices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_the_race_loses_an_old_value_with_a_receiver_that_reads_without_a_lock() -> None:
    """Both saves have read before either has written: 11 (or 12) never was anybody's old value."""
    loaf = Loaf.objects.create(name="Rye", price=Decimal("10.00"))
    both_have_read = threading.Barrier(2)

    def wait(**kwargs: Any) -> None:
        both_have_read.wait(30)

    pre_save.connect(race.remember_old_price, sender=Loaf)
    pre_save.connect(wait, sender=Loaf)
    post_save.connect(race.note_price, sender=Loaf)
    try:
        save_in_two_threads(loaf, [["11.00"], ["12.00"]])
    finally:
        pre_save.disconnect(race.remember_old_price, sender=Loaf)
        pre_save.disconnect(wait, sender=Loaf)
        post_save.disconnect(race.note_price, sender=Loaf)

    assert list(PriceNote.objects.order_by("new").values_list("old", "new")) == [
        (Decimal("10.00"), Decimal("11.00")),
        (Decimal("10.00"), Decimal("12.00")),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_locked_snapshot_loses_none(recorded: None) -> None:
    """Twenty contended saves: every old value is the new value of the entry before."""
    loaf = Loaf.objects.create(name="Rye", price=Decimal("10.00"))
    first, second = ([f"{price}.00" for price in range(base, base + 10)] for base in (20, 40))

    save_in_two_threads(loaf, [first, second])

    changes = [entry.changes["price"] for entry in Entry.objects.for_object(loaf).order_by("id")]
    assert [old for old, _ in changes] == [None, *(new for _, new in changes[:-1])]
    assert sorted(new for _, new in changes) == ["10.00", *first, *second]


# one receiver for several apps


@pytest.mark.django_db
def test_one_receiver_for_both_apps_connected_twice_is_called_once() -> None:
    common.to_index.clear()
    common.connect()

    cake, book = Cake.objects.create(name="Sacher"), Book.objects.create(title="Don Quijote")
    Group.objects.create(name="bakers")

    receivers, _ = post_save._live_receivers(Cake)
    calls = [each for each in receivers if each is common.note_for_index]
    assert common.to_index == {("bakery.cake", cake.pk), ("library.book", book.pk)}
    assert calls == [common.note_for_index]


@pytest.mark.django_db
def test_settings_alone_record_both_apps_and_a_third_party_model(recorded: None) -> None:
    Book.objects.create(title="Don Quijote")
    Task.objects.create(text="Bake")
    Group.objects.create(name="bakers")

    assert [(action, model) for action, model, _ in told()] == [
        ("CREATE", "library.book"),
        ("CREATE", "bakery.task"),
        ("CREATE", "auth.group"),
    ]


# a receiver that changes several models


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_changes_several_models_is_one_changeset(recorded: None) -> None:
    cake = Cake.objects.create(name="Sacher", stock=2)
    before = set(Entry.objects.values_list("pk", flat=True))

    order = Order.objects.create(cake=cake, pieces=2)

    entries = Entry.objects.exclude(pk__in=before).order_by("model")
    assert [(entry.model, entry.changes) for entry in entries] == [
        ("bakery.cake", {"stock": [2, 0]}),
        ("bakery.order", {"id": [None, order.pk], "cake": [None, cake.pk], "pieces": [None, 2]}),
        ("bakery.task", {"id": [None, Task.objects.get().pk], "text": [None, "Bake Sacher"]}),
    ]
    assert len({entry.changeset for entry in entries}) == 1


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_takes_everything_back(recorded: None) -> None:
    cake = Cake.objects.create(name="Sacher", stock=1)
    before = Entry.objects.count()

    with pytest.raises(SoldOutError, match=r"^Only 1 pieces of Sacher are left\.$"):
        Order.objects.create(cake=cake, pieces=2)

    cake.refresh_from_db()
    assert (cake.stock, Order.objects.count(), Entry.objects.count()) == (1, 0, before)


@pytest.mark.django_db
def test_a_loaded_fixture_is_not_filled_again() -> None:
    cake = Cake.objects.create(name="Sacher", stock=2)

    Order(cake=cake, pieces=2).save_base(raw=True)

    cake.refresh_from_db()
    assert cake.stock == 2


# a cache


@pytest.mark.django_db(transaction=True)
def test_the_cache_is_emptied_after_commit_and_not_before(recorded: None) -> None:
    cache.clear()
    Cake.objects.create(name="Sacher")
    assert menu_cache.menu() == ["Sacher"]

    with transaction.atomic():
        Cake.objects.create(name="Linzer")
        assert cache.get(menu_cache.MENU) == ["Sacher"]

    assert cache.get(menu_cache.MENU) is None
    assert menu_cache.menu() == ["Linzer", "Sacher"]


@pytest.mark.django_db(transaction=True)
def test_the_cache_stays_after_a_rollback(recorded: None) -> None:
    cache.clear()
    Cake.objects.create(name="Sacher")
    assert menu_cache.menu() == ["Sacher"]

    with transaction.atomic():
        Cake.objects.create(name="Linzer")
        transaction.set_rollback(True)

    assert cache.get(menu_cache.MENU) == ["Sacher"]


# a model of a third party


@pytest.mark.django_db
def test_groups_and_their_permissions_are_recorded(recorded: None) -> None:
    third_party.hook_groups()
    permission = Permission.objects.get(codename="view_cake")
    group = Group.objects.create(name="bakers")

    group.permissions.add(permission)

    created, granted = told()
    assert created == ("CREATE", "auth.group", {"id": [None, group.pk], "name": [None, "bakers"]})
    assert granted[:2] == ("UPDATE", "auth.group")
    assert [key for key, _ in granted[2]["permissions"]["added"]] == [permission.pk]


# better places: save(), a manager method, the view


@pytest.mark.django_db
def test_save_keeps_the_slug_with_the_name(recorded: None) -> None:
    cake = Cake.objects.create(name="Black Forest", stock=3)
    cake.name = "Sacher Torte"

    cake.save(update_fields=["name"])

    cake.refresh_from_db()
    assert cake.slug == "sacher-torte"
    assert told()[-1] == (
        "UPDATE",
        "bakery.cake",
        {"name": ["Black Forest", "Sacher Torte"], "slug": ["black-forest", "sacher-torte"]},
    )


@pytest.mark.django_db
def test_the_manager_sells_what_is_there_and_no_more(recorded: None) -> None:
    cake = Cake.objects.create(name="Sacher", stock=3)

    sold = Cake.objects.sell(cake.pk, 2)
    with pytest.raises(SoldOutError):
        Cake.objects.sell(cake.pk, 2)

    assert sold.stock == 1
    assert [changes["stock"] for _, _, changes in told()] == [[None, 3], [3, 1]]


@pytest.mark.django_db(transaction=True)
def test_two_sales_at_once_do_not_both_take_the_last_piece(recorded: None) -> None:
    """The other one is told so on PostgreSQL; SQLite may refuse it because the database is locked."""
    cake = Cake.objects.create(name="Sacher", stock=1)
    start = threading.Barrier(2)
    results: list[str] = []

    def sell() -> None:
        start.wait(30)
        try:
            Cake.objects.sell(cake.pk, 1)
            results.append("sold")
        except (SoldOutError, OperationalError) as error:
            results.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    cake.refresh_from_db()
    refused = {"SoldOutError"} if connection.vendor == "postgresql" else {"SoldOutError", "OperationalError"}
    assert cake.stock == 0
    assert results.count("sold") == 1
    assert set(results) - {"sold"} <= refused
    assert len(results) == 2


@pytest.mark.django_db
@pytest.mark.urls("tests.notes.bakery.urls")
def test_the_view_answers_the_visitor_and_says_why(recorded: None, client: Client) -> None:
    cake = Cake.objects.create(name="Sacher", stock=1)

    bought, sold_out = (client.post(f"/cakes/{cake.pk}/buy/", {"counter": "3"}) for _ in range(2))
    missing = client.post("/cakes/0/buy/")

    assert (bought.status_code, bought.json()) == (200, {"left": 0})
    assert (sold_out.status_code, sold_out.json()) == (409, {"error": "Only 0 pieces of Sacher are left."})
    assert (missing.status_code, missing.json()) == (404, {"error": "There is no such cake."})
    assert Entry.objects.for_object(cake).latest("id").reason == "bought at counter 3"


# the pages show this code

BLOCK = re.compile(r"```python\n# (?P<path>\S+?)(?:: (?P<region>\w+))?\n\n?(?P<code>.*?)```", re.DOTALL)
FENCE = re.compile(r"^```python$", re.MULTILINE)


def shown_code(path: str, region: str | None) -> str:
    """The marked lines of an example file."""
    start = "# shown in the docs from here" + (f": {region}" if region else "")
    lines = (ROOT / path).read_text("utf-8").splitlines()
    at = lines.index(start) + 1
    end = lines.index("# shown until here", at) if "# shown until here" in lines[at:] else len(lines)
    return "\n".join(lines[at:end]).strip()


@pytest.mark.parametrize("document", PAGES, ids=["en", "es"])
def test_every_block_is_the_code_that_the_tests_run(document: Path) -> None:
    text = document.read_text("utf-8")
    blocks = list(BLOCK.finditer(text))

    assert len(blocks) == len(FENCE.findall(text))
    for block in blocks:
        assert block["code"].strip() == shown_code(block["path"], block["region"]), block["path"]


def test_every_example_is_shown_and_both_languages_show_the_same() -> None:
    english, spanish = (
        [(each["path"], each["region"]) for each in BLOCK.finditer(page.read_text("utf-8"))] for page in PAGES
    )
    marked = {
        (str(path.relative_to(ROOT)), line.partition(": ")[2] or None)
        for path in (ROOT / "tests" / "notes").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("# shown in the docs from here")
    }

    assert english == spanish
    assert set(english) == marked
