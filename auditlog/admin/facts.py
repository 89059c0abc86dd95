"""The facts of an entry's context as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditlog.query.texts import text_of


def fact_texts(context: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Name and text of every fact, by name."""
    return tuple((name, text_of(None, context[name])) for name in sorted(context))
