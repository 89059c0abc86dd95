"""Facts: what the circumstances of a change are, as JSON of limited length that every database takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from auditlog.capture.secrets import key_is_secret
from auditlog.capture.value_base import Json, as_json, text_of
from auditlog.capture.values import storable
from auditlog.conf import settings
from auditlog.naming import key_text, model_label

_DEPTH = 8
"""Facts nested deeper than this, or within themselves, become text."""

_INTEGER_BITS = 1024
"""Python refuses to print very long integers in decimal; they become hexadecimal text."""

_NESTED = (Mapping, list, tuple, set, frozenset)


def shortened(text: str, length: int | None = None) -> str:
    """The text cut at a length (default ``CONTEXT_MAX_LENGTH``), with NUL and lone surrogates replaced."""
    return storable(text[: settings.CONTEXT_MAX_LENGTH if length is None else length])


def json_safe(value: Any, length: int | None = None) -> Any:
    """Any value as JSON that can be stored, never an error: objects by model and key, unknown types as text.

    Strings are cut at ``length`` where it is given.
    """
    return _json(value, length, _DEPTH)


def _json(value: Any, length: int | None, depth: int) -> Json:
    if depth and isinstance(value, Mapping):
        return {_text(text_of(key), length): _json(item, length, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, _NESTED):
        return [_json(item, length, depth - 1) for item in value]
    plain = _plain(value)
    return _text(plain, length) if isinstance(plain, str) else plain


def _text(text: str, length: int | None) -> str:
    return storable(text[:length])


def _plain(value: Any) -> Json:
    if isinstance(value, models.Model):
        return _reference(value)
    if isinstance(value, _NESTED):
        return f"<{type(value).__qualname__}>"
    if type(value) is int and value.bit_length() > _INTEGER_BITS:
        return hex(value)
    try:
        return as_json(value)
    except (ValueError, ArithmeticError):  # a moment that has no counterpart in UTC
        return text_of(value)


def _reference(obj: models.Model) -> str:
    """``app.model:key``: no query, no code of the project, and no key that is a secret."""
    return f"{model_label(obj.__class__)}:{key_text(obj.pk, masked=key_is_secret(obj.__class__))}"
