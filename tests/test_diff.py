"""The difference of two rows, as stored in an entry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import models

from auditlog.capture.diff import diff
from auditlog.capture.values import codec_for
from tests.testapp.models import Product

NAMES = ("name", "price", "stock", "details")
CODECS = tuple(codec_for(field, "postgresql") for field in Product._meta.concrete_fields if field.name in NAMES)
LAMP = ("Lamp", Decimal("10.00"), 3, {"colours": ["red"]})


def test_an_update_holds_only_what_differs() -> None:
    dearer = ("Lamp", Decimal("12.00"), 3, {"colours": ["red"]})

    assert diff(NAMES, CODECS, LAMP, dearer) == {"price": ["10.00", "12.00"]}


def test_equal_rows_have_no_changes() -> None:
    assert diff(NAMES, CODECS, LAMP, ("Lamp", Decimal("10.00"), 3, {"colours": ["red"]})) == {}


def test_a_new_row_has_all_its_fields() -> None:
    assert diff(NAMES, CODECS, None, LAMP) == {
        "name": [None, "Lamp"],
        "price": [None, "10.00"],
        "stock": [None, 3],
        "details": [None, {"colours": ["red"]}],
    }


def test_a_deleted_row_has_all_its_fields() -> None:
    assert diff(NAMES, CODECS, LAMP, None) == {
        "name": ["Lamp", None],
        "price": ["10.00", None],
        "stock": [3, None],
        "details": [{"colours": ["red"]}, None],
    }


def test_no_row_on_either_side_is_no_change() -> None:
    assert diff(NAMES, CODECS, None, None) == {}


@pytest.mark.parametrize(("before", "after"), [([1], [True]), ([1], [1.0]), ({"a": 0}, {"a": False}), (0, False)])
def test_values_that_python_calls_equal_differ_by_type(before: Any, after: Any) -> None:
    codec = codec_for(models.JSONField(), "sqlite")

    assert diff(["value"], [codec], [before], [after]) == {"value": [before, after]}


def test_the_order_of_keys_does_not_matter() -> None:
    codec = codec_for(models.JSONField(), "sqlite")

    assert diff(["value"], [codec], [{"a": 1, "b": [{"c": 2, "d": 3}]}], [{"b": [{"d": 3, "c": 2}], "a": 1}]) == {}


def test_nothing_becomes_something() -> None:
    codec = codec_for(models.CharField(max_length=9), "sqlite")

    assert diff(["value"], [codec], [None], [""]) == {"value": [None, ""]}


def test_a_masked_field_keeps_only_the_fact() -> None:
    new = ("Lamp", Decimal("12.00"), 4, {"colours": ["red"]})

    assert diff(NAMES, CODECS, LAMP, new, masked=frozenset({"price", "details"})) == {
        "price": {"masked": True},
        "stock": [3, 4],
    }


@pytest.mark.parametrize("value", [None, ""])
def test_a_masked_field_without_a_value_hides_nothing(value: str | None) -> None:
    codec = codec_for(models.CharField(max_length=9), "sqlite")
    masked = frozenset({"secret"})

    assert diff(["secret"], [codec], None, [value], masked=masked) == {}
    assert diff(["secret"], [codec], [value], None, masked=masked) == {}
    assert diff(["secret"], [codec], None, ["x"], masked=masked) == {"secret": {"masked": True}}
    assert diff(["secret"], [codec], ["x"], None, masked=masked) == {"secret": {"masked": True}}


def test_rows_of_different_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        diff(NAMES, CODECS, LAMP, LAMP[:2])
    with pytest.raises(ValueError, match="zip"):
        diff(NAMES, CODECS, None, LAMP[:2])
