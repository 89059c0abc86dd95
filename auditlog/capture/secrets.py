"""Which fields hold secrets: masked by default, so that no part of their value reaches the log."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from auditlog.conf import settings

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NAMES = frozenset({"session_data"})
"""Secrets whose names hold no secret word: a session's data carries the log-in of its user."""

_WINDOW = 6
"""A label that shares this many characters in a row with a secret is not shown."""

_SHORT = 4
"""A value that a project left out is looked for in a label from this length on."""


def words(name: str) -> set[str]:
    """The words of a field name: ``api_key`` and ``apiKey`` both give ``{"api", "key"}``."""
    return {word.lower() for word in _WORDS.findall(name)}


def is_secret(field: models.Field[Any, Any]) -> bool:
    """Whether the field is masked by default: by its name; a foreign key where the key it points at is a secret."""
    if field.is_relation:
        target = None if field.many_to_many else getattr(field, "target_field", None)
        return target is not None and is_secret(target)
    return field.name in _NAMES or not words(field.name).isdisjoint(settings.SECRET_WORDS)


def key_is_secret(model: type[models.Model]) -> bool:
    """Whether the primary key of ``model`` is itself a secret (a token, a session)."""
    return any(is_secret(field) for field in model._meta.pk_fields)


def reveals(text: str, secret: str) -> bool:
    """Whether ``text`` holds the secret or a recognisable part of it."""
    if not text or not secret:
        return False
    if len(secret) <= _WINDOW:
        return secret in text
    return any(text[at : at + _WINDOW] in secret for at in range(max(1, len(text) - _WINDOW + 1)))


def shows(text: str, value: str) -> bool:
    """Whether ``text`` holds the whole value; short ones (numbers, flags) are not told from chance."""
    return len(value) >= _SHORT and value in text


def without_marks(names: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Split ``mask=("phone", "-key")`` into the names to mask and those whose default mask is taken off."""
    off = frozenset(name[1:] for name in names if name.startswith("-"))
    return frozenset(name for name in names if not name.startswith("-")), off
