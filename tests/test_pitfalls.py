"""What goes wrong in audit logs, as far as no other file has it; docs/guarantees.md lists where each is tested."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models.signals import pre_save
from django.test import override_settings

from auditlog.capture import writepaths
from auditlog.models import Entry
from tests.helpers import live, mark, replayed, told
from tests.testapp.models import Category, Product, Shelf, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def refusing() -> Iterator[None]:
    """A receiver of the project's own that refuses every save of a product."""

    def refuse(**kwargs: Any) -> None:
        raise ValueError("no")

    pre_save.connect(refuse, sender=Product, weak=False)
    yield
    pre_save.disconnect(refuse, sender=Product)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [True, False])
def test_a_pre_save_receiver_refuses_and_the_caller_goes_on(refusing: None, atomic: bool) -> None:
    """Without us a block would go on as well: the receiver raises before anything is written."""
    if atomic:
        with transaction.atomic():
            with pytest.raises(ValueError, match="no"):
                Product.objects.create(name="Tea")
            assert not connection.needs_rollback
            Tag.objects.create(name="red")
    else:
        with pytest.raises(ValueError, match="no"):
            Product.objects.create(name="Tea")
        assert not connection.in_atomic_block
        Tag.objects.create(name="red")

    assert [entry[1] for entry in told()] == ["testapp.tag"]


def test_relations_of_a_fixture() -> None:
    """Loading one sets them with ``raw=True`` from Django 6.1 on, and as ever before."""
    tea = Product.objects.create(name="Tea")
    red, blue = Tag.objects.create(name="red"), Tag.objects.create(name="blue")
    tea.tags.add(red)
    [document] = json.loads(serializers.serialize("json", [tea]))
    document["fields"]["tags"] = [blue.pk]
    since = mark()

    for each in serializers.deserialize("json", json.dumps([document])):
        each.save()

    links = {"added": [[blue.pk, "blue"]], "removed": [[red.pk, "red"]]}
    assert merged(told(since=since)) == {"tags": links}


def merged(entries: list[Any]) -> dict[str, Any]:
    """The links that entries name, together: ``set()`` may be two steps."""
    found: dict[str, Any] = {}
    for *_, changes in entries:
        for name, change in changes.items():
            links = found.setdefault(name, {"added": [], "removed": []})
            for side in links:
                links[side] += change[side]
    return found


def test_an_upsert_gives_the_objects_their_keys() -> None:
    stored = Shelf.objects.create(name="a")
    made = Shelf.objects.bulk_create(
        [Shelf(name="a", slots=4), Shelf(name="b")],
        update_conflicts=True,
        update_fields=["slots"],
        unique_fields=["name"] if connection.features.supports_update_conflicts_with_target else None,
    )

    keys = [stored.pk, Shelf.objects.get(name="b").pk]
    known = connection.features.can_return_rows_from_bulk_insert
    assert [each.pk for each in made] == (keys if known else [None, None])


def test_an_object_in_the_column_of_a_foreign_key() -> None:
    """Django takes it for the key and stores that."""
    drinks = Category.objects.create(name="Drinks")
    tea = Product.objects.create(name="Tea")
    since = mark()

    tea.category_id = drinks  # type: ignore[assignment] # what people do by mistake
    tea.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"category": [None, drinks.pk]})]
    assert replayed(Product) == live(Product)


def test_a_verb_that_another_package_wrapped_after_us_stays_wrapped() -> None:
    """Taking ours away would take the other's with it."""
    ours: Any = models.QuerySet.update

    def theirs(self: Any, **values: Any) -> Any:
        return ours(self, **values)

    models.QuerySet.update = theirs  # type: ignore[method-assign]
    try:
        writepaths.uninstall()
        assert models.QuerySet.update is theirs
    finally:
        models.QuerySet.update = ours  # type: ignore[method-assign]
        writepaths.install()
    since = mark()
    Tag.objects.create(name="red")
    Tag.objects.update(name="blue")
    assert [entry[0] for entry in told(since=since)] == ["CREATE", "UPDATE"]


class TestCommandsOfDjangos:
    """With everything registered they do what they did, and what they write is recorded."""

    def test_makemigrations_finds_nothing_to_do_for_the_log(self) -> None:
        out = io.StringIO()
        call_command("makemigrations", "auditlog", check_changes=True, dry_run=True, stdout=out)

        assert out.getvalue() == "No changes detected in app 'auditlog'\n"

    def test_inspectdb_reads_the_tables(self) -> None:
        out = io.StringIO()
        call_command("inspectdb", "auditlog_entry", "testapp_tag", stdout=out)

        assert [line for line in out.getvalue().splitlines() if line.startswith("class ")] == [
            "class AuditlogEntry(models.Model):",
            "class TestappTag(models.Model):",
        ]

    def test_dumpdata_and_loaddata(self, tmp_path: Path) -> None:
        drinks = Category.objects.create(name="Drinks")
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "testapp.category", output=str(dump))
        Category.objects.all().delete()
        since = mark()

        call_command("loaddata", str(dump), verbosity=0)

        made = {"id": [None, drinks.pk], "name": [None, "Drinks"], "parent": [None, None]}
        assert told(since=since) == [("CREATE", "testapp.category", str(drinks.pk), made)]
        assert Entry.objects.latest("id").actor_repr.startswith("command:loaddata (os user ")

    def test_a_dump_of_the_log_is_loaded_where_its_ids_are_free(self, tmp_path: Path) -> None:
        Tag.objects.create(name="red")
        dump = tmp_path / "log.json"
        call_command("dumpdata", "auditlog", output=str(dump))
        before = list(Entry.objects.values("id", "changes", "changeset", "salt"))
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM auditlog_entry")

        call_command("loaddata", str(dump), verbosity=0)

        assert list(Entry.objects.values("id", "changes", "changeset", "salt")) == before

    def test_createsuperuser_and_changepassword(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "s3cr3t-enough")
        since = mark()
        call_command("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.org", verbosity=0)
        monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: "an0ther-s3cr3t")
        call_command("changepassword", "root", stdout=io.StringIO())

        root = User.objects.get()
        created, changed = told(since=since)
        assert (created[0], created[3]["username"], created[3]["password"]) == (
            "CREATE", [None, "root"], {"masked": True},
        )  # fmt: skip
        assert changed == ("UPDATE", "auth.user", str(root.pk), {"password": {"masked": True}})
        assert "s3cr3t" not in json.dumps(list(Entry.objects.values_list("changes", flat=True)))

    def test_clearsessions(self, client: Any) -> None:
        client.force_login(User.objects.create_user("ana"))
        since = mark()
        call_command("clearsessions")

        assert told(since=since) == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("command", [("flush",), ("migrate", "--run-syncdb")])
    def test_flush_and_migrate(self, command: tuple[str, ...]) -> None:
        Tag.objects.create(name="red")
        call_command(*command, interactive=False, verbosity=0)

        assert Tag.objects.count() == Entry.objects.for_model(Tag).count()


WRITES: dict[str, Callable[[], object]] = {
    "save": lambda: Tag.objects.get().save(),
    "update": lambda: Tag.objects.update(name="b"),
    "delete": lambda: Tag.objects.all().delete(),
    "bulk_create": lambda: Tag.objects.bulk_create([Tag(name="c")]),
}


@pytest.mark.parametrize("name", WRITES)
def test_switched_off_not_one_statement_is_added(name: str, django_assert_num_queries: Any) -> None:
    with override_settings(AUDITLOG={"ENABLED": False}):
        Tag.objects.create(name="a")
        bare = {"save": 2, "update": 1, "delete": 4, "bulk_create": 1}
        with transaction.atomic(), django_assert_num_queries(bare[name]):
            WRITES[name]()

    assert told() == []
