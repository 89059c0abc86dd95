"""Codecs of dates, moments, times of day and durations."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils.dateparse import parse_duration
from django.utils.timezone import get_default_timezone, make_aware

from auditlog.capture.value_base import Codec, Unsettled, as_json, codec_of, converted, decoded_by, same


def date(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Dates; of a moment, the date in the current default time zone."""

    def convert(value: Any) -> dt.date:
        day = field.to_python(value)
        return dt.date(day.year, day.month, day.day)

    return codec_of(dt.date, convert, dt.date.fromisoformat)


def moment(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Moments: in UTC with ``USE_TZ`` (naive ones are taken in the default time zone, as Django does), else naive."""

    def convert(value: Any) -> dt.datetime:
        at = _exact_moment(field, value)
        if settings.USE_TZ:
            return (make_aware(at, get_default_timezone()) if at.tzinfo is None else at).astimezone(dt.UTC)
        if at.tzinfo is not None or (vendor == "postgresql" and _in_gap(at)):
            raise Unsettled("the database converts the time zone")
        return at

    def canonical(value: Any) -> Any:
        if value is None or (type(value) is dt.datetime and value.tzinfo is dt.UTC and settings.USE_TZ):
            return value
        return converted(convert, value)

    return Codec(canonical, as_json, decoded_by(dt.datetime.fromisoformat), same)


def _exact_moment(field: models.Field[Any, Any], value: Any) -> dt.datetime:
    """A plain datetime: ``to_python`` only for text, because it warns of naive moments that come from a date."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time()) if isinstance(value, dt.date) else field.to_python(value)
    return dt.datetime.combine(
        dt.date(value.year, value.month, value.day),
        dt.time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold),
    )


def _in_gap(naive: dt.datetime) -> bool:
    """Whether the clocks were put forward over this time, which PostgreSQL then moves."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return naive.replace(tzinfo=zone).astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != naive


def time(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Times of day, which have no zone."""

    def convert(value: Any) -> dt.time:
        at = field.to_python(value)
        if at.tzinfo is not None:
            raise Unsettled("the database drops the zone")
        return dt.time(at.hour, at.minute, at.second, at.microsecond)

    def canonical(value: Any) -> Any:
        if value is None or (type(value) is dt.time and value.tzinfo is None):
            return value
        return converted(convert, value)

    return Codec(canonical, as_json, decoded_by(dt.time.fromisoformat), same)


def duration(field: models.Field[Any, Any], vendor: str) -> Codec:
    """Durations. Text goes to the database as it is, which reads ``04:30`` otherwise than Django does."""

    def convert(value: Any) -> dt.timedelta:
        return dt.timedelta(value.days, value.seconds, value.microseconds)

    return codec_of(dt.timedelta, convert, parse_duration)
