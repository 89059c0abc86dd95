"""Drift: auditlog.trust and the command auditlog_verify."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test import override_settings
from rest_framework.authtoken.models import Token

import auditlog
from auditlog.capture.registry import registration_for
from auditlog.models import Action, Entry
from auditlog.recording import Draft, record_entries
from auditlog.trust import log, objects
from auditlog.trust.registrations import changed, record_changes
from auditlog.trust.replay import Known, Step, link_key, replay
from tests.testapp.models import (
    Account,
    Article,
    Bistro,
    Category,
    Computed,
    Discounted,
    Document,
    Gauge,
    Person,
    Plain,
    Product,
    Seat,
    Supplier,
    Supply,
    Tag,
    Ticket,
)

ROOT = Path(__file__).resolve().parent.parent
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# --- replay: pure


def step(number: int, action: int, changes: dict[str, Any], **more: Any) -> Step:
    return Step(number, NOON, action, changes, **more)


def values(state: Any) -> dict[str, Any]:
    return {name: known.value for name, known in state.fields.items()}


def test_the_last_value_of_each_field_is_the_state() -> None:
    state, gaps = replay(
        [step(1, 1, {"name": [None, "a"], "price": [None, "1.00"]}), step(2, 2, {"price": ["1.00", "2.00"]})]
    )

    assert (values(state), state.exists, gaps) == ({"name": "a", "price": "2.00"}, True, [])


def test_a_field_that_no_entry_names_is_unknown_and_not_none() -> None:
    state, _ = replay([step(1, 2, {"price": ["1.00", None]})])

    assert state.fields == {"price": Known(None, 1, NOON)}


def test_a_masked_value_is_known_to_exist_only() -> None:
    state, _ = replay([step(1, 1, {"key": {"masked": True}})])

    assert state.fields == {"key": Known(None, 1, NOON, masked=True)}


def test_an_old_value_that_is_not_the_previous_new_one_is_a_gap() -> None:
    _, gaps = replay([step(1, 1, {"price": [None, 1]}), step(2, 2, {"price": [5, 6]})])

    assert [(gap.field, gap.expected, gap.found, gap.before.id, gap.id) for gap in gaps] == [("price", 1, 5, 1, 2)]


def test_typed_values_differ_in_the_chain() -> None:
    _, gaps = replay([step(1, 1, {"price": [None, 1]}), step(2, 2, {"price": [True, 6]})])

    assert len(gaps) == 1


def test_quiet_fields_and_loaded_snapshots_are_outside_the_chain_law() -> None:
    _, gaps = replay(
        [
            step(1, 1, {"at": [None, 1], "v": [None, 1]}),
            step(2, 2, {"at": [5, 6]}),
            step(3, 2, {"v": [7, 8]}, loaded=True),
        ],
        exempt=frozenset({"at"}),
    )

    assert gaps == []


def test_a_deleted_object_that_changes_again_is_a_gap_of_the_row() -> None:
    state, gaps = replay([step(1, 1, {"v": [None, 1]}), step(2, 3, {"v": [1, None]}), step(3, 2, {"v": [1, 2]})])

    assert [(gap.field, gap.expected, gap.found) for gap in gaps] == [("", "no row", "the row")]
    assert state.exists is True


def test_relations_are_sets_of_keys() -> None:
    state, gaps = replay(
        [
            step(1, 1, {"name": [None, "a"]}),
            step(2, 2, {"tags": {"added": [[1, "x"], [2, "y"]], "removed": []}}),
            step(3, 2, {"tags": {"added": [], "removed": [[1, "x"]]}}),
        ]
    )

    assert gaps == []
    assert {key: told[0] for key, told in state.links["tags"].keys.items()} == {link_key(1): False, link_key(2): True}


def test_a_link_made_twice_is_a_gap() -> None:
    _, gaps = replay(
        [step(1, 2, {"tags": {"added": [[1, "x"]], "removed": []}}), step(2, 2, {"tags": {"added": [[1, "x"]]}})]
    )

    assert [(gap.field, gap.expected, gap.found) for gap in gaps] == [("tags", [1, "linked"], [1, "not linked"])]


def test_what_is_unknown_in_between_is_no_gap() -> None:
    _, gaps = replay(
        [step(1, 1, {"v": [None, 1]}), step(3, 2, {"v": [5, 6]})],
        blind=lambda name, older, newer: (name, older, newer) == ("v", 1, 3),
    )

    assert gaps == []


# --- the command


def verify(*arguments: str, code: int = 0, **options: Any) -> list[dict[str, Any]]:
    """The findings as JSON objects; checks the exit code."""
    out = io.StringIO()
    found = 0
    try:
        call_command("auditlog_verify", "--drift", "--format", "json", *arguments, stdout=out, **options)
    except SystemExit as stop:
        found = int(stop.code or 0)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert found == code, lines
    return lines


def short(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(each["kind"], each["object"], each["field"], each["expected"], each["found"]) for each in lines]


@contextmanager
def past_the_log() -> Iterator[Any]:
    """A cursor that the tripwire of these tests leaves alone: what it writes is what drift has to find."""
    with (
        override_settings(AUDITLOG={**settings.AUDITLOG, "UNRECORDED_WRITES": "ignore"}),
        connection.cursor() as cursor,
    ):
        yield cursor


def sql(statement: str, *values: Any) -> None:
    with past_the_log() as cursor:
        cursor.execute(statement, list(values))


def label(model: type[models.Model]) -> str:
    return model._meta.label_lower


@contextmanager
def registered(model: type[models.Model], **options: Any) -> Iterator[None]:
    """Another registration of a model for a while."""
    before = registration_for(model)
    if before is not None:
        auditlog.unregister(model)
    auditlog.register(model, **options)
    try:
        yield
    finally:
        auditlog.unregister(model)
        if before is not None:
            given = {name: getattr(before.options, name) for name in before.options.__dataclass_fields__}
            auditlog.register(model, **{name: value for name, value in given.items() if name != "derived"})


@pytest.mark.django_db
def test_no_drift_over_every_way_of_writing_a_row() -> None:
    category = Category.objects.create(name="tools")
    product = Product.objects.create(name="saw", price="12.5", details={"a": [1, 2.5]}, category=category)
    product.tags.set([Tag.objects.create(name="a"), Tag.objects.create(name="b")])
    product.price = "2.665"
    product.save()
    Discounted.objects.get(pk=product.pk).save()
    Product.objects.create(name="gone").delete()
    Bistro.objects.create(name="b", city="c", stars=2, wine="red")
    Seat.objects.create(hall="A", number=5, guest="ana")
    Document.objects.create(path="p" * 300, body="long key")
    Ticket.objects.create(title="uuid")
    Account.objects.create(owner="o", api_key="secret", phone="123")
    row = Computed.objects.create(width=3)
    row.height = 4
    row.save()

    found = [each for each in verify() if each["kind"] != "rows without entries"]

    assert found == []


@pytest.mark.django_db
def test_a_raw_update_is_found_with_expected_and_found_value() -> None:
    product = Product.objects.create(name="saw", price="12.50")
    sql("UPDATE testapp_product SET price = 99 WHERE id = %s", product.pk)

    lines = verify("--model", "testapp.product", code=1)

    assert lines == [
        {
            "kind": "changed outside the log",
            "model": "testapp.product",
            "object": str(product.pk),
            "field": "price",
            "expected": "12.50",
            "found": "99.00",
            "entry": Entry.objects.for_object(product).get().pk,
            "explained": None,
        }
    ]


@pytest.mark.django_db
def test_one_finding_is_one_line_for_people() -> None:
    product = Product.objects.create(name="saw")
    sql("UPDATE testapp_product SET name = 'axe' WHERE id = %s", product.pk)
    entry = Entry.objects.for_object(product).get().pk
    out = io.StringIO()

    with pytest.raises(SystemExit) as stop:
        call_command("auditlog_verify", "--drift", "--object", f"testapp.product:{product.pk}", stdout=out)

    assert stop.value.code == 1
    assert out.getvalue() == (
        f'testapp.product {product.pk} name: changed outside the log, expected "saw", found "axe" (entry {entry})\n'
        "1 finding of drift.\n"
    )


@pytest.mark.django_db
def test_a_raw_delete_and_a_row_that_came_back_are_found() -> None:
    gone, back = Tag.objects.create(name="gone"), Tag.objects.create(name="back")
    pk = back.pk
    back.delete()
    sql("DELETE FROM testapp_tag WHERE id = %s", gone.pk)
    sql("INSERT INTO testapp_tag (id, name) VALUES (%s, 'back')", pk)

    lines = verify("--model", "testapp.tag", code=1)

    assert short(lines) == [
        ("deleted row is back", str(pk), None, None, None),
        ("missing row", str(gone.pk), None, None, None),
    ]


@pytest.mark.django_db
def test_a_gap_in_the_chain_is_found_although_the_last_state_is_right() -> None:
    product = Product.objects.create(name="saw", stock=1)
    sql("UPDATE testapp_product SET stock = 5 WHERE id = %s", product.pk)
    product.refresh_from_db()
    product.stock = 6
    product.save()

    lines = verify("--model", "testapp.product", code=1)

    assert short(lines) == [("gap in the chain", str(product.pk), "stock", 1, 5)]


@pytest.mark.django_db
def test_links_are_compared_with_the_through_table() -> None:
    product = Product.objects.create(name="saw")
    kept, lost, foreign = (Tag.objects.create(name=name) for name in "abc")
    product.tags.set([kept, lost])
    sql("DELETE FROM testapp_product_tags WHERE tag_id = %s", lost.pk)
    sql("INSERT INTO testapp_product_tags (product_id, tag_id) VALUES (%s, %s)", product.pk, foreign.pk)

    lines = verify("--model", "testapp.product", code=1)

    assert short(lines) == [
        ("link missing", str(product.pk), "tags", f"linked to {lost.pk}", f"not linked to {lost.pk}"),
        ("link outside the log", str(product.pk), "tags", f"not linked to {foreign.pk}", f"linked to {foreign.pk}"),
    ]


@pytest.mark.django_db
def test_a_relation_with_a_through_model_and_a_symmetrical_one() -> None:
    product, supplier = Product.objects.create(name="saw"), Supplier.objects.create(name="s")
    product.suppliers.add(supplier)
    ana, ben = Person.objects.create(name="ana"), Person.objects.create(name="ben")
    ana.friends.add(ben)
    assert verify("--model", "testapp.product", "testapp.person") == []

    sql("DELETE FROM testapp_supply WHERE supplier_id = %s", supplier.pk)
    sql("DELETE FROM testapp_person_friends WHERE from_person_id = %s", ben.pk)

    assert [line[:3] for line in short(verify("--model", "testapp.product", "testapp.person", code=1))] == [
        ("link missing", str(product.pk), "suppliers"),
        ("link missing", str(ben.pk), "friends"),
    ]
    assert Supply.objects.count() == 0


@pytest.mark.django_db
def test_rows_without_entries_are_one_line_and_drift_only_with_strict() -> None:
    sql("INSERT INTO testapp_tag (name) VALUES ('a'), ('b')")

    assert short(verify("--model", "testapp.tag")) == [("rows without entries", None, None, None, 2)]
    assert short(verify("--model", "testapp.tag", "--strict", code=1)) == [
        ("rows without entries", None, None, None, 2)
    ]


@pytest.mark.django_db
def test_after_a_baseline_a_row_without_entries_is_drift() -> None:
    call_command("auditlog_baseline", "--yes", "--model", "testapp.tag", stdout=io.StringIO())
    sql("INSERT INTO testapp_tag (id, name) VALUES (77, 'smuggled')")

    assert short(verify("--model", "testapp.tag", code=1)) == [("row without entries", "77", None, None, None)]


@pytest.mark.django_db
def test_differences_made_in_a_pause_are_explained() -> None:
    product = Product.objects.create(name="saw", stock=1)
    with auditlog.paused(reason="import by hand"):
        product.stock = 2
        product.save()

    assert verify("--model", "testapp.product") == []
    (line,) = verify("--model", "testapp.product", verbosity=2)
    assert (line["kind"], line["field"]) == ("changed outside the log", "stock")
    assert line["explained"].endswith(": import by hand")


@pytest.mark.django_db
def test_what_changed_after_the_pause_is_drift() -> None:
    with auditlog.paused(reason="import by hand"):
        pass
    product = Product.objects.create(name="saw", stock=1)
    sql("UPDATE testapp_product SET stock = 3 WHERE id = %s", product.pk)

    assert [line[2:] for line in short(verify("--model", "testapp.product", code=1))] == [("stock", 1, 3)]


@pytest.mark.django_db
def test_a_gap_over_a_pause_is_explained() -> None:
    product = Product.objects.create(name="saw", stock=1)
    with auditlog.paused(reason="x"):
        product.stock = 2
        product.save()
    product.stock = 3
    product.save()

    assert verify("--model", "testapp.product") == []
    assert [line["kind"] for line in verify("--model", "testapp.product", verbosity=2)] == ["gap in the chain"]


@pytest.mark.django_db
def test_fields_that_are_excluded_and_included_again_are_unknown_until_recorded() -> None:
    article = Article.objects.create(title="a", draft="one")
    with registered(Article):
        assert [(each.label, sorted(each.now.fields - each.before.fields)) for each in changed("default")] == [
            ("testapp.article", ["draft"])
        ]
        assert record_changes("default") == 1
        assert record_changes("default") == 0
        article.draft = "two"
        article.save()
        assert verify("--model", "testapp.article") == []
    record_changes("default")
    article.draft = "three"
    article.save()
    with registered(Article):
        record_changes("default")
        article.draft = "four"
        article.save()

        assert verify("--model", "testapp.article") == []
        sql("UPDATE testapp_article SET draft = 'five' WHERE id = %s", article.pk)
        assert [line[2:] for line in short(verify("--model", "testapp.article", code=1))] == [("draft", "four", "five")]


@pytest.mark.django_db
def test_a_changed_registration_is_an_entry_about_the_model() -> None:
    Article.objects.create(title="a")
    with registered(Article, mask=["title"]):
        record_changes("default")

    entry = Entry.objects.get(event="auditlog.registration")
    assert (entry.action, entry.model, entry.object_id) == (Action.EVENT, "testapp.article", "")
    assert entry.changes == {"fields": [["id", "title"], ["draft", "id", "title"]], "masked": [[], ["title"]]}


@pytest.mark.django_db
def test_a_model_that_was_unregistered_meanwhile_is_unknown() -> None:
    plain = Plain.objects.create(name="a")
    with registered(Plain):
        plain.name = "b"
        plain.save()
    auditlog.register(Plain)
    auditlog.unregister(Plain)
    assert record_changes("default") == 0  # no entry names every field: nothing to compare with
    with registered(Plain):
        other = Plain.objects.create(name="c")
        record_changes("default")
    record_changes("default")
    sql("DELETE FROM testapp_plain WHERE id = %s", other.pk)
    with registered(Plain):
        record_changes("default")

        assert verify("--model", "testapp.plain") == []


@pytest.mark.django_db
def test_no_value_of_a_masked_field_is_printed() -> None:
    account = Account.objects.create(owner="o", phone="123", api_key="k")
    sql("UPDATE testapp_account SET phone = '9', api_key = 'z' WHERE id = %s", account.pk)
    assert verify("--model", "testapp.account") == []

    with registered(Account, mask=["owner"]):
        sql("UPDATE testapp_account SET owner = 'new' WHERE id = %s", account.pk)

        lines = verify("--model", "testapp.account", code=1)
        assert [line[2:] for line in short(lines)] == [("owner", "••••", "••••")]


@pytest.mark.django_db
def test_masked_keys_are_followed_from_the_rows(django_user_model: Any) -> None:
    users = [django_user_model.objects.create(username=name) for name in "abc"]
    with registered(Token):
        kept, changed_token, gone = (Token.objects.create(user=user) for user in users)
        assert verify("--model", "authtoken.token") == []
        sql("UPDATE authtoken_token SET created = '2020-01-01 00:00:00' WHERE user_id = %s", users[1].pk)
        sql("DELETE FROM authtoken_token WHERE user_id = %s", users[2].pk)

        lines = verify("--model", "authtoken.token", code=1)

        keys = {token: registration_for(Token).key(token.key) for token in (kept, changed_token, gone)}  # type: ignore[union-attr]
        assert [line[:3] for line in short(lines)] == [
            ("changed outside the log", keys[changed_token], "created"),
            ("missing row", keys[gone], None),
        ]
        assert verify("--object", f"authtoken.token:{kept.key}") == []


@pytest.mark.django_db
def test_former_labels_belong_to_the_model() -> None:
    with registered(Plain):
        plain = Plain.objects.create(name="a")
    entry = Entry.objects.get(model="testapp.plain")
    draft = Draft(Action.CREATE, "old.name", str(plain.pk), changes=entry.changes)
    record_entries("default", [Draft(Action.CREATE, "old.name", "4711", changes={"name": [None, "x"]}), draft])
    with registered(Plain, formerly=["old.Name"]):
        lines = verify("--model", "testapp.plain", code=1)

    assert sorted(line[:3] for line in short(lines)) == [
        ("gap in the chain", str(plain.pk), None),  # made twice
        ("missing row", "4711", None),
    ]


@pytest.mark.django_db
def test_each_table_of_a_multi_table_tree_and_one_object_with_its_parents() -> None:
    bistro = Bistro.objects.create(name="b", stars=1, wine="red")
    sql("UPDATE testapp_place SET name = 'x' WHERE id = %s", bistro.pk)
    sql("UPDATE testapp_bistro SET wine = 'white' WHERE restaurant_ptr_id = %s", bistro.pk)

    lines = verify("--object", f"testapp.bistro:{bistro.pk}", code=1)

    assert [(line["model"], line["field"]) for line in lines] == [("testapp.bistro", "wine"), ("testapp.place", "name")]


@pytest.mark.django_db
def test_composite_and_shortened_keys_find_their_rows() -> None:
    seat, document = Seat.objects.create(hall="A", number=5), Document.objects.create(path="p" * 300, body="a")
    sql("UPDATE testapp_seat SET guest = 'x' WHERE hall = 'A'")
    sql("UPDATE testapp_document SET body = 'b'")

    assert [line[2:] for line in short(verify("--model", "testapp.seat", "testapp.document", code=1))] == [
        ("guest", "", "x"),
        ("body", "a", "b"),
    ]
    assert short(verify("--object", 'testapp.seat:["A", 5]', code=1))[0][2:] == ("guest", "", "x")
    assert short(verify("--object", f"testapp.document:{document.pk}", code=1))[0][2:] == ("body", "a", "b")
    assert seat.pk == ("A", 5)


@pytest.mark.django_db
def test_loaded_snapshots_may_break_the_chain_but_not_the_last_state() -> None:
    gauge = Gauge.objects.create(name="g", value=1)
    stale = Gauge.objects.get(pk=gauge.pk)
    gauge.value = 2
    gauge.save()
    stale.value = 3
    stale.save()

    assert verify("--model", "testapp.gauge") == []


@pytest.mark.django_db
def test_an_object_with_more_entries_than_a_page_and_many_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CHUNK", 5)
    monkeypatch.setattr(objects, "GAPS", 3)
    tags = [Tag.objects.create(name=f"t{number}") for number in range(7)]
    steps = [
        Draft(Action.UPDATE, "testapp.tag", str(tags[3].pk), changes={"name": [f"{n}", f"{n}!"]}) for n in range(12)
    ]
    record_entries("default", steps)
    sql("UPDATE testapp_tag SET name = '11!' WHERE id = %s", tags[3].pk)

    lines = verify("--model", "testapp.tag", code=1)

    assert [line["kind"] for line in lines] == ["gap in the chain"] * 3 + ["more gaps in the chain"]
    assert lines[-1]["found"] == 9


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say what to verify: --drift compares the log with the tables."),
        (["--drift", "--object", "testapp.tag"], "must be app.model:primary-key, such as shop.product:42"),
        (["--drift", "--object", "testapp.tag:999"], "neither an entry nor a row of testapp.tag with the key '999'"),
        (["--drift", "--model", "testapp.plain"], "testapp.plain is not registered"),
        (["--drift", "--model", "no.such"], "no.such is no model of this project"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_fix(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("auditlog_verify", *arguments)

    assert message in str(error.value)
    assert error.value.returncode == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DB_NAME": connection.settings_dict["NAME"],
    }
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_exit_codes_of_a_real_process() -> None:
    tag = Tag.objects.create(name="a")
    clean = run("auditlog_verify", "--drift", "--model", "testapp.tag")
    sql("UPDATE testapp_tag SET name = 'b' WHERE id = %s", tag.pk)
    drift = run("auditlog_verify", "--drift", "--model", "testapp.tag", "--format", "json")
    wrong = run("auditlog_verify", "--drift", "--model", "testapp.nothing")

    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "No findings of drift.\n", "")
    assert (drift.returncode, [json.loads(line)["found"] for line in drift.stdout.splitlines()]) == (1, ["b"])
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "testapp.nothing is no model of this project" in wrong.stderr


@pytest.mark.django_db(transaction=True)
def test_changes_by_others_while_it_runs_are_no_drift() -> None:
    """Half of the writers' transactions stay open for a while with the row written and the entry not seen."""
    products = [Product.objects.create(name=f"p{number}") for number in range(30)]
    tag = Tag.objects.create(name="t")
    stop = threading.Event()
    saves = 0

    def write() -> None:
        nonlocal saves
        while not stop.is_set():
            for product in products:
                with transaction.atomic():
                    product.stock += 1
                    product.save()
                    product.tags.remove(tag) if product.stock % 2 else product.tags.add(tag)
                saves += 1
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [verify("--model", "testapp.product") for _ in range(5)]
    finally:
        stop.set()
        writer.join()

    assert found == [[]] * 5
    assert saves > 0
