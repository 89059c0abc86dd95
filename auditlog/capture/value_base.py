"""What all codecs share: the codec itself, typed equality, and the JSON form of plain Python values."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.duration import duration_iso_string

Json: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"

REFUSALS = (TypeError, ValueError, ArithmeticError, AttributeError, ValidationError)
"""What Django's own fields raise for a value that they do not accept."""


class Unsettled(Exception):  # noqa: N818 - a state of affairs, not an error
    """The database decides what this value becomes (rounding, expression, normalising): read the row again.

    A value that was just read from the database and still raises this is canonical as it is.
    """


@dataclass(frozen=True, slots=True)
class Codec:
    """How the values of one field are compared and encoded, on one kind of database."""

    canonical: Callable[[Any], Any]
    """The value as the column returns it; raises :class:`Unsettled` where only the database knows."""
    encode: Callable[[Any], Json]
    """A canonical value as JSON; values that the field does not know become text."""
    decode: Callable[[Json], Any]
    """The inverse of ``encode``."""
    equal: Callable[[Any, Any], bool]
    """Typed equality of two canonical values: ``1``, ``True`` and ``1.0`` are three values."""


def same(a: Any, b: Any) -> bool:
    """Equal and of one type."""
    return type(a) is type(b) and bool(a == b)


def identity(value: Any) -> Any:
    """The value itself."""
    return value


def converted(convert: Callable[[Any], Any], value: Any) -> Any:
    """``convert(value)``; expressions and values that the field refuses are the database's to settle."""
    if hasattr(value, "resolve_expression"):
        raise Unsettled(f"{type(value).__name__} is computed by the database")
    try:
        return convert(value)
    except REFUSALS as error:
        raise Unsettled(f"a {type(value).__name__} that the field refuses") from error


def settled_as(kind: type, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A ``canonical`` that passes values of exactly this type and converts all others."""

    def canonical(value: Any) -> Any:
        if type(value) is kind or value is None:
            return value
        return converted(convert, value)

    return canonical


def decoded_by(decode: Callable[[Any], Any]) -> Callable[[Json], Any]:
    """A ``decode`` that leaves None alone."""
    return lambda value: None if value is None else decode(value)


def codec_of(kind: type, convert: Callable[[Any], Any], decode: Callable[[Any], Any]) -> Codec:
    """The codec of a field whose canonical values are all exactly of one type."""
    return Codec(settled_as(kind, convert), as_json, decoded_by(decode), same)


def plain_decimal(value: Decimal) -> str:
    """Digits without an exponent, with the scale the value has."""
    return f"{value:f}" if value.is_finite() else str(value)


def float_json(value: float) -> Json:
    """JSON knows no NaN and no infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def moment_text(value: dt.datetime) -> str:
    """ISO 8601 with microseconds; aware moments in UTC."""
    moment = value if value.tzinfo is None else value.astimezone(dt.UTC)
    return moment.isoformat(timespec="microseconds")


def duration_text(value: dt.timedelta) -> str:
    """ISO 8601; the one duration that cannot be negated as Django prints it."""
    return str(value) if value == dt.timedelta.min else duration_iso_string(value)


_JSON_FORMS: dict[type, Callable[[Any], Json]] = {
    type(None): identity,
    bool: identity,
    int: identity,
    str: identity,
    float: float_json,
    Decimal: plain_decimal,
    dt.datetime: moment_text,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: duration_text,
    UUID: str,
    bytes: lambda value: base64.b64encode(value).decode("ascii"),
    list: lambda value: [as_json(item) for item in value],
    tuple: lambda value: [as_json(item) for item in value],
    dict: lambda value: {str(key): as_json(item) for key, item in value.items()},
}


def is_plain(value: Any) -> bool:
    """Whether the value's type has a JSON form of its own."""
    return type(value) in _JSON_FORMS


def as_json(value: Any) -> Json:
    """The JSON form of a value by its type; anything unknown as text."""
    form = _JSON_FORMS.get(type(value))
    return text_of(value) if form is None else form(value)


def text_of(value: Any) -> str:
    """``str(value)``; the name of its type where a project's ``__str__`` fails."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any project's code runs here, in the middle of a save that must not fail
        return f"<{type(value).__qualname__}>"
