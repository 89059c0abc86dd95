"""Values without a database: what each kind of field makes of a value, its JSON, and its way back."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections import OrderedDict
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import models
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Now
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from django.utils.timezone import get_fixed_timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog.capture.values import Codec, Unsettled, codec_for, dumps, storable
from tests.testapp import value_models as m
from tests.testapp.models import Seat

quick = settings(deadline=None, max_examples=100, database=None)

UTC = dt.UTC
PRICE = models.DecimalField(max_digits=10, decimal_places=2)
WIDE = models.DecimalField(max_digits=30, decimal_places=10)
AT = dt.datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
NIGHT = dt.datetime.fromisoformat("2026-01-03T00:30")


class Size(models.IntegerChoices):
    SMALL = 1, "small"


class Colour(models.TextChoices):
    RED = "red", "Red"


class Shape(str, enum.Enum):  # noqa: UP042 - the kind whose str() is not its content
    ROUND = "round"


class Day(dt.date):
    """A subclass, as libraries that freeze the time make."""


class Moment(dt.datetime):
    """A subclass, as pandas and pendulum have."""


def codec(field: Any, vendor: str = "sqlite") -> Codec:
    field.set_attributes_from_name("value")
    return codec_for(field, vendor)


def exactly(found: Any, expected: Any) -> None:
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("kind", [
    models.AutoField, models.BigAutoField, models.SmallAutoField, models.IntegerField, models.BigIntegerField,
    models.SmallIntegerField, models.PositiveIntegerField, models.PositiveBigIntegerField,
    models.PositiveSmallIntegerField,
])  # fmt: skip
@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), (True, 1), (7.9, 7), (Decimal(7), 7), (Size.SMALL, 1), (2**70, 2**70), (None, None)],
)
def test_integers(kind: Any, value: Any, expected: Any) -> None:
    exactly(codec(kind(primary_key=True)).canonical(value), expected)


@pytest.mark.parametrize(("value", "expected"), [(True, True), (1, True), (0, False), ("t", True), ("False", False)])
def test_booleans(value: Any, expected: bool) -> None:
    exactly(codec(models.BooleanField()).canonical(value), expected)


@pytest.mark.parametrize(
    "field",
    [
        models.CharField(max_length=20), models.SlugField(), models.EmailField(), models.URLField(),
        models.TextField(), models.FilePathField(),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"), (5, "5"), (Colour.RED, "red"), (Shape.ROUND, "round"), (lazystr("later"), "later"),
        (mark_safe("<b>"), "<b>"), ("\ud800\0", "\ud800\0"),
    ],
)  # fmt: skip
def test_texts(field: Any, value: Any, expected: str) -> None:
    if isinstance(field, models.FilePathField) and isinstance(value, Shape):
        expected = str(value)  # this one field sends str(value)

    exactly(codec(field).canonical(value), expected)


@pytest.mark.parametrize(("vendor", "expected"), [("sqlite", "abcde  "), ("postgresql", "abcde"), ("mysql", "abcde")])
def test_spaces_beyond_the_column_are_cut_where_the_database_cuts_them(vendor: str, expected: str) -> None:
    assert codec(models.CharField(max_length=5), vendor).canonical("abcde  ") == expected
    assert codec(models.TextField(max_length=5), vendor).canonical("abcde  ") == "abcde  "


@pytest.mark.parametrize(
    ("value", "sqlite", "others"),
    [
        (Decimal("2.665"), "2.66", "2.67"), (Decimal("2.675"), "2.68", "2.68"), (Decimal("-2.665"), "-2.66", "-2.67"),
        (Decimal("3.1"), "3.10", "3.10"), ("3.1", "3.10", "3.10"), (3, "3.00", "3.00"), (0.1, "0.10", "0.10"),
        (Decimal("1E+3"), "1000.00", "1000.00"), (Decimal("-0.00"), "0.00", "0.00"),
        (Decimal("-0.001"), "0.00", "0.00"),
    ],
)  # fmt: skip
def test_decimals_are_rounded_as_the_database_rounds_them(value: Any, sqlite: str, others: str) -> None:
    for vendor, expected in [("sqlite", sqlite), ("postgresql", others), ("mysql", others)]:
        price = codec(PRICE, vendor)

        assert price.encode(price.canonical(value)) == expected


def test_more_digits_than_sqlite_keeps_are_left_to_it() -> None:
    long = Decimal("12345678901234567.1234567891")

    with pytest.raises(Unsettled):
        codec(WIDE).canonical(long)
    assert codec(WIDE, "postgresql").canonical(long) is long
    exactly(codec(WIDE).canonical(Decimal("1234567890.12345")), Decimal("1234567890.1234500000"))


def test_decimals_of_any_scale() -> None:
    free = models.DecimalField()

    assert str(codec(free, "postgresql").canonical(Decimal("1.10"))) == "1.10"
    assert str(codec(free, "postgresql").canonical(Decimal("1E+3"))) == "1000"
    assert str(codec(free).canonical(Decimal("1.10"))) == "1.1"
    assert str(codec(free).canonical(Decimal("-0.0"))) in {"0", "0.0"}


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), ("1.5", 1.5), (Decimal("0.5"), 0.5), (0.0, 0.0)])
def test_floats(value: Any, expected: float) -> None:
    exactly(codec(models.FloatField()).canonical(value), expected)


def test_special_floats() -> None:
    sqlite, postgres = codec(models.FloatField()), codec(models.FloatField(), "postgresql")
    nan = postgres.canonical(float("nan"))

    with pytest.raises(Unsettled):
        sqlite.canonical(float("nan"))
    assert postgres.equal(nan, float("nan"))
    assert not postgres.equal(nan, 1.0)
    assert str(sqlite.canonical(-0.0)) == "0.0"
    assert str(postgres.canonical(-0.0)) == "-0.0"
    assert [postgres.encode(float(text)) for text in ("nan", "inf", "-inf")] == ["NaN", "Infinity", "-Infinity"]
    assert postgres.decode("-Infinity") == float("-inf")


@pytest.mark.parametrize("value", ["0" * 31 + "7", 7, UUID(int=7), type("Key", (UUID,), {})(int=7)])
def test_uuids(value: Any) -> None:
    exactly(codec(models.UUIDField()).canonical(value), UUID(int=7))


@pytest.mark.parametrize("value", [dt.date(2026, 1, 2), Day(2026, 1, 2), AT, "2026-01-02", NIGHT])
def test_dates(value: Any) -> None:
    expected = dt.date(2026, 1, 3) if value == NIGHT else dt.date(2026, 1, 2)

    exactly(codec(models.DateField()).canonical(value), expected)


@pytest.mark.parametrize(
    "value",
    [
        AT,
        AT.astimezone(get_fixed_timezone(330)),
        AT.replace(tzinfo=None),
        Moment(2026, 1, 2, 3, 4, 5, 6, UTC),
        "2026-01-02T04:04:05.000006+01:00",
        "2026-01-02 03:04:05.000006",
    ],
)
def test_moments_are_kept_in_utc(value: Any) -> None:
    found = codec(models.DateTimeField()).canonical(value)

    exactly(found, AT)
    assert found.tzinfo is UTC


def test_a_naive_moment_and_a_date_are_in_the_default_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    moments = codec(models.DateTimeField())

    assert moments.canonical(dt.datetime.fromisoformat("2026-01-02T09:00")) == dt.datetime(2026, 1, 2, tzinfo=UTC)
    assert moments.canonical(dt.date(2026, 1, 2)) == dt.datetime(2026, 1, 1, 15, tzinfo=UTC)


def test_moments_without_time_zones(settings: Any) -> None:
    settings.USE_TZ = False
    settings.TIME_ZONE = "Europe/Madrid"
    sqlite, postgres = codec(models.DateTimeField()), codec(models.DateTimeField(), "postgresql")
    naive, skipped = map(dt.datetime.fromisoformat, ("2026-01-02T03:00", "2026-03-29T02:30"))

    exactly(sqlite.canonical(naive), naive)
    exactly(postgres.canonical(naive), naive)
    exactly(sqlite.canonical(skipped), skipped)
    assert sqlite.encode(naive) == "2026-01-02T03:00:00.000000"
    with pytest.raises(Unsettled):
        postgres.canonical(skipped)
    with pytest.raises(Unsettled):
        postgres.canonical(AT)


def test_times_and_durations() -> None:
    times, durations = codec(models.TimeField()), codec(models.DurationField())
    length = dt.timedelta(days=-1, microseconds=5)

    exactly(times.canonical("03:04:05.000006"), dt.time(3, 4, 5, 6))
    exactly(times.canonical(AT.replace(tzinfo=None)), dt.time(3, 4, 5, 6))
    exactly(durations.canonical(type("Span", (dt.timedelta,), {})(days=2)), dt.timedelta(2))
    exactly(durations.decode(durations.encode(length)), length)
    assert durations.encode(dt.timedelta.min) == "-999999999 days, 0:00:00"
    with pytest.raises(Unsettled):
        times.canonical(dt.time(3, tzinfo=UTC))
    with pytest.raises(Unsettled):
        durations.canonical("04:30")


def test_bytes() -> None:
    field = codec(models.BinaryField())

    for value in (b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")):
        exactly(field.canonical(value), b"\x00\xff")
    assert field.encode(b"\x00\xff") == "AP8="
    with pytest.raises(Unsettled):
        field.canonical("text")


@pytest.mark.parametrize("kind", [models.FileField, models.ImageField])
def test_files_by_name(kind: Any) -> None:
    field = kind()
    files = codec(field)

    exactly(files.canonical(FieldFile(None, field, "a/b.txt")), "a/b.txt")  # type: ignore[arg-type]
    exactly(files.canonical(FieldFile(None, field, None)), "")  # type: ignore[arg-type]
    exactly(files.canonical("a/b.txt"), "a/b.txt")
    assert files.canonical(None) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2001:DB8:0::1", "2001:db8::1"), ("::FFFF:1.2.3.4", "::ffff:1.2.3.4"), ("1.2.3.4", "1.2.3.4"), ("", None)],
)
def test_addresses(value: str, expected: str | None) -> None:
    for vendor in ("sqlite", "postgresql"):
        exactly(codec(models.GenericIPAddressField(), vendor).canonical(value), expected)


def test_networks_are_left_to_postgresql() -> None:
    with pytest.raises(Unsettled):
        codec(models.GenericIPAddressField(), "postgresql").canonical("1.2.3.4/32")


def test_json_is_what_the_column_returns() -> None:
    value = OrderedDict([(1, (1, 1.5)), (None, mark_safe("x")), ("e", 1e16), ("z", -0.0)])

    sqlite = codec(models.JSONField()).canonical(value)
    postgres = codec(models.JSONField(), "postgresql").canonical(value)

    assert json.dumps(sqlite) == '{"1": [1, 1.5], "null": "x", "e": 1e+16, "z": -0.0}'
    assert json.dumps(postgres) == '{"1": [1, 1.5], "null": "x", "e": 10000000000000000, "z": 0.0}'


def test_json_is_copied() -> None:
    value = {"a": [1]}

    kept = codec(models.JSONField()).canonical(value)
    value["a"].append(2)

    assert kept == {"a": [1]}


def test_json_by_the_projects_own_encoder() -> None:
    field = codec_for(m.EncodedJsonValue._meta.get_field("value"), "sqlite")

    assert field.canonical({"on": dt.date(2026, 1, 2), "price": Decimal("1.10")}) == {
        "on": "2026-01-02",
        "price": "1.10",
    }
    with pytest.raises(Unsettled):
        codec(models.JSONField()).canonical({"on": dt.date(2026, 1, 2)})


def test_a_foreign_key_is_its_targets_key_along_the_chain() -> None:
    key = UUID(int=7)
    direct = codec_for(m.LinkValue._meta.get_field("value"), "sqlite")
    chain = codec_for(m.ChainValue._meta.get_field("value"), "sqlite")

    for value in (key, str(key), m.LinkTarget(code=key)):
        exactly(direct.canonical(value), key)
    exactly(chain.canonical(m.ChainLink(target_id=str(key))), key)
    exactly(chain.decode(chain.encode(key)), key)


def test_a_part_of_a_composite_key() -> None:
    exactly(codec_for(Seat._meta.get_field("number"), "sqlite").canonical("7"), 7)


def test_a_generated_field_has_the_codec_of_its_output() -> None:
    field = codec_for(m.GeneratedValue._meta.get_field("value"), "postgresql")

    assert field.encode(field.canonical(Decimal("1.5"))) == "1.50"


@pytest.mark.parametrize("field", [f for model in (m.IntegerValue, m.CharValue, m.DecimalValue, m.FloatValue,
    m.DateTimeValue, m.TimeValue, m.AddressValue, m.JsonValue, m.FileValue, m.LinkValue, m.MoneyValue, m.OpaqueValue)
    for f in model._meta.concrete_fields if f.name == "value"])  # fmt: skip
def test_what_the_database_computes_is_left_to_it(field: Any) -> None:
    for vendor in ("sqlite", "postgresql", "mysql"):
        with pytest.raises(Unsettled):
            codec_for(field, vendor).canonical(Now())
        assert codec_for(field, vendor).canonical(None) is None


@pytest.mark.parametrize("field", [
    models.IntegerField(), PRICE, models.FloatField(), models.BooleanField(), models.UUIDField(), models.DateField(),
    models.DateTimeField(), models.TimeField(), models.DurationField(), models.BinaryField(),
])  # fmt: skip
def test_what_a_field_refuses_is_left_to_the_database_and_still_becomes_json(field: Any) -> None:
    odd = SimpleNamespace(a=1)

    with pytest.raises(Unsettled):
        codec(field).canonical(odd)
    assert codec(field).encode(odd) == "namespace(a=1)"
    assert codec(field).encode("text") == "text"


@pytest.mark.parametrize(("a", "b"), [(1, True), (1, 1.0), (0, False), (Decimal(1), 1), ("1", 1), (None, 0)])
def test_equality_is_typed(a: Any, b: Any) -> None:
    for field in (models.IntegerField(), models.JSONField(), models.FloatField(), models.TextField()):
        assert not codec(field).equal(a, b)
        assert codec(field).equal(a, a)


def test_a_wrapper_is_unwrapped_prepared_and_wrapped_again() -> None:
    field = codec_for(m.MoneyValue._meta.get_field("value"), "sqlite")

    for value in (5, "5", True, m.Money(5)):
        exactly(field.canonical(value), m.Money(1) if value is True else m.Money(5))
    assert field.encode(m.Money(5)) == 5
    assert field.decode(5) == m.Money(5)
    assert not field.equal(m.Money(5), m.Money(6))


def test_a_wrapper_without_equality_is_compared_by_what_is_recorded() -> None:
    field = codec_for(m.OpaqueValue._meta.get_field("value"), "sqlite")

    found = field.canonical(m.Opaque("a"))

    assert (type(found), found.text) == (m.Opaque, "a")
    assert field.encode(found) == "a"
    assert field.equal(found, m.Opaque("a"))
    assert field.equal(field.decode("a"), found)
    assert not field.equal(found, m.Opaque("b"))


def test_a_wrapper_of_nothing_is_nothing() -> None:
    field = codec_for(m.OpaqueValue._meta.get_field("value"), "sqlite")

    assert field.canonical(m.Opaque(None)) is None


class QuotingField(models.CharField):  # type: ignore[type-arg]
    """Adds to whatever it prepares."""

    def get_prep_value(self, value: Any) -> Any:
        return f"{value}!"


def test_a_field_prepares_a_value_only_once() -> None:
    exactly(codec(QuotingField(max_length=9)).canonical(Shape.ROUND), "Shape.ROUND!")
    exactly(codec(QuotingField(max_length=2), "postgresql").canonical("a"), "a!")


class HostileField(models.Field):  # type: ignore[type-arg]  # Django's fields take no subscript at run time
    """Every method fails."""

    def to_python(self, value: Any) -> Any:
        raise ZeroDivisionError

    def get_prep_value(self, value: Any) -> Any:
        raise KeyError(value)

    def value_to_string(self, obj: Any) -> str:
        raise OSError


class Mute:
    def __str__(self) -> str:
        raise RuntimeError


class Grumpy:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


def test_a_hostile_field_never_hurts_a_save() -> None:
    field, value = codec(HostileField()), Mute()

    assert field.canonical(value) is value
    assert field.encode(value) == "<Mute>"
    assert field.encode(5) == 5
    assert field.decode("5") == "5"
    assert field.equal(value, value)
    assert not field.equal(Grumpy(), Grumpy())


class RoundField(models.DecimalField):  # type: ignore[type-arg]
    """Sends more places than its column has, and takes any text."""

    def to_python(self, value: Any) -> Any:
        return float(value)

    def get_prep_value(self, value: Any) -> Any:
        return Decimal(value)


def test_what_a_field_prepares_is_rounded_as_the_column_rounds_it() -> None:
    field = codec(RoundField(max_digits=10, decimal_places=2), "postgresql")

    exactly(field.canonical("2.665"), Decimal("2.67"))
    assert field.encode(Decimal("2.67")) == "2.67"
    exactly(field.decode("2.50"), 2.5)


class PrintedField(models.Field):  # type: ignore[type-arg]
    """Prints and parses in its own way."""

    def value_to_string(self, obj: Any) -> str:
        return f"<{self.value_from_object(obj)}>"

    def to_python(self, value: Any) -> Any:
        return value.strip("<>")


def test_a_field_prints_and_parses_in_its_own_way() -> None:
    field = codec(PrintedField())

    assert field.encode("a") == "<a>"
    assert field.decode("<a>") == "a"


class LateField(models.IntegerField):  # type: ignore[type-arg]
    """An expression is what it prepares."""

    def get_prep_value(self, value: Any) -> Any:
        return Now()


def test_an_expression_made_by_the_field_is_left_to_the_database() -> None:
    with pytest.raises(Unsettled):
        codec(LateField()).canonical(5)


@quick
@given(st.text() | st.text("\0\ud800\udfffa"))
def test_storable_text_has_no_nul_and_no_lone_surrogate(text: str) -> None:
    clean = storable(text)

    assert len(clean) == len(text)
    assert "\0" not in clean.encode().decode()
    assert storable(clean) == clean


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text("\0\ud800\\u0a"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("\0"), inner, max_size=3),
        max_leaves=6,
    )
)
def test_the_json_of_changes_is_taken_by_every_database(value: Any) -> None:
    text = dumps(value)

    read = json.loads(text.encode(), parse_constant=pytest.fail)
    assert dumps(read) == text
    assert not [found for found in _texts(read) if "\0" in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, "ñ"]}, '{"a":[1,"ñ"]}'),
        ({"a\0": ["\ud800", "\0"]}, '{"a\ufffd":["\ufffd","\ufffd"]}'),
        ([r"\u0000"], r'["\\u0000"]'),
        ([float("nan"), float("-inf"), (1,)], '["NaN","-Infinity",[1]]'),
        ([AT, Decimal("1.10"), b"\xff"], '["2026-01-02T03:04:05.000006+00:00","1.10","/w=="]'),
        ({"a": {1: "\0"}}, '{"a":{"1":"\ufffd"}}'),
    ],
)
def test_dumps(value: Any, expected: str) -> None:
    assert dumps(value) == expected
