"""Hypothesis strategies for the columns that only PostgreSQL has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.backends.postgresql.psycopg_any import Range
from hypothesis import strategies as st

from tests import strategies
from tests.testapp import postgres_models as m

_PRICES = st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=2)
_LONG_PRICES = st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=4)


def ranges(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Ranges with every kind of ends, without an end, empty, and as a pair."""

    def ordered(pair: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = pair
        return (high, low) if low is not None and high is not None and high < low else pair

    pairs = st.tuples(bounds, bounds).map(ordered)
    open_pairs = st.tuples(bounds | st.none(), bounds | st.none()).map(ordered)
    made = st.builds(lambda pair, ends: Range(*pair, ends), open_pairs, st.sampled_from(["[)", "(]", "()", "[]"]))
    return made | pairs | pairs.map(list) | st.just(Range(empty=True))


def _rows(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Arrays of arrays of one length; not of none, which PostgreSQL refuses to read before version 17."""
    return st.integers(1, 3).flatmap(lambda size: st.lists(st.lists(cells, min_size=size, max_size=size), max_size=3))


VALUES: dict[type[Any], st.SearchStrategy[Any]] = {
    m.IntegerArrayValue: st.lists(st.integers(-1000, 1000) | st.none()) | st.lists(st.integers(0, 9)).map(tuple),
    m.TextArrayValue: st.lists(strategies.texts(10)) | st.lists(strategies.texts(9).map(lambda text: text.ljust(12))),
    m.NestedArrayValue: _rows(_PRICES | _LONG_PRICES),
    m.MapValue: st.dictionaries(strategies.texts(), strategies.texts() | st.none() | st.integers()),
    m.IntegerRangeValue: ranges(st.integers(-1000, 1000)),
    m.BigIntegerRangeValue: ranges(st.integers(-(2**40), 2**40)),
    m.DateRangeValue: ranges(strategies.DATES),
    m.DecimalRangeValue: ranges(_PRICES | st.integers(-9, 9).map(Decimal)),
    m.DateTimeRangeValue: ranges(strategies.AWARE),
    m.SearchValue: st.lists(st.from_regex("[a-z]{1,5}", fullmatch=True)).map(" ".join),
}
