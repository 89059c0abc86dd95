"""Values against what each database really stores: any value that may be assigned is foretold or left to it."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connection, models, transaction
from django.db.models import F, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auditlog
from auditlog.capture.value_json import same_json
from auditlog.capture.values import Codec, Unsettled, codec_for, dumps
from auditlog.models import Action, Entry
from tests.helpers import live, replayed
from tests.strategies import assignable
from tests.testapp import value_models as m

POSTGRES = connection.vendor == "postgresql"
SQLITE = connection.vendor == "sqlite"
postgres_only = pytest.mark.skipif(not POSTGRES, reason="only PostgreSQL has these fields: run with DB=postgres")
KINDS = (
    m.BigIntegerValue, m.IntegerValue, m.SmallIntegerValue, m.PositiveBigIntegerValue, m.PositiveIntegerValue,
    m.PositiveSmallIntegerValue, m.BooleanValue, m.CharValue, m.SlugValue, m.EmailValue, m.UrlValue, m.TextValue,
    m.FilePathValue, m.DecimalValue, m.WideDecimalValue, m.FloatValue, m.UuidValue, m.DateValue, m.DateTimeValue,
    m.TimeValue, m.DurationValue, m.BinaryValue, m.AddressValue, m.JsonValue, m.EncodedJsonValue, m.LinkValue,
    m.ChainValue, m.MoneyValue, m.OpaqueValue, m.ReversedValue, m.PairValue, m.PriceValue,
)  # fmt: skip
POSTGRES_KINDS = (
    "IntegerArrayValue", "TextArrayValue", "NestedArrayValue", "MapValue", "IntegerRangeValue", "BigIntegerRangeValue",
    "DateRangeValue", "DecimalRangeValue", "DateTimeRangeValue", "SearchValue",
)  # fmt: skip

pytestmark = pytest.mark.django_db
any_value = settings(
    deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

few_values = settings(any_value, max_examples=5)


def field_of(model: type[models.Model]) -> models.Field[Any, Any]:
    field = model._meta.get_field("value")
    assert isinstance(field, models.Field)
    return field


@contextmanager
def naive_moments_allowed() -> Iterator[None]:
    """Django warns of them, and takes them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DateTimeField .* received a naive datetime", RuntimeWarning)
        yield


def saved(model: type[models.Model], value: Any) -> tuple[Any, Any]:
    """Save the value; what the instance then holds, and what the database returns."""
    attname = field_of(model).attname
    instance = model(**{attname: value})
    with transaction.atomic(), naive_moments_allowed():
        instance.save()
    return instance.__dict__[attname], model._base_manager.values_list(attname, flat=True).get(pk=instance.pk)


def stored_in(codec: Codec, value: Any) -> Any:
    """The canonical form of a value just read: what the database returned is settled."""
    try:
        return codec.canonical(value)
    except Unsettled:
        return value


def check(model: type[models.Model], value: Any) -> None:
    """The law of values, for one value of one kind of field."""
    codec = codec_for(field_of(model), connection.vendor)
    held, read = saved(model, value)
    stored = stored_in(codec, read)
    try:
        foretold = codec.canonical(held)
    except Unsettled:
        pass
    else:
        assert codec.equal(foretold, stored), (held, foretold, stored)
        assert same_json(codec.encode(foretold), codec.encode(stored))
    encoded = codec.encode(stored)
    assert codec.equal(codec.decode(encoded), stored), (encoded, stored)
    kept = m.JsonValue.objects.create(value=json.loads(dumps([encoded])))
    kept.refresh_from_db()
    [back] = kept.value or []
    assert codec.equal(codec.decode(back), stored), (back, stored)


@pytest.mark.parametrize("model", KINDS)
@any_value
@given(data=st.data())
def test_any_value_is_foretold_or_left_to_the_database(model: type[models.Model], data: st.DataObject) -> None:
    check(model, data.draw(assignable(field_of(model), connection.vendor)))


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Iterator[type[models.Model]]:
    """The model, registered."""
    auditlog.register(request.param)
    yield request.param
    auditlog.unregister(request.param)


@pytest.mark.parametrize("recorded", KINDS, indirect=True)
@few_values
@given(data=st.data())
def test_entries_tell_what_the_table_holds(recorded: type[models.Model], data: st.DataObject) -> None:
    attname = field_of(recorded).attname
    first, second, third = (data.draw(assignable(field_of(recorded), connection.vendor)) for _ in range(3))

    with transaction.atomic(), naive_moments_allowed():
        row = recorded._base_manager.create(**{attname: first})
        recorded._base_manager.create(**{attname: second}).delete()
        setattr(row, attname, third)
        row.save()
        [told], [truth] = replayed(recorded).values(), live(recorded).values()
        transaction.set_rollback(True)

    codec = codec_for(field_of(recorded), connection.vendor)
    assert told.keys() == truth.keys()
    assert codec.equal(codec.decode(told["value"]), codec.decode(truth["value"])), (told, truth)


@pytest.mark.parametrize("recorded", [m.CharValue, m.TextValue], indirect=True)
def test_texts_that_a_collation_holds_to_be_equal_are_changes(recorded: type[models.Model]) -> None:
    """MariaDB's collations ignore case, accents, spaces at the end and which of the newer characters it is."""
    texts = ["abc", "ABC", "ABC ", "\u00e0bc", "a\u0300bc", "\U0001f600", "\U0001f601", ""]
    row = recorded._base_manager.create(value=texts[0])

    for text in texts[1:]:
        row.value = text  # type: ignore[attr-defined]
        row.save()

    entries = Entry.objects.for_object(row).filter(action=Action.UPDATE).order_by("id")
    assert [entry.changes for entry in entries] == [{"value": list(change)} for change in pairwise(texts)]


@postgres_only
@pytest.mark.parametrize("name", POSTGRES_KINDS)
@any_value
@given(data=st.data())
def test_any_value_of_postgresql_is_foretold_or_left_to_it(name: str, data: st.DataObject) -> None:
    values = import_module("tests.postgres_strategies").VALUES
    model = getattr(import_module("tests.testapp.postgres_models"), name)

    check(model, data.draw(values[model] | st.none()))


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (m.IntegerValue, "7", 7),
        (m.IntegerValue, True, 1),
        (m.DecimalValue, "3.1", Decimal("3.10")),
        (m.DecimalValue, 3, Decimal("3.00")),
        (m.DecimalValue, Decimal("2.665"), Decimal("2.66") if SQLITE else Decimal("2.67")),
        (m.DecimalValue, Decimal("-2.665"), Decimal("-2.66") if SQLITE else Decimal("-2.67")),
        (m.FloatValue, 2, 2.0),
        (m.DateTimeValue, "2026-01-02T03:04:05.000006+02:00", dt.datetime(2026, 1, 2, 1, 4, 5, 6, dt.UTC)),
        (m.DateValue, dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), dt.date(2026, 1, 2)),
        (m.UuidValue, "0" * 31 + "7", UUID(int=7)),
        (m.BinaryValue, bytearray(b"\x00\xff"), b"\x00\xff"),
        (m.JsonValue, {1: [1.0, 1, True]}, {"1": [1.0, 1, True]}),
        (m.JsonValue, [1e16, -0.0], [10**16, 0.0] if POSTGRES else [1e16, -0.0]),
        (m.AddressValue, "2001:DB8::0:1", "2001:db8::1"),
        (m.CharValue, "ten chars " + "  ", "ten chars " + ("  " if SQLITE else "")),
        (m.MoneyValue, 5, m.Money(5)),
        (m.PairValue, [1, 2], (1, 2)),
    ],
)
def test_common_values_are_foretold_without_reading_again(model: type[models.Model], value: Any, expected: Any) -> None:
    codec = codec_for(field_of(model), connection.vendor)

    held, read = saved(model, value)

    assert codec.equal(codec.canonical(held), expected)
    assert codec.equal(codec.canonical(read), expected)


@postgres_only
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("IntegerArrayValue", (1, None), [1, None]),
        ("NestedArrayValue", [[Decimal("1.005")], [2]], [["1.01"], ["2.00"]]),
        ("MapValue", {"a": 1, "b": None}, {"a": "1", "b": None}),
        ("IntegerRangeValue", (1, 5), {"lower": 1, "upper": 5, "bounds": "[)"}),
        ("IntegerRangeValue", [None, 5], {"lower": None, "upper": 5, "bounds": "()"}),
        (
            "DateTimeRangeValue",
            (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), None),
            {"lower": "2026-01-02T00:00:00.000000+00:00", "upper": None, "bounds": "[)"},
        ),
    ],
)
def test_common_values_of_postgresql_are_foretold_without_reading_again(name: str, value: Any, expected: Any) -> None:
    model = getattr(import_module("tests.testapp.postgres_models"), name)
    codec = codec_for(field_of(model), connection.vendor)

    held, read = saved(model, value)

    assert codec.encode(codec.canonical(held)) == expected
    assert codec.encode(codec.canonical(read)) == expected


@postgres_only
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("IntegerArrayValue", "{1,2}", [1, 2]),
        ("NestedArrayValue", [[], []], []),
        ("MapValue", '"a"=>"1"', {"a": "1"}),
        ("SearchValue", "two one", "'one' 'two'"),
    ],
)
def test_what_postgresql_reads_itself_is_left_to_it(name: str, value: Any, expected: Any) -> None:
    model = getattr(import_module("tests.testapp.postgres_models"), name)
    codec = codec_for(field_of(model), connection.vendor)
    if value == [[], []] and connection.pg_version < 170000:  # type: ignore[attr-defined]
        pytest.skip("PostgreSQL refuses an array of empty arrays before version 17")

    with pytest.raises(Unsettled):
        codec.canonical(value)

    assert codec.encode(stored_in(codec, saved(model, value)[1])) == expected


@postgres_only
def test_ranges_that_postgresql_rewrites_are_left_to_it() -> None:
    models_of = import_module("tests.testapp.postgres_models")
    make = import_module("django.db.backends.postgresql.psycopg_any").Range
    whole = codec_for(field_of(models_of.IntegerRangeValue), connection.vendor)
    split = codec_for(field_of(models_of.DecimalRangeValue), connection.vendor)

    for codec, value in [
        (whole, make(1, 5, "[]")),
        (whole, make(5, 5)),
        (whole, make("1", "5")),
        (split, make(Decimal(1), Decimal(1), "(]")),
        (split, make(1, 2)),
    ]:
        with pytest.raises(Unsettled):
            codec.canonical(value)
    assert split.encode(split.canonical(make(Decimal(1), Decimal(1), "[]"))) == {
        "lower": "1", "upper": "1", "bounds": "[]",
    }  # fmt: skip
    assert whole.encode(whole.canonical(make(empty=True))) == {"empty": True}


def test_a_file_gets_its_name_from_the_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    codec = codec_for(field_of(m.FileValue), connection.vendor)
    instance = m.FileValue(value=ContentFile(b"text", name="a b.txt"))

    with pytest.raises(Unsettled):
        codec.canonical(instance.value)
    instance.save()

    assert codec.canonical(instance.__dict__["value"]) == "values/a_b.txt"
    assert m.FileValue.objects.values_list("value", flat=True).get() == "values/a_b.txt"


def test_a_generated_column_has_the_values_of_its_output() -> None:
    codec = codec_for(field_of(m.GeneratedValue), connection.vendor)
    m.GeneratedValue.objects.create(base=Decimal("1.25"))

    read = m.GeneratedValue.objects.values_list("value", flat=True).get()

    assert codec.canonical(read) == Decimal("2.50")
    assert codec.encode(codec.canonical(read)) == "2.50"


def test_what_the_database_computes_is_left_to_it() -> None:
    number = codec_for(field_of(m.IntegerValue), connection.vendor)
    made = codec_for(field_of(m.DefaultValue), connection.vendor)

    with pytest.raises(Unsettled):
        number.canonical(F("value") + 1)
    with pytest.raises(Unsettled):
        number.canonical(Value(1))
    with pytest.raises(Unsettled):
        made.canonical(m.DefaultValue().value)


def test_nan_in_sqlite_is_null() -> None:
    codec = codec_for(field_of(m.FloatValue), "sqlite")

    with pytest.raises(Unsettled):
        codec.canonical(float("nan"))
    assert codec_for(field_of(m.FloatValue), "postgresql").canonical(float("inf")) == float("inf")
