"""One model per kind of field that only PostgreSQL has; imported on that database only."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import (
    ArrayField,
    BigIntegerRangeField,
    DateRangeField,
    DateTimeRangeField,
    DecimalRangeField,
    HStoreField,
    IntegerRangeField,
)
from django.contrib.postgres.search import SearchVectorField
from django.contrib.postgres.signals import get_hstore_oids, register_type_handlers
from django.db import connections, models
from django.db.models.signals import pre_migrate
from django.dispatch import receiver


@receiver(pre_migrate, dispatch_uid="tests.testapp.hstore")
def create_hstore(using: str, **kwargs: Any) -> None:
    """The type must be there before the tables are."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    get_hstore_oids.cache_clear()  # type: ignore[attr-defined]  # an lru_cache, which the stubs do not say
    register_type_handlers(connection)


class IntegerArrayValue(models.Model):
    value = ArrayField(models.IntegerField(null=True), null=True)


class TextArrayValue(models.Model):
    value = ArrayField(models.CharField(max_length=10), null=True)


class NestedArrayValue(models.Model):
    value = ArrayField(ArrayField(models.DecimalField(max_digits=10, decimal_places=2)), null=True)


class MapValue(models.Model):
    value = HStoreField(null=True)


class IntegerRangeValue(models.Model):
    value = IntegerRangeField(null=True)


class BigIntegerRangeValue(models.Model):
    value = BigIntegerRangeField(null=True)


class DateRangeValue(models.Model):
    value = DateRangeField(null=True)


class DecimalRangeValue(models.Model):
    value = DecimalRangeField(null=True)


class DateTimeRangeValue(models.Model):
    value = DateTimeRangeField(null=True, default_bounds="[]")


class SearchValue(models.Model):
    value = SearchVectorField(null=True)
