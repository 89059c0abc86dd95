"""Entries as people read them: auditlog.query.texts, labels and display."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from auditlog.models import Action
from auditlog.query.display import ChangeView, EntryView, present
from auditlog.query.texts import text_of
from tests.entry_factory import make_entry
from tests.testapp.models import Category, Product

SIZES = [("s", "small"), ("l", "large"), (None, "unknown")]
LEVELS = [("Low", [(1, "one"), (2, "two")]), (3, "three")]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (models.CharField(), "abc", "abc"),
        (models.CharField(), "", ""),
        (models.CharField(null=True), None, "—"),
        (models.BooleanField(), True, "Yes"),
        (models.BooleanField(), False, "No"),
        (models.CharField(choices=SIZES), "s", "small"),
        (models.CharField(choices=SIZES), None, "unknown"),
        (models.CharField(choices=SIZES), "gone", "gone"),
        (models.IntegerField(choices=LEVELS), 2, "two"),
        (models.IntegerField(choices=LEVELS), 3, "three"),
        (models.IntegerField(), -5, "-5"),
        (models.FloatField(), 1.5, "1.5"),
        (models.FloatField(), "nan", "nan"),
        (models.DecimalField(), "12.50", "12.50"),
        (models.DecimalField(), "NaN", "NaN"),
        (models.DecimalField(), "a word", "a word"),
        (models.DateTimeField(), "2026-01-02T03:04:05.000006+00:00", "Jan. 2, 2026, 03:04:05.000006"),
        (models.DateTimeField(), "2026-01-02T03:04:00", "Jan. 2, 2026, 03:04:00"),
        (models.DateTimeField(), "2026-99-02T03:04:00", "2026-99-02T03:04:00"),
        (models.DateTimeField(), "soon", "soon"),
        (models.DateField(), "2026-01-02", "Jan. 2, 2026"),
        (models.DateField(), "2026-02-31", "2026-02-31"),
        (models.TimeField(), "03:04:05", "03:04:05"),
        (models.DurationField(), "P1DT02H00M00S", "1 02:00:00"),
        (models.DurationField(), "long", "long"),
        (models.BinaryField(), "aGVsbG8=", "5 bytes: aGVsbG8="),
        (models.BinaryField(), "YQ==", "1 byte: YQ=="),
        (models.JSONField(), {"a": [1, "é"]}, '{"a": [1, "é"]}'),
        (models.JSONField(), {"text": "x" * 80}, '{\n  "text": "' + "x" * 80 + '"\n}'),
        (models.JSONField(), 7, "7"),
        (None, "12.50", "12.50"),
        (None, 1.5, "1.5"),
        (None, None, "—"),
    ],
)
def test_values_become_texts(field: models.Field[Any, Any] | None, value: Any, text: str) -> None:
    with translation.override("en"), timezone.override("UTC"):
        assert text_of(field, value) == text


def test_texts_follow_language_and_time_zone() -> None:
    with translation.override("es"), timezone.override("Europe/Madrid"):
        moment = text_of(models.DateTimeField(), "2026-01-01T23:30:00+00:00")
        price = text_of(models.DecimalField(), "12.50")

    assert (moment, price) == ("2 de enero de 2026, 00:30:00", "12,50")


def changes(**stored: Any) -> list[ChangeView]:
    return list(present([make_entry(changes=stored)])[0].changes)


@pytest.mark.django_db
def test_an_entry_is_presented_with_its_names() -> None:
    entry = make_entry(changes={"stock": [None, 5], "price": ["10.00", "12.00"]})

    assert present([entry]) == [
        EntryView(
            entry=entry,
            action_name="update",
            model_name="product",
            object_name="Lamp",
            actor_name="ana",
            changes=(
                ChangeView(field="price", label="price", kind="value", old="10.00", new="12.00"),
                ChangeView(field="stock", label="stock", kind="value", old="—", new="5"),
            ),
            summary="price, stock",
        )
    ]


@pytest.mark.django_db
def test_no_entries_need_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert present([]) == []

    assert len(queries) == 0


@pytest.mark.django_db
def test_a_removed_model_is_presented_as_it_is_stored() -> None:
    view = present([make_entry(model="gone.thing", object_repr="", object_id="9", changes={"on": [True, None]})])[0]

    assert (view.model_name, view.object_name) == ("gone.thing", "9")
    assert view.changes == (ChangeView(field="on", label="on", kind="value", old="Yes", new="—"),)


@pytest.mark.django_db
def test_masked_values_stay_hidden() -> None:
    assert changes(price={"masked": True}) == [
        ChangeView(field="price", label="price", kind="masked", old="••••••", new="••••••")
    ]


@pytest.mark.django_db
def test_a_relation_shows_the_labels_of_then() -> None:
    stored = {"added": [[1, "red"], [2, ""]], "removed": [[3, "blue"]]}

    assert changes(tags=stored) == [
        ChangeView(
            field="tags", label="tags", kind="relation", old="blue", new="red, 2", added=("red", "2"), removed=("blue",)
        )
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stored", "new"), [({"total": 5}, '{"total": 5}'), (5, "5"), ([1], "[1]"), ({}, "{}"), ("text", "text")]
)
def test_a_shape_that_nobody_knows_is_shown_not_refused(stored: Any, new: str) -> None:
    assert changes(odd=stored) == [ChangeView(field="odd", label="odd", kind="value", old="—", new=new)]


@pytest.mark.django_db
def test_summary_names_five_fields_and_counts_the_rest() -> None:
    many = make_entry(changes={name: [1, 2] for name in "abcdefgh"})
    six = make_entry(changes={name: [1, 2] for name in "abcdef"})
    event = make_entry(action=Action.EVENT, event="invoice.sent", changes={})
    none = make_entry(action=Action.ACCESS, changes={})

    assert [view.summary for view in present([many, six, event, none])] == [
        "a, b, c, d, e and 3 more",
        "a, b, c, d, e and 1 more",
        "invoice.sent",
        "—",
    ]


@pytest.mark.django_db
def test_foreign_keys_show_labels_found_by_one_query_per_target() -> None:
    lamps, chairs = Category.objects.create(name="Lamps"), Category.objects.create(name="Chairs")
    entries = [
        make_entry(changes={"category": [lamps.pk, chairs.pk]}),
        make_entry(changes={"category": [None, lamps.pk]}),
        make_entry(model="testapp.category", changes={"parent": [chairs.pk, None]}),
    ]

    with CaptureQueriesContext(connection) as queries:
        shown = [(view.changes[0].old, view.changes[0].new) for view in present(entries)]

    assert shown == [("Lamps", "Chairs"), ("—", "Lamps"), ("Chairs", "—")]
    assert len(queries) == 1


@pytest.mark.django_db
def test_what_is_gone_is_called_as_its_last_entry_calls_it_else_by_its_key() -> None:
    make_entry(model="testapp.category", object_id="700", object_repr="Old name", changes={})
    make_entry(model="testapp.category", object_id="700", object_repr="Last name", changes={})
    make_entry(model="testapp.category", object_id="700", object_repr="", changes={})
    make_entry(model="testapp.tag", object_id="701", object_repr="A tag", changes={})
    entry = make_entry(changes={"category": [700, 701]})

    with CaptureQueriesContext(connection) as queries:
        change = present([entry])[0].changes[0]

    assert (change.old, change.new) == ("Last name", "701")
    assert len(queries) == 2


@pytest.mark.django_db
def test_a_key_that_the_target_cannot_have_is_shown_as_it_is() -> None:
    change = changes(category=["not a number", 10**30])[0]

    assert (change.old, change.new) == ("not a number", "1" + "0" * 30)


@pytest.mark.django_db
def test_the_models_own_words_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Product._meta, "verbose_name", "article")
    monkeypatch.setattr(Product._meta.get_field("price"), "verbose_name", "unit price")

    view = present([make_entry()])[0]

    assert (view.model_name, view.changes[0].label, view.summary) == ("article", "unit price", "unit price")


@pytest.mark.django_db
def test_reverse_relations_are_no_fields() -> None:
    assert changes(supply=[1, 2])[0].label == "supply"
