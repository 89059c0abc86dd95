"""The chain under hard conditions: receivers that write the same rows, savepoints rolled back, keys of other types."""

from __future__ import annotations

import copy
import pickle
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import ModelSignal, post_delete, post_save, pre_delete, pre_save

import auditlog
from auditlog.models import Entry
from auditlog.signals import recorded
from tests.helpers import broken_chains, live, mark, replayed, told
from tests.testapp.models import Category, Contract, Document, Gauge, Product, Seat, Ticket

pytestmark = pytest.mark.django_db
Connect = Callable[..., None]


@pytest.fixture
def receiver() -> Iterator[Connect]:
    """Connect receivers for the test; ``first=True`` puts one before those of the audit log."""
    connected: list[tuple[ModelSignal, Any, Any]] = []

    def connect(signal: ModelSignal, function: Any, model: Any, *, first: bool = False) -> None:
        signal.connect(function, sender=model, weak=False)
        if first:
            signal.receivers.insert(0, signal.receivers.pop())
            signal.sender_receivers_cache.clear()
        connected.append((signal, function, model))

    yield connect
    for signal, function, model in connected:
        signal.disconnect(function, sender=model)


@pytest.fixture
def tea() -> Product:
    return Product.objects.create(name="Tea", stock=5)


class TestKeysOfOtherTypes:
    def test_a_uuid_given_as_text(self) -> None:
        key = uuid.uuid4()
        ticket = Ticket.objects.create(pk=str(key), title="a")
        ticket.delete()

        assert [entry[:3] for entry in told()] == [
            ("CREATE", "testapp.ticket", str(key)),
            ("DELETE", "testapp.ticket", str(key)),
        ]

    def test_a_number_given_as_text_in_a_composite_key(self) -> None:
        Seat.objects.create(hall="A", number="7").delete()

        assert [entry[:3] for entry in told()] == [
            ("CREATE", "testapp.seat", '["A", "7"]'),
            ("DELETE", "testapp.seat", '["A", "7"]'),
        ]

    def test_a_fixture_over_a_row_whose_key_has_a_default_is_an_update(self) -> None:
        ticket = Ticket.objects.create(title="a")
        since = mark()
        [loaded] = serializers.deserialize("json", serializers.serialize("json", [ticket]).replace('"a"', '"b"'))
        loaded.save()
        Ticket(pk=ticket.pk, title="c").save(force_update=True)

        assert told(since=since) == [
            ("UPDATE", "testapp.ticket", str(ticket.pk), {"title": ["a", "b"]}),
            ("UPDATE", "testapp.ticket", str(ticket.pk), {"title": ["b", "c"]}),
        ]


class TestSavepointsRolledBackByReceivers:
    def test_an_inner_save_before_the_write(self, receiver: Connect, tea: Product) -> None:
        def inner(instance: Product, **kwargs: Any) -> None:
            if instance.stock == 6:
                with transaction.atomic():
                    Product(pk=instance.pk, name="inner").save()
                    transaction.set_rollback(True)

        receiver(pre_save, inner, Product)
        since = mark()
        tea.stock = 6
        tea.save()

        assert [entry[3] for entry in told(since=since)] == [{"stock": [5, 6]}]
        assert replayed(Product) == live(Product)

    def test_an_inner_save_after_the_write(self, receiver: Connect) -> None:
        def inner(instance: Document, created: bool, **kwargs: Any) -> None:
            if instance.body == "outer":
                with transaction.atomic():
                    Document(path=instance.path, body="inner").save()
                    transaction.set_rollback(True)

        receiver(post_save, inner, Document, first=True)
        Document.objects.create(path="p", body="outer")

        assert told() == [("CREATE", "testapp.document", "p", {"path": [None, "p"], "body": [None, "outer"]})]

    def test_an_inner_save_that_stands_beside_one_that_does_not(self, receiver: Connect, tea: Product) -> None:
        def inner(instance: Product, **kwargs: Any) -> None:
            if instance.stock == 6:
                with transaction.atomic():
                    Product.objects.get(pk=instance.pk)
                    Product(pk=instance.pk, name="Tea", stock=50).save()
                with transaction.atomic():
                    Product(pk=instance.pk, name="lost").save()
                    transaction.set_rollback(True)

        receiver(post_save, inner, Product)
        since = mark()
        tea.stock = 6
        tea.save()

        assert [entry[3]["stock"] for entry in told(since=since)] == [[5, 6], [6, 50]]
        assert broken_chains() == []

    def test_a_failed_create_during_a_delete_loses_no_entry(self, receiver: Connect, tea: Product) -> None:
        other = Category.objects.create(name="x")

        def clash(**kwargs: Any) -> None:
            try:
                with transaction.atomic():
                    Category.objects.create(pk=other.pk, name="duplicate")
            except IntegrityError:
                pass

        receiver(post_delete, clash, Product)
        since = mark()
        tea.delete()

        assert [entry[:2] for entry in told(since=since)] == [("DELETE", "testapp.product")]

    def test_a_row_made_again_and_rolled_back_during_its_delete(self, receiver: Connect, tea: Product) -> None:
        key = tea.pk

        def again(**kwargs: Any) -> None:
            with transaction.atomic():
                Product(pk=key, name="again").save()
                transaction.set_rollback(True)

        receiver(post_delete, again, Product)
        since = mark()
        tea.delete()

        assert [entry[:3] for entry in told(since=since)] == [("DELETE", "testapp.product", str(key))]


class TestReceiversThatDelete:
    def test_what_a_cascade_would_delete_anyway_is_recorded_once(self, receiver: Connect) -> None:
        drinks = Category.objects.create(name="Drinks")
        Product.objects.create(name="Tea", category=drinks)

        def empty(instance: Category, **kwargs: Any) -> None:
            for product in instance.product_set.all():
                product.delete()

        receiver(pre_delete, empty, Category)
        since = mark()
        drinks.delete()

        assert sorted(entry[:2] for entry in told(since=since)) == [
            ("DELETE", "testapp.category"),
            ("DELETE", "testapp.product"),
        ]

    def test_a_save_whose_receiver_deletes_the_row(self, receiver: Connect) -> None:
        def delete(instance: Product, **kwargs: Any) -> None:
            Product.objects.get(pk=instance.pk).delete()

        receiver(post_save, delete, Product, first=True)
        tea = Product.objects.create(name="Tea")

        assert [entry[0] for entry in told() if entry[2] == str(tea.pk)] == ["CREATE", "DELETE"]


class TestLoadedSnapshots:
    def test_a_save_that_was_rolled_back_is_not_remembered(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        with transaction.atomic():
            gauge.value = 2
            gauge.save()
            transaction.set_rollback(True)
        since = mark()
        gauge.save()

        assert [entry[3] for entry in told(since=since)] == [{"value": [1, 2]}]

    def test_a_row_deleted_meanwhile_is_created_again(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        Gauge.objects.get(pk=gauge.pk).delete()
        since = mark()
        gauge.save()

        [(action, _, _, changes)] = told(since=since)
        assert (action, changes["value"]) == ("CREATE", [None, 1])

    def test_copies_and_pickles_ask_the_database(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        twins = [copy.copy(gauge), copy.deepcopy(gauge), pickle.loads(pickle.dumps(gauge))]
        for number, twin in enumerate(twins, start=2):
            twin.value = number
            twin.save()

        assert [entry[3]["value"] for entry in told()] == [[None, 1], [1, 2], [2, 3], [3, 4]]

    def test_refresh_takes_djangos_arguments_by_position(self) -> None:
        gauge = Gauge.objects.create(name="g", value=1)
        gauge.refresh_from_db(None, None, Gauge.objects.all())

        assert gauge.value == 1


class TestContextOfHardCases:
    def test_a_user_who_deletes_himself_is_the_actor(self) -> None:
        ana = User.objects.create_user("ana")
        key = ana.pk
        with auditlog.context(actor=ana):
            ana.delete()

        entry = Entry.objects.latest("id")
        assert (entry.actor_id, entry.actor_repr, entry.object_id) == (key, "ana", str(key))

    def test_a_pause_does_not_hide_the_error_that_ends_it(self) -> None:
        tea = Product.objects.create(name="Tea")
        with pytest.raises(IntegrityError), transaction.atomic(), auditlog.paused(reason="r"):
            Product(pk=tea.pk, name="twin").save(force_insert=True)

    def test_a_required_reason_is_not_asked_for_while_paused(self) -> None:
        with auditlog.context(reason="signed"):
            contract = Contract.objects.create(terms="x")
        with auditlog.paused(reason="moving"):
            contract.delete()

        assert Contract.objects.count() == 0


@pytest.mark.django_db(transaction=True)
class TestCommitByHand:
    """``set_autocommit(False)``: the caller's commits, no block of Django's."""

    @pytest.fixture(autouse=True)
    def by_hand(self) -> Iterator[None]:
        connection.set_autocommit(False)
        yield
        connection.rollback()
        connection.set_autocommit(True)

    def test_a_failing_receiver_leaves_the_row_with_its_entry(self, receiver: Connect) -> None:
        def fails(**kwargs: Any) -> None:
            raise ValueError("stop")

        receiver(post_save, fails, Category, first=True)
        with pytest.raises(ValueError, match="stop"):
            Category.objects.create(name="x")
        connection.commit()

        assert (Category.objects.count(), [entry[0] for entry in told()]) == (1, ["CREATE"])

    def test_receivers_of_recorded_do_no_harm(self) -> None:
        def hear(**kwargs: Any) -> None:
            raise AssertionError("there is no commit hook")

        recorded.connect(hear)
        try:
            Category.objects.create(name="x")
            connection.commit()
        finally:
            recorded.disconnect(hear)

        assert Category.objects.count() == 1
