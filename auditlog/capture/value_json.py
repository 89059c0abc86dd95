"""Codec of JSON fields, and the JSON text of an entry's changes."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from auditlog.capture.value_base import Codec, Json, as_json, converted, float_json, identity

_REFUSED = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes neither NUL nor half of a surrogate pair
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_json)


def json_field(field: Any, vendor: str) -> Codec:
    """JSON as it comes back from the column: a copy, with text keys, and with numbers as PostgreSQL keeps them.

    The project's encoder is applied; its decoder is not, so that what is compared and recorded is the stored JSON.
    """
    decoder = json.JSONDecoder(parse_float=_jsonb_number if vendor == "postgresql" else None)

    def convert(value: Any) -> Json:
        stored: Json = decoder.decode(json.dumps(value, cls=field.encoder))
        return stored

    def canonical(value: Any) -> Any:
        return None if value is None else converted(convert, value)

    return Codec(canonical, as_json, identity, same_json)


def _jsonb_number(text: str) -> int | float:
    """``1e+16`` is the integer 10000000000000000 in a jsonb column, and there is no negative zero."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    return int(number) if isinstance(exponent, int) and exponent >= 0 else float(number) or 0.0


def same_json(a: Any, b: Any) -> bool:
    """Equal as JSON: ``1``, ``1.0`` and ``true`` differ, the order of keys does not matter."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_json(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    return bool(a == b)


def dumps(changes: Any) -> str:
    """JSON text that every database takes: NUL and lone surrogates replaced by U+FFFD, NaN and infinity as text."""
    try:
        text = _ENCODER.encode(changes)
        if "\\u0000" not in text and (text.isascii() or not _REFUSED.search(text)):
            return text
    except ValueError:  # NaN or infinity in what a project recorded by hand
        pass
    return _ENCODER.encode(_storable_json(changes))


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key) if isinstance(key, str) else key: _storable_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable_json(item) for item in value]
    return float_json(value) if isinstance(value, float) else value


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return _REFUSED.sub("\ufffd", text)
