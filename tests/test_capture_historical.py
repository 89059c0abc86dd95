"""Historical models, as data migrations use them: recorded by their label, with the fields they then had."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.state import ProjectState

from auditlog.models import Action, Entry
from tests.helpers import live, mark, replayed, told
from tests.testapp.models import Account, Product, Restaurant, Shelf, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def then() -> Any:
    """The registry of models that a migration gets."""
    return ProjectState.from_apps(apps).apps


def test_every_write_path(then: Any) -> None:
    shelf = then.get_model("testapp", "Shelf")
    one = shelf.objects.create(name="one")
    one.slots = 4
    one.save()
    shelf.objects.bulk_create([shelf(name="two"), shelf(name="three")])
    shelf.objects.filter(name="two").update(slots=9)
    shelf.objects.update_or_create(name="three", defaults={"row": 5})
    one.delete()
    shelf.objects.filter(name="two").delete()

    assert replayed(Shelf) == live(Shelf)
    assert [entry[0] for entry in told()] == [
        "CREATE", "UPDATE", "CREATE", "CREATE", "UPDATE", "UPDATE", "DELETE", "DELETE",
    ]  # fmt: skip


def test_relations(then: Any) -> None:
    product, tag = then.get_model("testapp", "Product"), then.get_model("testapp", "Tag")
    tea, red = product.objects.create(name="Tea"), tag.objects.create(name="red")
    since = mark()
    tea.tags.add(red)
    tea.tags.clear()

    label = str(red)
    assert told(since=since) == [
        ("UPDATE", "testapp.product", str(tea.pk), {"tags": {"added": [[red.pk, label]], "removed": []}}),
        ("UPDATE", "testapp.product", str(tea.pk), {"tags": {"added": [], "removed": [[red.pk, label]]}}),
    ]


def test_secrets_stay_hidden(then: Any) -> None:
    account = then.get_model("testapp", "Account")
    account.objects.create(owner="ana", api_key="s3cr3t-s3cr3t", phone="123456")

    changes = Entry.objects.for_model(Account).get(action=Action.CREATE).changes
    assert changes["api_key"] == changes["phone"] == {"masked": True}


def test_a_child_writes_its_parents_table_too(then: Any) -> None:
    place = then.get_model("testapp", "Restaurant").objects.create(name="Chez", stars=1)
    place.city = "Lyon"
    place.save()

    assert [(entry[0], entry[1]) for entry in told()] == [
        ("CREATE", "testapp.place"), ("CREATE", "testapp.restaurant"), ("UPDATE", "testapp.place"),
    ]  # fmt: skip
    assert replayed(Restaurant) == live(Restaurant)


def test_what_was_made_by_the_project_is_changed_by_a_migration(then: Any) -> None:
    tea, red = Product.objects.create(name="Tea"), Tag.objects.create(name="red")
    tea.tags.add(red)
    since = mark()
    then.get_model("testapp", "Product").objects.filter(pk=tea.pk).delete()

    (entry,) = told(since=since)
    assert entry[:3] == ("DELETE", "testapp.product", str(tea.pk))
    assert [pk for pk, _ in entry[3]["tags"]["removed"]] == [red.pk]
