"""Field-aware values: what a column makes of a value, whether two values are equal, and how they look as JSON.

New kinds of fields go here, into the table of kinds or among the fields found by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models

from auditlog.capture import value_postgres, value_times, value_types
from auditlog.capture.value_base import Codec, Json, Unsettled
from auditlog.capture.value_custom import as_django, custom, geometry, is_custom
from auditlog.capture.value_json import dumps, json_field, storable

__all__ = ["Codec", "Json", "Unsettled", "codec_for", "dumps", "storable"]

_KINDS: tuple[tuple[type[models.Field[Any, Any]], Callable[[Any, str], Codec]], ...] = (
    (models.IntegerField, value_types.integer),
    (models.BooleanField, value_types.boolean),
    (models.CharField, value_types.text),
    (models.TextField, value_types.text),
    (models.FilePathField, value_types.text),
    (models.DecimalField, value_types.fixed),
    (models.FloatField, value_types.real),
    (models.UUIDField, value_types.uuid),
    (models.DateTimeField, value_times.moment),  # before DateField, which it derives from
    (models.DateField, value_times.date),
    (models.TimeField, value_times.time),
    (models.DurationField, value_times.duration),
    (models.BinaryField, value_types.binary),
    (models.FileField, value_types.file),
    (models.GenericIPAddressField, value_types.address),
    (models.JSONField, json_field),
)


def codec_for(field: models.Field[Any, Any], vendor: str) -> Codec:
    """The codec of one field on databases of one vendor (``connection.vendor``); compile it once and keep it."""
    if isinstance(field, models.ForeignKey):
        return _key_of(field, codec_for(field.target_field, vendor))
    if isinstance(field, models.GeneratedField):
        output: Any = field.output_field
        return codec_for(output, vendor)
    base = _by_kind(field, vendor) or _by_name(field, vendor)
    return custom(field, base) if base is None or is_custom(field) else base


def _key_of(field: models.ForeignKey[Any, Any], target: Codec) -> Codec:
    """A foreign key is its target's key, also where the object itself was put into the column's attribute."""

    def canonical(value: Any) -> Any:
        if isinstance(value, models.Model):
            value = getattr(value, field.target_field.attname)
        return target.canonical(value)

    return Codec(canonical, target.encode, target.decode, target.equal)


def _by_kind(field: models.Field[Any, Any], vendor: str) -> Codec | None:
    for kind, make in _KINDS:
        if isinstance(field, kind):
            return make(as_django(field, kind), vendor)
    return None


def _by_name(field: Any, vendor: str) -> Codec | None:
    """Fields whose modules need a driver or a library, known by name so that nothing is imported."""
    names = {f"{each.__module__}.{each.__qualname__}" for each in type(field).__mro__}
    if "django.contrib.postgres.fields.array.ArrayField" in names:
        return value_postgres.array(codec_for(field.base_field, vendor))
    if "django.contrib.postgres.fields.hstore.HStoreField" in names:
        return value_postgres.hstore(field)
    if "django.contrib.postgres.fields.ranges.RangeField" in names:
        return value_postgres.ranges(field, codec_for(field.base_field, vendor))
    if names & {"django.contrib.postgres.search.SearchVectorField", "django.contrib.postgres.search.SearchQueryField"}:
        return value_postgres.search()
    if "django.contrib.gis.db.models.fields.GeometryField" in names:
        return geometry(field)
    return None
