"""Codecs of PostgreSQL's arrays, key-value maps, ranges and search vectors; none of them imports its field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import models

from auditlog.capture.value_base import Codec, Json, Unsettled, as_json, converted, decoded_by, identity, same


def array(base: Codec) -> Codec:
    """Arrays element by element; text goes to PostgreSQL as it is, and empty nested arrays vanish there."""

    def convert(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)) or (value and all(item in ([], ()) for item in value)):
            raise Unsettled("PostgreSQL reads the array")
        return [base.canonical(item) for item in value]

    def equal(a: Any, b: Any) -> bool:
        if not isinstance(a, list) or not isinstance(b, list):
            return same(a, b)
        return len(a) == len(b) and all(map(base.equal, a, b))

    return Codec(
        canonical=lambda value: None if value is None else converted(convert, value),
        encode=lambda value: [base.encode(item) for item in value] if isinstance(value, list) else as_json(value),
        decode=decoded_by(lambda value: [base.decode(item) for item in value]),
        equal=equal,
    )


def hstore(field: models.Field[Any, Any]) -> Codec:
    """Maps from text to text or None; PostgreSQL reads anything but a dict by itself."""

    def convert(value: Any) -> dict[str, str | None]:
        if not isinstance(value, dict):
            raise Unsettled("PostgreSQL reads the map")
        stored: dict[str, str | None] = field.get_prep_value(value)
        return stored

    return Codec(lambda value: None if value is None else converted(convert, value), as_json, identity, same)


def ranges(field: Any, base: Codec) -> Codec:
    """Ranges as ``{"lower", "upper", "bounds"}`` or ``{"empty": true}``.

    Ranges of integers and dates are always ``[)`` in the column, and a range without a point is empty: anything else
    is for PostgreSQL to settle.
    """
    discrete = not hasattr(field, "default_bounds")
    make: Callable[..., Any] = field.range_type

    def convert(value: Any) -> Any:
        given = field.get_prep_value(value)
        if given.isempty:
            return make(empty=True)
        lower, upper = (_bound(base, each) for each in (given.lower, given.upper))
        found = make(lower, upper, _open_ends(lower, upper, given._bounds))
        _check_settled(found, discrete)
        return found

    def encode(value: Any) -> Json:
        if not hasattr(value, "isempty"):
            return as_json(value)
        if value.isempty:
            return {"empty": True}
        return {"lower": base.encode(value.lower), "upper": base.encode(value.upper), "bounds": value._bounds}

    def decode(value: Any) -> Any:
        if value.get("empty"):
            return make(empty=True)
        return make(base.decode(value["lower"]), base.decode(value["upper"]), value["bounds"])

    return Codec(lambda value: None if value is None else converted(convert, value), encode, decoded_by(decode), same)


def _bound(base: Codec, value: Any) -> Any:
    """A bound that has the type of the column; what has another type is cast by PostgreSQL."""
    bound = base.canonical(value)
    naive = isinstance(value, dt.datetime) and value.tzinfo is None and settings.USE_TZ
    if type(bound) is not type(value) or naive:
        raise Unsettled("PostgreSQL casts the bound")
    return bound


def _open_ends(lower: Any, upper: Any, bounds: str) -> str:
    return ("(" if lower is None else bounds[0]) + (")" if upper is None else bounds[1])


def _check_settled(value: Any, discrete: bool) -> None:
    lower, upper, bounds = value.lower, value.upper, value._bounds
    if discrete and bounds != _open_ends(lower, upper, "[)"):
        raise Unsettled("PostgreSQL moves the bounds")
    if lower is not None and lower == upper and bounds != "[]":
        raise Unsettled("PostgreSQL empties the range")


def search_text(value: Any) -> Any:
    """The ``canonical`` of a search vector or query: PostgreSQL parses every text."""
    if value is None:
        return None
    raise Unsettled("PostgreSQL parses the text")


def search() -> Codec:
    """Search vectors and queries, as the text that PostgreSQL prints."""
    return Codec(search_text, as_json, identity, same)
