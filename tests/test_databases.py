"""Several databases: entries go where the row is, whatever the routers read from, or to a log of their own."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, models, transaction
from django.db.models.signals import post_save
from django.test import override_settings

import auditlog
from auditlog import checks_databases, failures
from auditlog.models import Entry
from auditlog.signals import recording_failed
from tests.helpers import live, mark, replayed, told
from tests.testapp.models import Crate, Lenient, Product, Shelf, Tag

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


class ReadsElsewhere:
    """Writes go to ``default``, reads to ``other``, as to a replica."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objs: models.Model, **hints: Any) -> bool:
        return True


class ShelvesElsewhere:
    """Shelves live on ``other``."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return "other" if model in (Shelf, Crate) else None

    db_for_write = db_for_read


class LogElsewhere:
    """Entries live on ``other`` only, rows on ``default``."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return "other" if model is Entry else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        return db == "other" if app_label == "auditlog" else None


KEY = 10**6
"""Beyond the keys that the databases give."""


def router(of: type) -> Any:
    return override_settings(DATABASE_ROUTERS=[f"{__name__}.{of.__name__}"])


def one(using: str | None = None) -> Shelf:
    shelf: Shelf = Shelf.objects.using(using).get(name="one")
    return shelf


@contextmanager
def undone() -> Iterator[None]:
    """A block of which nothing stays."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _save(using: str | None) -> None:
    shelf = one(using)
    shelf.slots += 7
    shelf.save(using=using)


WRITES: dict[str, Callable[[str | None], object]] = {
    "create": lambda using: Shelf.objects.using(using).create(name="two"),
    "save": _save,
    "update_or_create": lambda using: Shelf.objects.using(using).update_or_create(name="one", defaults={"slots": 8}),
    "delete": lambda using: one(using).delete(),
    "update": lambda using: Shelf.objects.using(using).update(slots=models.F("slots") + 1),
    "bulk_create": lambda using: Shelf.objects.using(using).bulk_create([Shelf(name="two")]),
    "ignore": lambda using: Shelf.objects.using(using).bulk_create([Shelf(name="one")], ignore_conflicts=True),
    "upsert": lambda using: Shelf.objects.using(using).bulk_create(
        [Shelf(name="one", slots=9), Shelf(name="two")],
        update_conflicts=True,
        update_fields=["slots"],
        unique_fields=["name"] if connection.features.supports_update_conflicts_with_target else None,
    ),
    "bulk_update": lambda using: Shelf.objects.using(using).bulk_update([Shelf(pk=one(using).pk, slots=9)], ["slots"]),
    "raw delete": lambda using: Crate.objects.using(using)._raw_delete(using or "default"),
    "queryset delete": lambda using: Shelf.objects.using(using).all().delete(),
    "reverse": lambda using: one(using).crates.clear(),
}


def shelves(using: str, slots: int) -> None:
    """A shelf and its crate, with the same keys on every database."""
    Shelf.objects.using(using).create(id=KEY, name="one", slots=slots)
    Crate.objects.using(using).create(id=KEY, name="c", shelf_id=KEY)


@pytest.mark.parametrize("name", WRITES)
def test_entries_go_to_the_database_that_using_names(name: str) -> None:
    shelves("default", 1)
    shelves("other", 2)
    before, since = told(), mark("other")

    WRITES[name]("other")

    assert told() == before
    assert bool(told(using="other", since=since)) == (name != "ignore")
    for model in (Shelf, Crate):
        assert replayed(model, "other") == live(model, "other")


@pytest.mark.parametrize("name", [name for name in WRITES if name != "raw delete"])
def test_entries_go_where_a_router_sends_the_model(name: str) -> None:
    with router(ShelvesElsewhere):
        shelves("other", 2)
        since = mark("other")

        WRITES[name](None)

        assert told() == []
        assert bool(told(using="other", since=since)) == (name != "ignore")
        for model in (Shelf, Crate):
            assert replayed(model, "other") == live(model, "other")


@pytest.mark.parametrize("name", WRITES)
def test_old_values_never_come_from_a_replica(name: str) -> None:
    shelves("default", 1)
    shelves("other", 2)  # the replica lags behind, or runs ahead
    before, since = told(using="other"), mark()

    with router(ReadsElsewhere):
        WRITES[name](None)

    assert told(using="other") == before
    assert bool(told(since=since)) == (name != "ignore")
    for model in (Shelf, Crate):
        assert replayed(model) == live(model)


def test_relations_are_compared_on_the_database_of_the_write() -> None:
    for using in ("default", "other"):
        Product.objects.using(using).create(id=1, name="Tea")
        Tag.objects.using(using).create(id=1, name="red")
    Product.objects.using("other").get().tags.add(1)
    since = mark()

    with router(ReadsElsewhere):
        tea = Product.objects.using("default").get()
        tea.tags.add(1)
        tea.tags.set([])

    link = [1, "red"]
    assert told(since=since) == [
        ("UPDATE", "testapp.product", "1", {"tags": {"added": [link], "removed": []}}),
        ("UPDATE", "testapp.product", "1", {"tags": {"added": [], "removed": [link]}}),
    ]


class TestLogElsewhere:
    """A database of its own for the log."""

    @pytest.fixture(autouse=True)
    def _apart(self) -> Iterator[None]:
        with router(LogElsewhere):
            yield

    @pytest.mark.parametrize("name", WRITES)
    def test_every_write_is_recorded_there(self, name: str) -> None:
        shelves("default", 1)
        since = mark("other")

        with auditlog.context(actor="nightly", reason="import"):
            WRITES[name]("default")

        assert told() == []
        assert bool(told(using="other", since=since)) == (name != "ignore")
        for model in (Shelf, Crate):
            assert replayed(model, "other") == live(model)
        for entry in Entry.objects.filter(id__gt=since):
            assert (entry.actor_repr, entry.reason, entry.context) == ("nightly", "import", {"database": "default"})

    def test_what_is_rolled_back_is_not_recorded(self) -> None:
        with undone():
            Tag.objects.create(name="never")
        with transaction.atomic():
            Tag.objects.create(name="kept")
            with undone():
                Tag.objects.update(name="undone")
            assert told(using="other") == []

        assert replayed(Tag, "other") == live(Tag)
        assert [entry[0] for entry in told(using="other")] == ["CREATE"]

    def test_the_chain_of_a_receiver_whose_savepoint_is_rolled_back(self) -> None:
        def saves_again(instance: Shelf, created: bool, **kwargs: Any) -> None:
            if instance.row == 0:
                with undone():
                    Shelf.objects.filter(pk=instance.pk).update(row=5)
                Shelf.objects.filter(pk=instance.pk).update(row=6)

        post_save.connect(saves_again, sender=Shelf)
        try:
            Shelf.objects.create(name="one")
        finally:
            post_save.disconnect(saves_again, sender=Shelf)

        assert replayed(Shelf, "other") == live(Shelf)
        assert [entry[0] for entry in told(using="other")] == ["CREATE", "UPDATE"]

    def test_a_log_that_fails_is_reported_and_the_change_stands(self, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[Any] = []

        def hear(sender: Any, **kwargs: Any) -> None:
            heard.append((sender, kwargs["model"], kwargs["using"], kwargs["count"]))

        recording_failed.connect(hear)
        try:
            with _renamed("other"), caplog.at_level(logging.ERROR, logger="auditlog"):
                Tag.objects.create(name="red")
        finally:
            recording_failed.disconnect(hear)

        assert Tag.objects.count() == 1
        assert heard == [(Tag, "testapp.tag", "default", 1)]
        assert failures.count("default") == 1
        assert "The change was made, but its entry could not be written" in caplog.text

        Tag.objects.create(name="blue")

        assert failures.count("default") == 0
        [first, second] = Entry.objects.order_by("id")
        assert (first.action, second.event, second.context["missing"]) == (1, failures.FAILED, 1)

    def test_drift_is_found_across_both(self) -> None:
        Tag.objects.create(name="red")
        Tag.objects.create(name="green")
        with _renamed("other"):
            Tag.objects.filter(name="green").update(name="blue")

        out = io.StringIO()
        with pytest.raises(SystemExit) as stop:
            call_command("auditlog_verify", "--drift", "--model", "testapp.Tag", stdout=out)

        blue = Tag.objects.get(name="blue")
        assert stop.value.code == 1
        assert f"testapp.tag {blue.pk}" in out.getvalue()
        assert f"testapp.tag {Tag.objects.get(name='red').pk}" not in out.getvalue()

    def test_the_checks_say_what_is_lost_by_it(self) -> None:
        found = [*checks_databases.check_separate_log(None, databases=["default", "other"])]

        assert [(each.id, each.msg[:66]) for each in found] == [
            ("auditlog.W004", "Entries about rows on database 'default' are kept on 'other': two ")
        ]

    def test_no_table_is_asked_for_where_no_entries_go(self) -> None:
        with _renamed("default"):
            found = [*checks_databases.check_databases(None, databases=["default"])]

        assert "auditlog.E009" not in [each.id for each in found]


def test_one_database_for_both_is_nothing_to_warn_of() -> None:
    assert [*checks_databases.check_separate_log(None, databases=["default", "other"])] == []


class _renamed:  # noqa: N801 - a block
    """The log's table of one database is gone for the time of the block."""

    def __init__(self, using: str) -> None:
        self.using = using

    def __enter__(self) -> None:
        self._rename("auditlog_entry", "auditlog_away")

    def __exit__(self, *error: object) -> None:
        self._rename("auditlog_away", "auditlog_entry")

    def _rename(self, old: str, new: str) -> None:
        with connections[self.using].cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_a_lenient_model_in_a_database_of_its_own() -> None:
    with _renamed("other"):
        Lenient.objects.using("other").create(name="a")

    assert failures.count("other") == 1
    failures.take("other")
