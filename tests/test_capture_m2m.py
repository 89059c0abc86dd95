"""Many-to-many changes: one readable entry on the owning object, saying what really changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models import signals
from django.db.models.signals import ModelSignal, m2m_changed, pre_delete

import auditlog
from tests.helpers import Told, mark, told
from tests.testapp.models import Franchise, Membership, Person, Product, Supplier, Tag, Team

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


class TestReceiversThatRelate:
    """Receivers that change the relation while it is being changed: every link comes and goes once."""

    @pytest.fixture
    def receiver(self) -> Iterator[Callable[..., None]]:
        connected: list[tuple[ModelSignal, Any, Any]] = []

        def connect(signal: ModelSignal, function: Any, sender: Any) -> None:
            signal.connect(function, sender=sender, weak=False)
            connected.append((signal, function, sender))

        yield connect
        for signal, function, sender in connected:
            signal.disconnect(function, sender=sender)

    def test_a_removal_before_clear(self, receiver: Callable[..., None], tea: Product, red: Tag, blue: Tag) -> None:
        def early(instance: Product, action: str, **kwargs: Any) -> None:
            if action == "pre_clear":
                instance.tags.remove(red)

        tea.tags.add(red, blue)
        receiver(m2m_changed, early, Product.tags.through)
        since = mark()
        tea.tags.clear()

        assert told(since=since) == [tags(tea, removed=[red]), tags(tea, removed=[blue])]

    def test_a_clear_before_a_delete(self, receiver: Callable[..., None], tea: Product, red: Tag) -> None:
        def early(instance: Product, **kwargs: Any) -> None:
            instance.tags.clear()

        tea.tags.add(red)
        receiver(pre_delete, early, Product)
        since = mark()
        tea.delete()

        assert [(entry[0], entry[3].get("tags")) for entry in told(since=since)] == [
            ("UPDATE", {"added": [], "removed": [[red.pk, "red"]]}),
            ("DELETE", None),
        ]


def test_a_child_with_a_key_of_its_own_is_named_by_its_parents_key() -> None:
    franchise = Franchise.objects.create(code="x", name="Chez")
    guest = Person.objects.create(name="Ana")
    since = mark()
    franchise.guests.add(guest)

    changes = {"guests": {"added": [[guest.pk, "Ana"]], "removed": []}}
    assert told(since=since) == [("UPDATE", "testapp.place", str(franchise.place_id), changes)]


def test_deleting_the_owner_of_a_registered_through_model_tells_each_row_once() -> None:
    ana = Person.objects.create(name="Ana")
    team = Team.objects.create(name="Red")
    team.members.add(ana)
    since = mark()
    team.delete()

    assert sorted((entry[0], entry[1], "members" in entry[3]) for entry in told(since=since)) == [
        ("DELETE", "testapp.membership", False),
        ("DELETE", "testapp.team", False),
    ]


def test_a_registered_table_of_djangos_own_making(tea: Product, red: Tag) -> None:
    through = Product.tags.through
    auditlog.register(through)
    try:
        since = mark()
        tea.tags.add(red)
        tea.tags.clear()
        found = told(since=since)
    finally:
        auditlog.unregister(through)

    assert [(entry[0], entry[1], entry[3]["tag"]) for entry in found] == [
        ("CREATE", "testapp.product_tags", [None, red.pk]),
        ("DELETE", "testapp.product_tags", [red.pk, None]),
    ]


@contextmanager
def before_each_delete(do: Any) -> Iterator[None]:
    """A receiver without a sender, because of which Django sends the rows of through tables one by one."""
    signals.pre_delete.connect(do, weak=False)
    try:
        yield
    finally:
        signals.pre_delete.disconnect(do)


def test_links_that_a_receiver_ends_before_the_delete_does_are_told_once() -> None:
    tea, red = Product.objects.create(name="Tea"), Tag.objects.create(name="red")
    tea.tags.add(red)
    since, key = mark(), red.pk

    def unlink(instance: Any, **kwargs: Any) -> None:
        if instance is red:
            Product.tags.through.objects.filter(tag=key).delete()

    with before_each_delete(unlink):
        red.delete()

    told_links = [e[3]["tags"] for e in told(since=since) if e[1] == "testapp.product"]
    assert told_links == [{"added": [], "removed": [[key, "red"]]}]


def test_links_of_an_object_that_a_receiver_deletes_first_are_told_with_it() -> None:
    tea, red = Product.objects.create(name="Tea"), Tag.objects.create(name="red")
    tea.tags.add(red)
    since, key = mark(), str(tea.pk)
    left = [1]

    def delete(instance: Any, **kwargs: Any) -> None:
        if instance is tea and left.pop():
            Product.objects.get(pk=tea.pk).delete()
            left.append(0)

    with before_each_delete(delete):
        tea.delete()

    entries = [e for e in told(since=since) if e[1] == "testapp.product"]
    assert [(e[0], e[2], e[3]["tags"]) for e in entries] == [
        ("DELETE", key, {"added": [], "removed": [[red.pk, "red"]]}),
    ]


def test_links_made_anew_while_their_object_is_deleted() -> None:
    tea, red = Product.objects.create(name="Tea"), Tag.objects.create(name="red")
    tea.tags.add(red)
    since, pair = mark(), [red.pk, "red"]

    def link_again(instance: Any, **kwargs: Any) -> None:
        if instance is tea:
            tea.tags.clear()
            Product.tags.through.objects.create(product=tea, tag=red)
            Product.tags.through.objects.filter(product=tea).delete()

    with before_each_delete(link_again):
        tea.delete()

    changes = [e[3]["tags"] for e in told(since=since) if "tags" in e[3]]
    assert [(c["added"], c["removed"]) for c in changes] == [([], [pair]), ([pair], []), ([], [pair])]
