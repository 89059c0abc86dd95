"""The timeline of an object: auditlog.history."""

from __future__ import annotations

import pytest
from django.db import models

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.history import timeline, timeline_of
from auditlog.models import Entry
from auditlog.query.querysets import EntryQuerySet
from tests.entry_factory import make_entry
from tests.testapp.models import Bistro, Discounted, Document, Place, Product, Seat

pytestmark = pytest.mark.django_db


def names(found: EntryQuerySet) -> list[str]:
    return [entry.object_repr for entry in found]


def test_a_timeline_holds_the_objects_entries_newest_first() -> None:
    for key, label in [("1", "first"), ("2", "other"), ("1", "second")]:
        make_entry(object_id=key, object_repr=label)
    make_entry(model="testapp.tag", object_repr="a tag")

    assert names(timeline(Product(pk=1))) == ["second", "first"]
    assert names(timeline(Discounted(pk=1))) == ["second", "first"]
    assert names(timeline_of("testapp.product", "1")) == ["second", "first"]


def test_a_childs_timeline_joins_its_parents() -> None:
    bistro = Bistro.objects.create(name="Lhardy", wine="red")
    tables = [entry.model for entry in timeline(bistro)]

    assert sorted(tables) == ["testapp.bistro", "testapp.place", "testapp.restaurant"]
    assert list(timeline_of("testapp.bistro", str(bistro.pk))) == list(timeline(bistro))
    assert [entry.model for entry in timeline(Place.objects.get(pk=bistro.pk))] == ["testapp.place"]


def test_the_timeline_of_a_deleted_child_is_found_by_its_key() -> None:
    bistro = Bistro.objects.create(name="Lhardy", wine="red")
    key = str(bistro.pk)
    before = list(timeline(bistro))
    bistro.delete()

    after = list(timeline_of("testapp.bistro", key))
    assert len(after) == 6
    assert after[3:] == before


def test_keys_with_slashes_and_composite_keys_have_timelines() -> None:
    make_entry(model="testapp.document", object_id="a/b c", object_repr="document")
    make_entry(model="testapp.seat", object_id='["A", "5"]', object_repr="seat")

    assert names(timeline(Document(path="a/b c"))) == ["document"]
    assert names(timeline_of("testapp.document", "a/b c")) == ["document"]
    assert names(timeline(Seat(hall="A", number=5))) == ["seat"]
    assert names(timeline_of("testapp.seat", '["A",5]')) == ["seat"]


def test_a_removed_model_has_timelines() -> None:
    make_entry(model="gone.thing", object_id="7", object_repr="relic")

    assert names(timeline_of("gone.thing", "7")) == ["relic"]


def test_a_renamed_model_keeps_its_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    make_entry(model="shop.article", object_repr="then")
    make_entry(object_repr="now")
    before = registry.by_model[Product]
    renamed = type(before)(Product, type(before.options)(formerly=("shop.article",)))
    by_model: dict[type[models.Model], Registration] = {**registry.by_model, Product: renamed}
    monkeypatch.setattr(registry, "by_model", by_model)

    assert names(timeline(Product(pk=1))) == ["now", "then"]
    assert names(Entry.objects.for_object(Product(pk=1)).order_by("-id")) == ["now", "then"]
    assert names(Entry.objects.for_model(Product).order_by("-id")) == ["now", "then"]
    assert names(Entry.objects.for_model("shop.Article")) == ["then"]
    assert names(timeline_of("shop.article", "1")) == ["now", "then"]


@pytest.mark.parametrize("obj", [Product(), Seat(hall="A")])
def test_an_object_without_key_has_no_timeline(obj: Product | Seat) -> None:
    with pytest.raises(ValueError, match="has none"):
        timeline(obj)
