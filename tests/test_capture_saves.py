"""Saves: the pre_save receiver snapshots the stored row, the post_save receiver records the difference."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import serializers
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.signals import post_save, pre_save

from auditlog.exceptions import RecordingError
from auditlog.models import Entry
from tests.helpers import broken_chains, mark, told
from tests.testapp.models import (
    Account,
    Article,
    Bistro,
    Category,
    Computed,
    Contract,
    Discounted,
    Document,
    Gauge,
    KeyOnly,
    Legacy,
    Mumbler,
    Place,
    Product,
    Restaurant,
    Seat,
    Shouting,
    Ticket,
    Unregistered,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def tea() -> Product:
    return Product.objects.create(name="Tea", price="3.10", stock=5)


def test_a_creation_holds_every_field() -> None:
    tea = Product.objects.create(name="Tea", price="3.1", stock=5, details={"origin": "Assam"})

    assert told() == [
        (
            "CREATE",
            "testapp.product",
            str(tea.pk),
            {
                "id": [None, tea.pk],
                "name": [None, "Tea"],
                "price": [None, "3.10"],
                "stock": [None, 5],
                "details": [None, {"origin": "Assam"}],
                "manual": [None, ""],
                "category": [None, None],
            },
        )
    ]
    assert Entry.objects.get().object_repr == "Tea"


def test_an_update_holds_what_changed(tea: Product) -> None:
    since = mark()
    tea.price = "4.00"
    tea.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"price": ["3.10", "4.00"]})]


def test_nothing_changed_nothing_recorded(tea: Product) -> None:
    since = mark()
    tea.price, tea.stock = "3.1", "5"
    tea.save()

    assert told(since=since) == []


def test_the_old_value_comes_from_the_database_not_from_memory(tea: Product) -> None:
    stale = Product.objects.get(pk=tea.pk)
    tea.stock = 6
    tea.save()
    since = mark()
    stale.stock = 7
    stale.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [6, 7]})]


def test_update_fields_limits_what_is_recorded(tea: Product) -> None:
    since = mark()
    tea.name, tea.stock = "not sent", 9
    tea.save(update_fields=["stock"])
    tea.save(update_fields=[])

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [5, 9]})]


def test_a_deferred_field_is_not_loaded_and_not_recorded(tea: Product) -> None:
    since = mark()
    partly = Product.objects.only("name").get(pk=tea.pk)
    partly.name = "Green tea"
    partly.save()

    assert "details" in partly.get_deferred_fields()
    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"name": ["Tea", "Green tea"]})]


def test_an_expression_is_recorded_as_the_number_it_became(tea: Product) -> None:
    since = mark()
    tea.stock = F("stock") + 3
    tea.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [5, 8]})]


def test_an_object_built_by_hand_with_an_existing_key_is_an_update(tea: Product) -> None:
    since = mark()
    Product(pk=tea.pk, name="Coffee").save()

    assert told(since=since) == [
        (
            "UPDATE",
            "testapp.product",
            str(tea.pk),
            {"name": ["Tea", "Coffee"], "price": ["3.10", "0.00"], "stock": [5, 0]},
        )
    ]


def test_a_changed_key_creates_a_row_and_leaves_the_old_one(tea: Product) -> None:
    since, first = mark(), tea.pk
    tea.pk = first + 1000
    tea.save()

    [(action, model, key, changes)] = told(since=since)
    assert (action, model, key, changes["name"]) == ("CREATE", "testapp.product", str(first + 1000), [None, "Tea"])
    assert Product.objects.filter(pk=first).exists()


def test_a_failed_save_leaves_no_entry(tea: Product) -> None:
    since = mark()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product(pk=tea.pk, name="Twin").save(force_insert=True)

    assert told(since=since) == []


def test_rounding_is_the_databases() -> None:
    tea = Product.objects.create(name="Tea", price="2.665")
    tea.refresh_from_db()

    assert told()[0][3]["price"] == [None, str(tea.price)]


def test_a_raw_fixture_is_recorded(tea: Product) -> None:
    text = serializers.serialize("json", [tea]).replace("Tea", "Tea from a fixture")
    since = mark()
    for loaded in serializers.deserialize("json", text):
        loaded.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"name": ["Tea", "Tea from a fixture"]})]


def test_a_proxy_is_recorded_under_its_concrete_model(tea: Product) -> None:
    since = mark()
    proxy = Discounted.objects.get(pk=tea.pk)
    proxy.stock = 1
    proxy.save()

    assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [5, 1]})]


def test_an_unregistered_model_is_not_recorded() -> None:
    Unregistered.objects.create(name="x")

    assert told() == []


def test_get_or_create_and_update_or_create(tea: Product) -> None:
    since = mark()
    Product.objects.get_or_create(name="Tea")
    milk, _ = Product.objects.get_or_create(name="Milk", defaults={"stock": 1})
    Product.objects.update_or_create(name="Milk", defaults={"stock": 2})

    assert [(entry[0], entry[2], entry[3]["stock"]) for entry in told(since=since)] == [
        ("CREATE", str(milk.pk), [None, 1]),
        ("UPDATE", str(milk.pk), [1, 2]),
    ]


class TestInheritance:
    """Each table's row has its own entries, whichever class is saved."""

    def test_creating_a_grandchild_records_three_tables(self) -> None:
        bistro = Bistro.objects.create(name="Chez", city="Lyon", stars=1, wine="red")
        key = str(bistro.pk)

        assert told() == [
            ("CREATE", "testapp.place", key, {"id": [None, bistro.pk], "name": [None, "Chez"], "city": [None, "Lyon"]}),
            ("CREATE", "testapp.restaurant", key, {"place_ptr": [None, bistro.pk], "stars": [None, 1]}),
            ("CREATE", "testapp.bistro", key, {"restaurant_ptr": [None, bistro.pk], "wine": [None, "red"]}),
        ]

    def test_a_childs_save_records_only_the_tables_that_changed(self) -> None:
        bistro = Bistro.objects.create(name="Chez", stars=1)
        since = mark()
        bistro.city, bistro.wine = "Paris", "white"
        bistro.save()

        assert told(since=since) == [
            ("UPDATE", "testapp.place", str(bistro.pk), {"city": ["", "Paris"]}),
            ("UPDATE", "testapp.bistro", str(bistro.pk), {"wine": ["", "white"]}),
        ]

    def test_the_parents_own_save_is_recorded(self) -> None:
        bistro = Bistro.objects.create(name="Chez")
        since = mark()
        place = Place.objects.get(pk=bistro.pk)
        place.name = "Chez nous"
        place.save()

        assert told(since=since) == [("UPDATE", "testapp.place", str(bistro.pk), {"name": ["Chez", "Chez nous"]})]

    def test_a_child_made_for_an_existing_parent(self) -> None:
        place = Place.objects.create(name="Corner", city="Lyon")
        since = mark()
        Restaurant(place_ptr=place, name="Corner", city="Nice", stars=2).save()

        assert told(since=since) == [
            ("UPDATE", "testapp.place", str(place.pk), {"city": ["Lyon", "Nice"]}),
            ("CREATE", "testapp.restaurant", str(place.pk), {"place_ptr": [None, place.pk], "stars": [None, 2]}),
        ]

    def test_a_raw_child_writes_its_own_table_only(self) -> None:
        place = Place.objects.create(name="Corner")
        since = mark()
        text = f'[{{"model": "testapp.restaurant", "pk": {place.pk}, "fields": {{"stars": 3}}}}]'
        for loaded in serializers.deserialize("json", text):
            loaded.save()

        assert told(since=since) == [
            ("CREATE", "testapp.restaurant", str(place.pk), {"place_ptr": [None, place.pk], "stars": [None, 3]})
        ]

    def test_deleting_the_child_deletes_the_chain(self) -> None:
        bistro = Bistro.objects.create(name="Chez")
        key, since = str(bistro.pk), mark()
        bistro.delete()

        assert sorted((action, model, object_id) for action, model, object_id, _ in told(since=since)) == [
            ("DELETE", "testapp.bistro", key),
            ("DELETE", "testapp.place", key),
            ("DELETE", "testapp.restaurant", key),
        ]


class TestKeys:
    """Primary keys of every kind are text in the entry and never an error."""

    def test_uuid(self) -> None:
        ticket = Ticket.objects.create(title="a")
        ticket.title = "b"
        ticket.save()

        assert told() == [
            ("CREATE", "testapp.ticket", str(ticket.pk), {"id": [None, str(ticket.pk)], "title": [None, "a"]}),
            ("UPDATE", "testapp.ticket", str(ticket.pk), {"title": ["a", "b"]}),
        ]

    def test_uuid_given_as_text_is_recorded_as_the_column_holds_it(self) -> None:
        key = uuid.uuid4()
        Ticket(pk=key.hex.upper(), title="a").save()

        assert told() == [("CREATE", "testapp.ticket", str(key), {"id": [None, str(key)], "title": [None, "a"]})]

    def test_text_with_slashes(self) -> None:
        document = Document.objects.create(path="a/b/ç d", body="x")
        document.body = "y"
        document.save()

        assert told()[1] == ("UPDATE", "testapp.document", "a/b/ç d", {"body": ["x", "y"]})

    def test_a_key_too_long_for_its_column_stands_in_full_among_the_changes(self) -> None:
        path = "p" * 300
        document = Document.objects.create(path=path, body="x")
        document.body = "y"
        document.save()

        [created, updated] = told()
        assert created[2] == updated[2]
        assert len(updated[2]) <= 255
        assert updated[2].startswith("p" * 180 + "…sha256:")
        assert updated[3] == {"body": ["x", "y"], "path": [path, path]}
        assert Entry.objects.for_object(document).count() == 2

    def test_composite(self) -> None:
        seat = Seat.objects.create(hall="A", number=7, guest="Ana")
        seat.guest = "Bob"
        seat.save()

        assert told() == [
            (
                "CREATE",
                "testapp.seat",
                '["A", "7"]',
                {"hall": [None, "A"], "number": [None, 7], "guest": [None, "Ana"]},
            ),
            ("UPDATE", "testapp.seat", '["A", "7"]', {"guest": ["Ana", "Bob"]}),
        ]

    def test_a_key_and_nothing_else(self) -> None:
        only = KeyOnly.objects.create()
        only.save()
        key = only.pk
        only.delete()

        assert told() == [
            ("CREATE", "testapp.keyonly", str(key), {"id": [None, key]}),
            ("DELETE", "testapp.keyonly", str(key), {"id": [key, None]}),
        ]


class TestValuesTheDatabaseMakes:
    """The row is read again only where the database decides."""

    def test_generated_and_default_columns(self) -> None:
        made = Computed.objects.create(width=3, height=2)
        made.width = 5
        made.save()

        [created, updated] = told()
        assert (created[3]["area"], created[3]["level"]) == ([None, 6], [None, 7])
        assert {name: updated[3][name] for name in ("width", "area")} == {"width": [3, 5], "area": [6, 10]}

    def test_a_quiet_field_alone_writes_no_entry(self) -> None:
        made = Computed.objects.create(width=3)
        since = mark()
        made.save()

        assert told(since=since) == []

    def test_a_field_that_changes_the_value_on_its_way(self) -> None:
        shout = Shouting.objects.create(word="hey")
        shout.word = "HEY"
        shout.save()

        assert told() == [
            ("CREATE", "testapp.shouting", str(shout.pk), {"id": [None, shout.pk], "word": [None, "HEY"]})
        ]


class TestLabelsAndSecrets:
    def test_a_label_that_fails_does_not_hurt_the_save(self) -> None:
        Mumbler.objects.create(name="x")

        assert Entry.objects.get().object_repr == ""

    def test_secrets_are_masked_in_changes_and_label(self) -> None:
        account = Account.objects.create(owner="ana", api_key="s3cr3t-v4lue", phone="555-1234")
        account.api_key = "another-v4lue"
        account.save()

        assert [entry[3] for entry in told()] == [
            {"id": [None, account.pk], "owner": [None, "ana"], "api_key": {"masked": True}, "phone": {"masked": True}},
            {"api_key": {"masked": True}},
        ]
        assert [e.object_repr for e in Entry.objects.all()] == ["", ""]

    def test_an_excluded_field_is_not_recorded(self) -> None:
        article = Article.objects.create(title="a", draft="x")
        article.draft = "y"
        article.save()

        assert told() == [
            ("CREATE", "testapp.article", str(article.pk), {"id": [None, article.pk], "title": [None, "a"]})
        ]


class TestReason:
    def test_a_required_reason_is_asked_for(self) -> None:
        with pytest.raises(RecordingError, match=r"auditlog\.context\(reason="):
            Contract.objects.create(terms="x")

        assert not Contract.objects.exists()


class TestLoaded:
    """``snapshot="loaded"``: no SELECT, and the entry says so."""

    def test_update_without_a_query_for_the_old_value(self, django_assert_num_queries: Any) -> None:
        gauge = Gauge.objects.create(name="g", value=1, settings={"a": [1]})
        gauge = Gauge.objects.get(pk=gauge.pk)
        since = mark()
        gauge.value = 2
        gauge.settings["a"].append(2)
        with django_assert_num_queries(2):
            gauge.save()

        assert told(since=since) == [
            ("UPDATE", "testapp.gauge", str(gauge.pk), {"value": [1, 2], "settings": [{"a": [1]}, {"a": [1, 2]}]})
        ]
        assert Entry.objects.latest("id").context["snapshot"] == "loaded"

    def test_what_is_kept_is_renewed_after_save_and_refresh(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        gauge.value = 2
        gauge.save()
        Gauge.objects.filter(pk=gauge.pk).update(value=5)
        gauge.refresh_from_db()
        since = mark()
        gauge.value = 6
        gauge.save()

        assert told(since=since) == [("UPDATE", "testapp.gauge", str(gauge.pk), {"value": [5, 6]})]

    def test_a_field_left_out_of_a_save_stays_as_it_was_loaded(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        gauge.name, gauge.value = "h", 2
        gauge.save(update_fields=["value"])
        since = mark()
        gauge.save()

        assert told(since=since) == [("UPDATE", "testapp.gauge", str(gauge.pk), {"name": ["g", "h"]})]

    def test_deferred_or_built_by_hand_falls_back_to_the_stored_row(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        since = mark()
        Gauge(pk=gauge.pk, name="g", value=3).save()
        partly = Gauge.objects.only("name").get(pk=gauge.pk)
        partly.name = "h"
        partly.save()

        assert [entry[3] for entry in told(since=since)] == [{"value": [1, 3]}, {"name": ["g", "h"]}]
        assert "snapshot" not in Entry.objects.latest("id").context


class TestNested:
    """Writes inside receivers keep the chain: every old value is the previous entry's new value."""

    @pytest.fixture
    def receiver(self) -> Any:
        connected: list[tuple[Any, Any]] = []

        def connect(signal: Any, function: Any, model: type = Product) -> None:
            signal.connect(function, sender=model)
            connected.append((signal, (function, model)))

        yield connect
        for signal, (function, model) in connected:
            signal.disconnect(function, sender=model)

    def test_a_receiver_saves_the_same_instance_again(self, receiver: Any, tea: Product) -> None:
        def again(instance: Product, **kwargs: Any) -> None:
            if instance.stock < 8:
                instance.stock += 1
                instance.save()

        receiver(post_save, again)
        tea.stock = 6
        tea.save()

        assert [entry[3] for entry in told()[1:]] == [{"stock": [5, 6]}, {"stock": [6, 7]}, {"stock": [7, 8]}]
        assert broken_chains() == []

    def test_a_receiver_connected_before_ours_saves_the_row_again(self, tea: Product) -> None:
        def early(instance: Product, **kwargs: Any) -> None:
            if instance.stock == 6:
                Product(pk=instance.pk, name="Tea", price="3.10", stock=7).save()

        others = post_save.receivers
        post_save.receivers = []
        post_save.connect(early, sender=Product, weak=False)
        post_save.receivers += others
        post_save.sender_receivers_cache.clear()
        try:
            tea.stock = 6
            tea.save()
        finally:
            post_save.disconnect(early, sender=Product)

        assert [entry[3] for entry in told()[1:]] == [{"stock": [5, 6]}, {"stock": [6, 7]}]
        assert broken_chains() == []

    def test_a_pre_save_receiver_saves_the_same_row(self, receiver: Any, tea: Product) -> None:
        def before(instance: Product, **kwargs: Any) -> None:
            if instance.stock == 6:
                Product(pk=instance.pk, name="Tea", price="3.10", stock=50).save()

        receiver(pre_save, before)
        tea.stock = 6
        tea.save()

        assert [entry[3] for entry in told()[1:]] == [{"stock": [5, 50]}, {"stock": [50, 6]}]

    def test_a_receiver_saves_another_row(self, receiver: Any, tea: Product) -> None:
        category = Category.objects.create(name="Drinks")

        def other(instance: Product, **kwargs: Any) -> None:
            category.name += "!"
            category.save()

        receiver(post_save, other)
        since = mark()
        tea.stock = 6
        tea.save()

        assert sorted(entry[1] for entry in told(since=since)) == ["testapp.category", "testapp.product"]

    def test_a_later_receiver_fails_and_the_caller_goes_on(self, receiver: Any, tea: Product) -> None:
        def fails(**kwargs: Any) -> None:
            raise ValueError("later")

        receiver(post_save, fails)
        since = mark()
        tea.stock = 6
        with pytest.raises(ValueError, match="later"):
            tea.save()

        assert Product.objects.get(pk=tea.pk).stock == 6
        assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [5, 6]})]

    def test_an_earlier_receiver_fails_and_the_caller_goes_on(self, tea: Product) -> None:
        def fails(**kwargs: Any) -> None:
            raise ValueError("earlier")

        others = post_save.receivers
        post_save.receivers = []
        post_save.connect(fails, sender=Product, weak=False)
        post_save.receivers += others
        post_save.sender_receivers_cache.clear()
        since = mark()
        try:
            tea.stock = 6
            with pytest.raises(ValueError, match="earlier"):
                tea.save()
        finally:
            post_save.disconnect(fails, sender=Product)

        assert told(since=since) == [("UPDATE", "testapp.product", str(tea.pk), {"stock": [5, 6]})]
        assert not connection.needs_rollback


class TestStatements:
    """What recording adds to a save in the caller's transaction: no BEGIN, no SAVEPOINT, few statements."""

    def test_create_adds_one(self, django_assert_num_queries: Any) -> None:
        Unregistered.objects.create(name="warm")
        take = 1 if connection.vendor == "sqlite" else 0
        with django_assert_num_queries(2 + take) as captured:
            Category.objects.create(name="x")

        assert not any("SAVEPOINT" in query["sql"] for query in captured.captured_queries)

    def test_update_adds_two(self, django_assert_num_queries: Any, tea: Product) -> None:
        tea.stock = 1
        with django_assert_num_queries(3):
            tea.save()


@pytest.mark.django_db(transaction=True)
class TestAutocommit:
    """Change and entry commit together without a transaction of the caller's."""

    def test_a_failing_post_save_receiver_undoes_row_and_entry(self) -> None:
        def fails(**kwargs: Any) -> None:
            raise ValueError("stop")

        post_save.connect(fails, sender=Category)
        try:
            with pytest.raises(ValueError, match="stop"):
                Category.objects.create(name="x")
        finally:
            post_save.disconnect(fails, sender=Category)

        assert (Category.objects.count(), told()) == (0, [])

    def test_transaction_caller_keeps_djangos_own_behaviour(self) -> None:
        def fails(**kwargs: Any) -> None:
            raise ValueError("stop")

        post_save.connect(fails, sender=Legacy)
        try:
            with pytest.raises(ValueError, match="stop"):
                Legacy.objects.create(name="x")
        finally:
            post_save.disconnect(fails, sender=Legacy)

        assert Legacy.objects.count() == 1
        assert [entry[:2] for entry in told()] == [("CREATE", "testapp.legacy")]

    def test_async_calls_are_recorded(self) -> None:
        async def write() -> int:
            tea = await Product.objects.acreate(name="Tea")
            tea.stock = 1
            await tea.asave()
            key = tea.pk
            await tea.adelete()
            return key

        key = str(async_to_sync(write)())

        assert [entry[:3] for entry in told()] == [
            ("CREATE", "testapp.product", key),
            ("UPDATE", "testapp.product", key),
            ("DELETE", "testapp.product", key),
        ]
