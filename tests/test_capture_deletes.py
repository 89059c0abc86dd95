"""Deletes: the rows are read once, locked; post_delete records them; the entries are written in one go."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext

from auditlog.models import Entry
from tests.helpers import broken_chains, live, mark, replayed, told
from tests.testapp.models import Category, Discounted, Product, Tag, Unregistered

pytestmark = pytest.mark.django_db


def test_a_deletion_holds_the_last_state() -> None:
    tea = Product.objects.create(name="Tea", price="3.10", stock=5)
    key, since = tea.pk, mark()
    Product.objects.filter(pk=key).update(stock=4)
    tea.delete()

    assert told(since=since)[-1] == (
        "DELETE",
        "testapp.product",
        str(key),
        {
            "id": [key, None],
            "name": ["Tea", None],
            "price": ["3.10", None],
            "stock": [4, None],
            "details": [{}, None],
            "manual": ["", None],
            "category": [None, None],
        },
    )
    assert Entry.objects.latest("id").object_repr == "Tea"


def test_a_cascade_is_recorded_in_one_insert_per_hundred_rows() -> None:
    root = Category.objects.create(name="root")
    child = Category.objects.create(name="child", parent=root)
    for number in range(20):
        Product.objects.create(name=f"p{number}", category=child)
    since = mark()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        root.delete()

    inserts = [query for query in captured.captured_queries if query["sql"].startswith("INSERT")]
    assert len(inserts) == 1
    assert sorted(entry[1] for entry in told(since=since)) == ["testapp.category"] * 2 + ["testapp.product"] * 20
    assert broken_chains() == []


def test_a_queryset_delete_is_recorded() -> None:
    for number in range(3):
        Product.objects.create(name=f"p{number}")
    since = mark()
    result = Discounted.objects.filter(name__in=["p0", "p2"]).delete()

    assert result in [(2, {"testapp.Product": 2}), (2, {"testapp.Discounted": 2})]
    assert [(entry[0], entry[3]["name"]) for entry in sorted(told(since=since), key=str)] == [
        ("DELETE", ["p0", None]),
        ("DELETE", ["p2", None]),
    ]


def test_the_relations_of_a_deleted_object_are_recorded_as_removed() -> None:
    red = Tag.objects.create(name="red")
    tea = Product.objects.create(name="Tea")
    tea.tags.add(red)
    since = mark()
    tea.delete()

    assert told(since=since)[0][3]["tags"] == {"added": [], "removed": [[red.pk, "red"]]}


def test_a_row_that_is_gone_already_gives_no_entry() -> None:
    tea = Product.objects.create(name="Tea")
    twin = Product.objects.get(pk=tea.pk)
    tea.delete()
    since = mark()
    twin.delete()

    assert told(since=since) == []


def test_an_unregistered_model_stays_fast() -> None:
    Unregistered.objects.create(name="x")
    with CaptureQueriesContext(connection) as captured:
        Unregistered.objects.all().delete()

    assert len(captured.captured_queries) == 1
    assert told() == []


class TestReceiversDuringADelete:
    @pytest.fixture
    def receiver(self) -> Any:
        connected: list[Any] = []

        def connect(signal: Any, function: Any) -> None:
            signal.connect(function, sender=Product)
            connected.append((signal, function))

        yield connect
        for signal, function in connected:
            signal.disconnect(function, sender=Product)

    def test_a_pre_delete_receiver_changes_the_row(self, receiver: Any) -> None:
        def close(instance: Product, **kwargs: Any) -> None:
            instance.stock = 0
            instance.save()

        receiver(pre_delete, close)
        tea = Product.objects.create(name="Tea", stock=5)
        tea.delete()

        assert [(entry[0], entry[3]["stock"]) for entry in told()] == [
            ("CREATE", [None, 5]),
            ("UPDATE", [5, 0]),
            ("DELETE", [0, None]),
        ]

    def test_a_post_delete_receiver_makes_the_row_again(self, receiver: Any) -> None:
        def again(instance: Product, **kwargs: Any) -> None:
            Product(pk=key, name="Tea again").save()

        tea = Product.objects.create(name="Tea")
        key = tea.pk
        receiver(post_delete, again)
        tea.delete()

        assert [(entry[0], entry[3]["name"]) for entry in told()] == [
            ("CREATE", [None, "Tea"]),
            ("DELETE", ["Tea", None]),
            ("CREATE", [None, "Tea again"]),
        ]


@pytest.mark.django_db(transaction=True)
def test_in_autocommit_a_failing_receiver_undoes_delete_and_entries() -> None:
    def fails(**kwargs: Any) -> None:
        raise ValueError("stop")

    tea = Product.objects.create(name="Tea")
    since = mark()
    post_delete.connect(fails, sender=Product)
    try:
        with pytest.raises(ValueError, match="stop"):
            tea.delete()
    finally:
        post_delete.disconnect(fails, sender=Product)

    assert (Product.objects.count(), told(since=since)) == (1, [])


def test_receivers_write_rows_that_are_about_to_be_deleted() -> None:
    """Where constraints cannot wait, Django empties their keys first; that is told only if somebody writes then."""
    top = Category.objects.create(name="top")
    tea = Product.objects.create(name="Tea", category=top)
    since = mark()

    def before(instance: Any, **kwargs: Any) -> None:
        Product.objects.filter(pk=tea.pk).update(stock=3)

    def after(instance: Any, **kwargs: Any) -> None:
        Product.objects.filter(pk=tea.pk).update(name="again")

    pre_delete.connect(before, sender=Product)
    post_delete.connect(after, sender=Category)
    try:
        top.delete()
    finally:
        pre_delete.disconnect(before, sender=Product)
        post_delete.disconnect(after, sender=Category)

    assert broken_chains() == []
    assert [replayed(model) == live(model) == {} for model in (Category, Product)] == [True, True]
    changes = [e[3] for e in told(since=since) if e[1] == "testapp.product"]
    assert [each["stock"] for each in changes if "stock" in each] == [[0, 3], [3, None]]
    assert [each["name"] for each in changes if "name" in each] == [["Tea", "again"], ["again", None]]
