"""Codecs of Django's plain fields: numbers, texts, keys, files and bytes.

Longer than most modules because each kind of field is one short function here; there is no line to cut along.
"""

from __future__ import annotations

import base64
import decimal
import ipaddress
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from auditlog.capture.value_base import (
    Codec,
    Unsettled,
    as_json,
    codec_of,
    converted,
    decoded_by,
    identity,
    same,
)

_SQLITE_DIGITS = 15  # SQLite keeps decimals as floats, and Django reads no more digits than these back
_EXACT = decimal.Context(prec=2000, rounding=decimal.ROUND_HALF_UP)  # a PostgreSQL numeric has 1000 digits at most


def integer(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Integers and automatic keys: ``"7"``, ``True``, ``7.9`` and enumerations become what Django sends."""
    return codec_of(int, lambda value: int(field.get_prep_value(value)), identity)


def boolean(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Booleans: ``1`` and ``"t"`` are True."""
    return codec_of(bool, field.get_prep_value, identity)


def real(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Floats. SQLite stores NaN as NULL and has no negative zero."""

    def convert(value: Any) -> float:
        number = float(field.get_prep_value(value))
        if vendor != "sqlite":
            return number
        if math.isnan(number):
            raise Unsettled("SQLite stores NaN as NULL")
        return number or 0.0

    def canonical(value: Any) -> Any:
        if value is None or (type(value) is float and value and not math.isnan(value)):
            return value
        return converted(convert, value)

    def equal(a: Any, b: Any) -> bool:
        return same(a, b) or (type(a) is type(b) is float and math.isnan(a) and math.isnan(b))

    return Codec(canonical, as_json, decoded_by(float), equal)


def fixed(field: Any, vendor: str) -> Codec:
    """Decimals with the column's scale.

    PostgreSQL and MySQL round half away from zero. SQLite stores a float, which Django rounds half to even on reading;
    beyond 15 digits it depends on the float.
    """
    places = field.decimal_places
    if places is None:
        return _unlimited(field, vendor)
    quantum = Decimal(1).scaleb(-places)
    rounding = decimal.ROUND_HALF_EVEN if vendor == "sqlite" else decimal.ROUND_HALF_UP
    sure = Decimal(10) ** (_SQLITE_DIGITS - places) if vendor == "sqlite" else None
    zero = Decimal(0).quantize(quantum)

    def convert(value: Any) -> Decimal:
        number = field.to_python(value)
        if vendor == "sqlite":
            _check_digits(number)
        return number.quantize(quantum, rounding=rounding, context=_EXACT) or zero

    def canonical(value: Any) -> Any:
        if value is None or (
            type(value) is Decimal and value and value.same_quantum(quantum) and (sure is None or -sure < value < sure)
        ):
            return value
        return converted(convert, value)

    return Codec(canonical, as_json, decoded_by(Decimal), same)


def _unlimited(field: models.DecimalField[Any, Any], vendor: str) -> Codec:
    """Decimals of any scale (Django 6.1): PostgreSQL keeps trailing zeros, SQLite does not."""

    def convert(value: Any) -> Decimal:
        number: Decimal = field.to_python(value)
        if vendor == "sqlite":
            _check_digits(number)
            number = number.normalize(_EXACT)
        return Decimal(f"{number:f}") if number else abs(number)

    return Codec(lambda value: None if value is None else converted(convert, value), as_json, decoded_by(Decimal), same)


def _check_digits(number: Decimal) -> None:
    if len(number.normalize(_EXACT).as_tuple().digits) > _SQLITE_DIGITS:
        raise Unsettled("SQLite keeps 15 digits")


def text(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Texts. PostgreSQL and MySQL silently cut spaces that do not fit, and refuse anything else that does not."""
    limit = field.max_length if vendor != "sqlite" and not isinstance(field, models.TextField) else None

    def convert(value: Any) -> str:
        return str.__str__(field.get_prep_value(value))[:limit]  # of an enumeration member its content, not its name

    def canonical(value: Any) -> Any:
        if value is None or (type(value) is str and (limit is None or len(value) <= limit)):
            return value
        return converted(convert, value)

    return Codec(canonical, as_json, identity, same)


def file(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Files by name; a file that is not stored yet gets its name from the storage."""

    def convert(value: Any) -> Any:
        if not getattr(value, "_committed", True):
            raise Unsettled("the storage names the file")
        return str(field.get_prep_value(value))

    return codec_of(str, convert, identity)


def address(field: models.Field[Any, Any], vendor: str) -> Codec:
    """IP addresses; PostgreSQL prints them in its own way, and also takes networks."""

    def convert(value: Any) -> str | None:
        sent = field.get_prep_value(value)
        if sent == "":
            return None
        if vendor == "postgresql":
            ipaddress.ip_address(sent)
        return str.__str__(sent)

    return Codec(lambda value: None if value is None else converted(convert, value), as_json, identity, same)


def uuid(field: models.Field[Any, Any], vendor: str) -> Codec:
    """UUIDs, also from text and integers."""
    return codec_of(UUID, lambda value: UUID(int=field.to_python(value).int), UUID)


def binary(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Bytes, also as memoryview (PostgreSQL returns one) or bytearray."""

    def convert(value: Any) -> bytes:
        return bytes(memoryview(value))

    return codec_of(bytes, convert, base64.b64decode)
