"""Many-to-many changes: one readable entry on the owning object, saying what really changed."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from tests.helpers import Told, mark, told
from tests.testapp.models import Membership, Person, Product, Supplier, Tag, Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def tea() -> Product:
    return Product.objects.create(name="Tea")


@pytest.fixture
def red() -> Tag:
    return Tag.objects.create(name="red")


@pytest.fixture
def blue() -> Tag:
    return Tag.objects.create(name="blue")


def tags(tea: Product, *, added: list[Tag] = [], removed: list[Tag] = []) -> Told:  # noqa: B006 - never changed
    changes = {"added": [[t.pk, t.name] for t in added], "removed": [[t.pk, t.name] for t in removed]}
    return ("UPDATE", "testapp.product", str(tea.pk), {"tags": changes})


def test_add(tea: Product, red: Tag, blue: Tag) -> None:
    since = mark()
    tea.tags.add(red, blue)

    assert told(since=since) == [tags(tea, added=[red, blue])]


def test_adding_what_is_there_records_nothing(tea: Product, red: Tag) -> None:
    tea.tags.add(red)
    since = mark()
    tea.tags.add(red)

    assert told(since=since) == []


def test_remove_records_what_was_there(tea: Product, red: Tag, blue: Tag) -> None:
    tea.tags.add(red)
    since = mark()
    tea.tags.remove(red, blue)

    assert told(since=since) == [tags(tea, removed=[red])]


def test_set(tea: Product, red: Tag, blue: Tag) -> None:
    tea.tags.add(red)
    since = mark()
    tea.tags.set([blue])

    assert told(since=since) == [tags(tea, removed=[red]), tags(tea, added=[blue])]


def test_clear(tea: Product, red: Tag, blue: Tag) -> None:
    tea.tags.add(red, blue)
    since = mark()
    tea.tags.clear()
    tea.tags.clear()

    assert told(since=since) == [tags(tea, removed=[red, blue])]


def test_from_the_other_side_the_owner_still_has_the_entry(tea: Product, red: Tag) -> None:
    milk = Product.objects.create(name="Milk")
    since = mark()
    red.products.add(tea, milk)
    red.products.remove(milk)
    red.products.clear()

    assert told(since=since) == [
        tags(tea, added=[red]),
        tags(milk, added=[red]),
        tags(milk, removed=[red]),
        tags(tea, removed=[red]),
    ]


def test_a_through_model_that_is_not_registered(tea: Product) -> None:
    acme = Supplier.objects.create(name="Acme")
    since = mark()
    tea.suppliers.add(acme, through_defaults={"days": 3})
    tea.suppliers.set([])

    assert [entry[3] for entry in told(since=since)] == [
        {"suppliers": {"added": [[acme.pk, "Acme"]], "removed": []}},
        {"suppliers": {"added": [], "removed": [[acme.pk, "Acme"]]}},
    ]


def test_a_registered_through_model_is_recorded_row_by_row() -> None:
    ana = Person.objects.create(name="Ana")
    team = Team.objects.create(name="Red")
    since = mark()
    team.members.add(ana, through_defaults={"role": "head"})
    row = Membership.objects.get()
    key = row.pk
    team.members.remove(ana)

    values = {"id": key, "team": team.pk, "person": ana.pk, "role": "head"}
    assert told(since=since) == [
        ("CREATE", "testapp.membership", str(key), {name: [None, value] for name, value in values.items()}),
        ("DELETE", "testapp.membership", str(key), {name: [value, None] for name, value in values.items()}),
    ]


def test_a_symmetrical_relation_changes_both_objects() -> None:
    ana, bob = Person.objects.create(name="Ana"), Person.objects.create(name="Bob")
    since = mark()
    ana.friends.add(bob)
    bob.friends.remove(ana)

    def friends(person: Person, **changes: list[list[object]]) -> Told:
        return ("UPDATE", "testapp.person", str(person.pk), {"friends": {"added": [], "removed": [], **changes}})

    assert told(since=since) == [
        friends(ana, added=[[bob.pk, "Bob"]]),
        friends(bob, added=[[ana.pk, "Ana"]]),
        friends(ana, removed=[[bob.pk, "Bob"]]),
        friends(bob, removed=[[ana.pk, "Ana"]]),
    ]


def test_a_relation_to_itself_that_is_not_symmetrical() -> None:
    ana, bob = Person.objects.create(name="Ana"), Person.objects.create(name="Bob")
    since = mark()
    ana.followers.add(bob)

    assert told(since=since) == [
        ("UPDATE", "testapp.person", str(bob.pk), {"follows": {"added": [[ana.pk, "Ana"]], "removed": []}})
    ]


def test_async_calls(tea: Product, red: Tag) -> None:
    async def change() -> None:
        await tea.tags.aadd(red)
        await tea.tags.aclear()

    since = mark()
    async_to_sync(change)()

    assert told(since=since) == [tags(tea, added=[red]), tags(tea, removed=[red])]
