"""No part of a masked value is anywhere: not in changes, not in keys, not in labels, not by way of relatives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import models

import auditlog
from auditlog.capture.secrets import reveals, words
from auditlog.models import Entry
from tests.helpers import mark, told
from tests.testapp.models import Account, Badge, Card, Category, Payment, Place, Product, Restaurant, Vault

pytestmark = pytest.mark.django_db


def everything() -> str:
    return "\n".join(str(row) for row in Entry.objects.values_list())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("api_key", {"api", "key"}), ("apiKey", {"api", "key"}), ("monkey", {"monkey"}), ("OTPCode", {"otp", "code"})],
)
def test_words_of_a_name(name: str, expected: set[str]) -> None:
    assert words(name) == expected


def test_a_recognisable_part_of_a_secret_reveals_it() -> None:
    assert reveals("Ana (abcdef…)", "abcdefghij")
    assert not reveals("Ana", "abcdefghij")
    assert reveals("pin 12", "12")


def test_a_parents_secret_in_the_childs_label() -> None:
    Vault.objects.create(owner="ana", api_key="S3CRETVALUE99", floor=2)

    assert "S3CRET" not in everything()
    assert len(told()) == 2


def test_a_related_objects_secret_in_a_label() -> None:
    account = Account.objects.create(owner="ana", api_key="S3CRETVALUE99")
    Badge.objects.create(account=account)

    assert "S3CRET" not in everything()


def test_a_key_masked_by_choice_is_masked_where_others_point_at_it() -> None:
    card = Card.objects.create(number="4111111111111111", holder="Ana")
    payment = Payment.objects.create(card=card, amount=5)
    payment.cards.add(card)
    payment.delete()
    card.delete()

    assert "4111" not in everything()
    assert [entry[3].get("card") for entry in told() if entry[0] == "CREATE"] == [None, {"masked": True}]


@pytest.fixture
def restaurant_without_city() -> Iterator[None]:
    auditlog.unregister(Place)
    auditlog.register(Restaurant, exclude=["city"])
    yield
    auditlog.unregister(Place)
    auditlog.register(Restaurant)


def test_an_excluded_field_of_a_parent(restaurant_without_city: None) -> None:
    place = Restaurant.objects.create(name="Chez", city="Lima", stars=1)
    since = mark()
    place.city = "Cusco"
    place.save()

    assert told(since=since) == []
    assert "Lima" not in everything()


def test_a_label_loads_nothing_into_the_object() -> None:
    tea = Product.objects.create(name="Tea", stock=1)
    partly = Product.objects.only("stock").get(pk=tea.pk)
    partly.stock = 2
    partly.save()
    models.QuerySet(Product).filter(pk=tea.pk).update(name="Green tea")
    partly.stock = 3
    partly.save()

    tea.refresh_from_db()
    assert (tea.name, tea.stock) == ("Green tea", 3)
    assert "name" in partly.get_deferred_fields()


def test_a_label_whose_query_fails_does_not_end_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Category) -> str:
        return str(Category.objects.extra(where=["no_such_column = 1"]).count())

    monkeypatch.setattr(Category, "__str__", fails)
    Category.objects.create(name="x")

    assert Category.objects.count() == 1
    assert [entry.object_repr for entry in Entry.objects.all()] == [""]
