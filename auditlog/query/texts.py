"""Stored values as texts for people; pure: a field and a value in, a text out."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models
from django.utils import dateparse, formats, timezone
from django.utils.duration import duration_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

EMPTY = "—"
MASKED = "••••••"
_ONE_LINE = 80


def text_of(field: models.Field[Any, Any] | None, value: Any) -> str:
    """The text of one stored value; ``field`` is the live field, or None where it was removed.

    A value that the field can no longer read, because its type was changed since, is shown as it is stored.
    """
    label = choice_label(field, value)
    if label is not None:
        return label
    if value is None:
        return EMPTY
    if isinstance(value, (list, dict)):
        return structure_text(value)
    return _number(field, value) if isinstance(value, (int, float)) else _written(field, str(value))


def choice_label(field: models.Field[Any, Any] | None, value: Any) -> str | None:
    """The label of a choice, or None where the value is none of the field's choices."""
    if field is None or not field.choices or isinstance(value, (list, dict)):
        return None
    known = {key if key is None else str(key): label for key, label in field.flatchoices}
    label = known.get(value if value is None else str(value))
    return None if label is None else str(label)


def structure_text(value: Any) -> str:
    """A list or an object as JSON: on one line where it is short, else indented."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= _ONE_LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _number(field: models.Field[Any, Any] | None, value: float) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(formats.localize(value)) if isinstance(field, (models.IntegerField, models.FloatField)) else str(value)


def _written(field: models.Field[Any, Any] | None, value: str) -> str:
    """A value that is stored as text, read as its field means it."""
    reader = next((read for kind, read in _READERS if isinstance(field, kind)), None)
    return (reader(value) if reader is not None else None) or value


def _decimal(value: str) -> str | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return formats.localize(number) if number.is_finite() else None


def _datetime(value: str) -> str | None:
    """The date as the language writes it and the time to the second: two moments of one minute must not look alike."""
    instant = _parsed(dateparse.parse_datetime, value)
    if instant is None:
        return None
    local = timezone.localtime(instant) if timezone.is_aware(instant) else instant
    return f"{formats.date_format(local, 'DATE_FORMAT')}, {local.time().isoformat()}"


def _date(value: str) -> str | None:
    day = _parsed(dateparse.parse_date, value)
    return None if day is None else formats.date_format(day, "DATE_FORMAT")


def _duration(value: str) -> str | None:
    span = _parsed(dateparse.parse_duration, value)
    return None if span is None else duration_string(span)


def _binary(value: str) -> str:
    size = len(value) * 3 // 4 - value[-2:].count("=")
    return ngettext("%(count)d byte: %(text)s", "%(count)d bytes: %(text)s", size) % {"count": size, "text": value}


def _parsed(parse: Callable[[str], Any], value: str) -> Any:
    try:
        return parse(value)
    except (ValueError, OverflowError):
        return None


_READERS: tuple[tuple[type[models.Field[Any, Any]], Callable[[str], str | None]], ...] = (
    (models.DecimalField, _decimal),
    (models.DateTimeField, _datetime),
    (models.DateField, _date),
    (models.DurationField, _duration),
    (models.BinaryField, _binary),
)
"""The most special field first: a DateTimeField is a DateField too."""
