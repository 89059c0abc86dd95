"""Hypothesis strategies: for each kind of column, values that a project may assign and its database accepts.

Each strategy mixes the column's own type with the other types that Django takes for it.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.testapp.value_models import Money, Opaque

Values = SearchStrategy[Any]

_FIRST, _LAST = dt.datetime.fromisoformat("1000-01-02"), dt.datetime.fromisoformat("9998-12-30")
MOMENTS = st.datetimes(_FIRST, _LAST)
AWARE = st.datetimes(_FIRST, _LAST, timezones=st.timezones() | st.just(dt.UTC))
DATES = st.dates(dt.date(1000, 1, 1), dt.date(9998, 12, 31))
DURATIONS = st.timedeltas(dt.timedelta(-100_000), dt.timedelta(100_000))
TIMES = st.times()


def texts(max_size: int | None = None) -> SearchStrategy[str]:
    """Text that every database takes."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=max_size)


def integers(low: int, high: int) -> Values:
    """Integers as such, as text, as floats and as booleans."""
    whole = st.integers(low, high)
    small = st.integers(max(low, -1000), min(high, 1000))
    return whole | whole.map(str) | small.map(float) | small.map(Decimal) | st.booleans()


def decimals(limit: str, places: int) -> Values:
    """Decimals with fewer and with more places than the column, and what else turns into one."""
    bound = Decimal(limit)
    exact = st.decimals(-bound, bound, allow_nan=False, allow_infinity=False, places=places)
    longer = st.decimals(-bound, bound, allow_nan=False, allow_infinity=False, places=places + 3)
    ties = st.integers(-99999, 99999).map(lambda n: (Decimal(n) + Decimal("0.5")).scaleb(-places))
    floats = st.floats(-10_000, 10_000)
    return exact | longer | ties | exact.map(str) | floats | st.integers(-10_000, 10_000) | st.just(Decimal("-0.00"))


def jsons() -> Values:
    """JSON, with numbers and keys that come back otherwise than they went."""
    numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.just(-0.0)
    leaves = st.none() | st.booleans() | numbers | texts()
    keys = texts() | st.integers(0, 9) | st.booleans()
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
    )


def _moments() -> Values:
    return AWARE | MOMENTS | DATES | AWARE.map(dt.datetime.isoformat) | MOMENTS.map(dt.datetime.isoformat)


def _view(data: bytes) -> memoryview:
    return memoryview(data)


def _addresses() -> Values:
    known = st.ip_addresses().map(str)
    v4 = st.ip_addresses(v=4).map(str)
    odd = known.map(str.upper) | v4.map("::ffff:{}".format) | v4.map("::{}".format)
    return known | odd | st.ip_addresses(v=6).map(lambda address: address.exploded) | st.just("")


_INTEGERS = {
    "SmallIntegerField": (-(2**15), 2**15 - 1),
    "IntegerField": (-(2**31), 2**31 - 1),
    "BigIntegerField": (-(2**63), 2**63 - 1),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "PositiveBigIntegerField": (0, 2**63 - 1),
}


def _uuids(keys: SearchStrategy[UUID]) -> Values:
    return keys | keys.map(str) | keys.map(lambda key: key.hex) | keys.map(int)


def _floats(**limits: Any) -> Values:
    texts_of = st.floats(allow_nan=False, allow_infinity=limits.get("allow_infinity", True)).map(str)
    return st.floats(**limits) | st.integers(-(2**53), 2**53) | texts_of | st.just(-0.0)


_KINDS: dict[str, Values] = {
    "BooleanField": st.booleans() | st.sampled_from([0, 1, "True", "f", "1"]),
    "SlugField": st.from_regex(r"[a-z0-9-]{0,30}", fullmatch=True),
    "TextField": texts() | st.integers() | st.booleans(),
    "FilePathField": texts(90),
    "FloatField": _floats(),
    "UUIDField": _uuids(st.uuids()),
    "DateField": DATES | AWARE | MOMENTS | DATES.map(dt.date.isoformat),
    "DateTimeField": _moments(),
    "TimeField": TIMES | MOMENTS | TIMES.map(dt.time.isoformat),
    "DurationField": DURATIONS,
    "BinaryField": st.binary() | st.binary().map(bytearray) | st.binary().map(_view),
    "GenericIPAddressField": _addresses(),
    "JSONField": jsons(),
    "ForeignKey": st.uuids() | st.uuids().map(str),
}

# MariaDB's uuid columns refuse what has no known version, and its floats know neither NaN nor infinity
_VERSIONED = st.uuids(version=1) | st.uuids(version=4)
_MYSQL_KINDS: dict[str, Values] = {
    "FloatField": _floats(allow_nan=False, allow_infinity=False),
    "UUIDField": _uuids(_VERSIONED),
    "ForeignKey": _VERSIONED | _VERSIONED.map(str),
}

_BY_CLASS: dict[str, Values] = {
    "MoneyField": st.integers(-1000, 1000) | st.integers(-1000, 1000).map(Money),
    "PriceField": st.integers(-1000, 1000).map(Money) | st.integers(-1000, 1000).map(lambda n: Decimal(n) / 100),
    "OpaqueField": texts() | texts().map(Opaque),
    "ReversedField": texts(),
    "PairField": st.tuples(st.integers(-9, 9), texts()) | st.lists(st.booleans(), min_size=2, max_size=2),
}


def assignable(field: models.Field[Any, Any], vendor: str) -> Values:
    """Values, None among them, that may be assigned to ``field`` and saved on databases of this vendor."""
    return st.none() | _assignable(field, vendor)


def _assignable(field: Any, vendor: str) -> Values:
    name, kind = type(field).__name__, field.get_internal_type()
    if vendor == "mysql" and kind in _MYSQL_KINDS:
        return _MYSQL_KINDS[kind]
    if name in _BY_CLASS:
        return _BY_CLASS[name]
    if kind in _INTEGERS:
        return integers(*_INTEGERS[kind])
    if kind == "DecimalField":
        whole = field.max_digits - field.decimal_places
        return decimals("9" * (whole - 1), field.decimal_places)
    if kind == "CharField":
        room: int = min(field.max_length or 40, 40)
        return texts(room) | texts(room - 1).map(lambda text: text.ljust(room)) | st.integers(0, 999)
    return _KINDS[kind]
