"""Dates and instants as people write them: a date means the whole day in the current time zone."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def moment(text: str, *, end: bool) -> dt.datetime | None:
    """The instant that ``text`` names, or None when it is neither an ISO date nor an ISO date and time.

    With ``end`` a date gives the start of the next day, because the end of a span is exclusive. A time
    without zone is in the current one.
    """
    try:
        day = parse_date(text)
        if day is not None:
            return _stored(dt.datetime.combine(day + dt.timedelta(days=int(end)), dt.time.min))
        instant = parse_datetime(text)
        return None if instant is None else _stored(instant)
    except (ValueError, OverflowError):  # the 30th of February, the year 10000
        return None


def _stored(instant: dt.datetime) -> dt.datetime:
    """As the database compares it: in UTC, or naive in the current time zone where the project has no time zones."""
    aware = timezone.make_aware(instant) if timezone.is_naive(instant) else instant
    return aware.astimezone(dt.UTC) if settings.USE_TZ else timezone.make_naive(aware)
