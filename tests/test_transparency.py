"""With models registered, Django gives and raises what it does without: differences that its own tests found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import authenticate
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import pre_save
from django.test import modify_settings

from auditlog.capture.registry import registration_for, unregister
from tests.helpers import mark, told
from tests.testapp.models import Membership, Person, Product, Shelf, Tag, Team, Vehicle

pytestmark = pytest.mark.django_db


def test_a_broken_transaction_is_reported_by_django_in_its_own_time() -> None:
    """``remove`` looks at its arguments before it asks the database, so a wrong one is named even then."""
    product = Product.objects.create(name="p")
    raised = []

    with transaction.atomic():
        for method in (product.tags.add, product.tags.remove):
            with pytest.raises(ValueError, match="expected a number but got 'invalid'") as error:
                method("invalid")  # type: ignore[arg-type] # the wrong argument is the point
            raised.append(error.type)
        assert connection.needs_rollback
        transaction.set_rollback(False)

    assert raised == [ValueError, ValueError]


def test_an_order_by_a_relation_hides_no_row_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order joins the related table, in which a row is missing for the moment."""
    if not connection.features.can_defer_constraint_checks:
        pytest.skip("this database checks foreign keys at once: no row can be missing")
    monkeypatch.setattr(Membership._meta, "ordering", ["person__name"])
    person = Person.objects.create(name="Ana")
    member = Membership.objects.create(team=Team.objects.create(name="t"), person=person)
    since = mark()

    Membership.objects.filter(pk=member.pk).update(person_id=person.pk + 1)
    Person.objects.bulk_create([Person(pk=person.pk + 1, name="Bo")])

    assert told(since=since)[0] == (
        "UPDATE", "testapp.membership", str(member.pk), {"person": [person.pk, person.pk + 1]}
    )  # fmt: skip


@pytest.mark.django_db(databases=["default", "other"])  # django.contrib.postgres asks every connection when it starts
def test_starting_up_again_records_nothing_twice() -> None:
    """``modify_settings(INSTALLED_APPS=...)`` calls ``ready()`` of every app again."""
    product, tag = Product.objects.create(name="p"), Tag.objects.create(name="t")
    with modify_settings(INSTALLED_APPS={"append": "django.contrib.sites"}):
        since = mark()

        Product.tags.through.objects.create(product=product, tag=tag)

    added = {"tags": {"added": [[tag.pk, "t"]], "removed": []}}
    assert told(since=since) == [("UPDATE", "testapp.product", str(product.pk), added)]


def test_a_child_made_after_start_up_may_have_relations() -> None:
    """Its class is announced before Django has set them up."""
    try:

        class Ferry(Vehicle):
            sailors: models.ManyToManyField[Any, Any] = models.ManyToManyField("Sailor")

            class Meta:
                app_label = "testapp"

        assert registration_for(Ferry) is None

        class Sailor(models.Model):
            class Meta:
                app_label = "testapp"

        registration = registration_for(Ferry)
        assert registration is not None
        assert [field.name for field in registration.m2m] == ["sailors"]
        assert registration_for(Sailor) is None
    finally:
        _forget("ferry", "sailor", "ferry_sailors")


def _forget(*names: str) -> None:
    """Take classes out of the registry of models and out of ours."""
    for name in names:
        model = apps.all_models["testapp"].pop(name, None)
        if model is not None and registration_for(model) is not None:
            unregister(model)
    apps.clear_cache()


def test_a_login_that_fails_may_come_with_any_request() -> None:
    """Forms pass on what they were given, in tests often a mere object."""
    anything: Any = object()
    assert authenticate(request=anything, username="ana", password="wrong") is None

    assert [entry[0] for entry in told()] == ["LOGIN_FAILED"]


@pytest.fixture
def by_hand(transactional_db: None) -> Iterator[None]:
    """``set_autocommit(False)``: the caller's commits, no block of Django's."""
    connection.set_autocommit(False)
    yield
    connection.rollback()
    connection.set_autocommit(True)


@pytest.mark.usefixtures("by_hand")
def test_an_insert_that_fails_raises_the_error_of_the_database_and_records_nothing() -> None:
    first = Tag.objects.create(name="one")
    connection.commit()
    since = mark()
    with pytest.raises(IntegrityError):
        Tag(pk=first.pk, name="two").save(force_insert=True)
    connection.rollback()
    with pytest.raises(IntegrityError):
        first.save(force_insert=True)
    connection.commit()

    assert told(since=since) == []


@pytest.mark.usefixtures("by_hand")
def test_an_update_that_fails_raises_the_error_of_the_database() -> None:
    shelf = Shelf.objects.create(name="one")
    slots, shelf.slots = shelf.slots, -1
    connection.commit()
    with pytest.raises(IntegrityError):
        shelf.save()
    connection.rollback()

    assert Shelf.objects.get().slots == slots


def test_an_insert_that_a_receiver_stops_records_nothing() -> None:
    """Even where a row of that key is there."""
    tag = Tag.objects.create(name="one")
    since = mark()

    def stop(**kwargs: Any) -> None:
        raise ValueError("stop")

    pre_save.connect(stop, sender=Tag)
    try:
        with pytest.raises(ValueError, match="stop"):
            Tag(pk=tag.pk, name="two").save(force_insert=True)
    finally:
        pre_save.disconnect(stop, sender=Tag)

    assert told(since=since) == []


def test_a_raw_delete_that_finds_nothing_says_so() -> None:
    assert Tag.objects.filter(name="none")._raw_delete("default") == 0
