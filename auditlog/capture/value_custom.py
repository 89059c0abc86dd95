"""Codecs of fields that Django does not know: wrapper objects, values their own field refuses, geometries."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from django.db import models

from auditlog.capture.value_base import (
    Codec,
    Json,
    Unsettled,
    as_json,
    converted,
    decoded_by,
    identity,
    is_plain,
    same,
    text_of,
)

_SENDING = ("get_db_prep_value", "get_db_prep_save")
_METHODS = ("to_python", "get_prep_value", "from_db_value", *_SENDING)


def is_custom(field: models.Field[Any, Any]) -> bool:
    """Whether code outside Django takes part in turning the field's values into columns and back."""
    return any(not _by_django(field, name) for name in _METHODS)


def _by_django(field: models.Field[Any, Any], name: str) -> bool:
    method = getattr(type(field), name, None)
    return method is None or str(getattr(method, "__module__", "")).startswith("django.")


def as_django(field: models.Field[Any, Any], kind: type[models.Field[Any, Any]]) -> models.Field[Any, Any]:
    """The field without the methods that a project gave it: what the column of Django's own kind does."""
    if not is_custom(field):
        return field
    plain = kind.__new__(kind)
    plain.__dict__.update(field.__dict__)
    return plain


def custom(field: models.Field[Any, Any], base: Codec | None) -> Codec:
    """The codec of a field with methods of its own; ``base`` is that of the Django field it derives from.

    A project's methods may raise anything. That must not reach the save being recorded: the value then stands for
    itself and is encoded as text.
    """
    stored = _as_stored(field, base)

    def canonical(value: Any) -> Any:
        if value is None:
            return None
        if hasattr(value, "resolve_expression"):
            raise Unsettled(f"{type(value).__name__} is computed by the database")
        return _first(value, stored, field.to_python)

    def encode(value: Any) -> Json:
        return _encoded(field, base, value)

    def from_base(value: Any) -> Any:
        return field.to_python(base.decode(value) if base else value)

    def equal(a: Any, b: Any) -> bool:
        if type(a) is type(b) and is_plain(a):
            return (base.equal if base else same)(a, b)
        return _equal(a, b, encode)

    return Codec(canonical, encode, decoded_by(lambda value: _first(value, from_base, field.to_python)), equal)


def _as_stored(field: models.Field[Any, Any], base: Codec | None) -> Callable[[Any], Any]:
    """What the column makes of a value: prepared as for the database, then read as from it.

    A field that also has its own last step before the database (encryption, mostly) cannot be followed without a
    connection; its ``to_python`` has to do.
    """
    from_db: Callable[..., Any] | None = getattr(field, "from_db_value", None)
    as_text = isinstance(field, models.JSONField)

    def stored(value: Any) -> Any:
        if not all(_by_django(field, name) for name in _SENDING):
            return field.to_python(value)
        prepared = field.get_prep_value(value)
        if base is not None and prepared is not None:
            prepared = base.canonical(prepared)
        if from_db is None or prepared is None:
            return prepared
        return from_db(json.dumps(prepared) if as_text else prepared, None, None)

    return stored


def _first(value: Any, *ways: Callable[[Any], Any]) -> Any:
    """What the first way that works makes of the value; the value itself when none does."""
    for way in ways:
        try:
            return way(value)
        except Unsettled:
            raise
        except Exception:  # noqa: BLE001, S112 - a project's code, in the middle of a save that must not fail
            continue
    return value


def _encoded(field: models.Field[Any, Any], base: Codec | None, value: Any) -> Json:
    if not _by_django(field, "value_to_string"):
        holder = SimpleNamespace(**{field.attname: value})
        text = _first(holder, field.value_to_string)
        if text is not holder:
            return as_json(text)
    if is_plain(value):
        return as_json(value)
    prepared = _first(value, field.get_prep_value)
    if not is_plain(prepared):
        return text_of(value)
    return base.encode(prepared) if base else as_json(prepared)


def _equal(a: Any, b: Any, encode: Callable[[Any], Json]) -> bool:
    """Whether two wrappers are equal: by ``==`` where their type defines it, else by what is recorded of them."""
    comparison: Any = type(a).__eq__
    if type(a) is type(b) and comparison is not object.__eq__:
        return _first((a, b), lambda pair: bool(pair[0] == pair[1])) is True
    return same(encode(a), encode(b))


def geometry(field: Any) -> Codec:
    """Geometries as extended WKT (``SRID=4326;POINT (1 2)``), which geometry fields accept on assignment.

    Text is parsed, and another reference system transformed, on the way to the database.
    """

    def convert(value: Any) -> str:
        srid = field.get_srid(value)
        if field.srid not in (-1, srid):
            raise Unsettled("the database transforms the geometry")
        return f"SRID={srid};{value.wkt}" if srid and srid > 0 else str(value.wkt)

    return Codec(lambda value: None if value is None else converted(convert, value), as_json, identity, same)
