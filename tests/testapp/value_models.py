"""One model per kind of field, each with the one column ``value``, for the tests of values.

None of them is registered. Fields that only PostgreSQL has stand in :mod:`tests.testapp.postgres_models`. Longer than
most modules because it is a list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now


@dataclass(frozen=True)
class Money:
    """A wrapper that a field's ``from_db_value`` makes."""

    cents: int


class MoneyField(models.IntegerField):  # type: ignore[type-arg]  # Django's fields take no subscript at run time
    """Wraps on reading, unwraps on writing, and prints in its own way."""

    def from_db_value(self, value: int | None, expression: Any, connection: Any) -> Money | None:
        """Wrap."""
        return None if value is None else Money(value)

    def to_python(self, value: Any) -> Money | None:
        """Wrap what forms and fixtures hold."""
        return value if value is None or isinstance(value, Money) else Money(int(value))

    def get_prep_value(self, value: Any) -> int | None:
        """Unwrap."""
        return value.cents if isinstance(value, Money) else super().get_prep_value(value)


class PriceField(models.DecimalField):  # type: ignore[type-arg]
    """Money again, in a column that rounds."""

    def from_db_value(self, value: Decimal | None, expression: Any, connection: Any) -> Money | None:
        """Wrap."""
        return self.to_python(value)

    def to_python(self, value: Any) -> Money | None:
        """Wrap."""
        return value if value is None or isinstance(value, Money) else Money(int(Decimal(value) * 100))

    def get_prep_value(self, value: Any) -> Decimal | None:
        """Unwrap."""
        return Decimal(value.cents) / 100 if isinstance(value, Money) else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Unwrap."""
        return self.get_prep_value(value)


class Opaque:
    """A wrapper that compares by identity and says nothing of itself."""

    def __init__(self, text: str | None) -> None:
        self.text = text


class OpaqueField(models.TextField):  # type: ignore[type-arg]
    """A field whose ``to_python`` refuses everything, the values that it reads included."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Opaque | None:
        """Wrap."""
        return None if value is None else Opaque(value)

    def to_python(self, value: Any) -> Any:
        """Refuse."""
        raise ValidationError(f"no {type(value).__name__}, please")

    def get_prep_value(self, value: Any) -> Any:
        """Unwrap."""
        return value.text if isinstance(value, Opaque) else value


class ReversedField(models.TextField):  # type: ignore[type-arg]
    """Stores its text backwards, in the last step before the database (as fields that encrypt do)."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        """Turn round."""
        return None if value is None else value[::-1]

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Turn round."""
        return None if value is None else str(value)[::-1]


class PairField(models.JSONField):
    """A tuple of two, kept as JSON."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> tuple[Any, ...] | None:
        """Make the list a tuple."""
        return None if value is None else tuple(json.loads(value))


class BigIntegerValue(models.Model):
    value = models.BigIntegerField(null=True)


class IntegerValue(models.Model):
    value = models.IntegerField(null=True)


class SmallIntegerValue(models.Model):
    value = models.SmallIntegerField(null=True)


class PositiveBigIntegerValue(models.Model):
    value = models.PositiveBigIntegerField(null=True)


class PositiveIntegerValue(models.Model):
    value = models.PositiveIntegerField(null=True)


class PositiveSmallIntegerValue(models.Model):
    value = models.PositiveSmallIntegerField(null=True)


class BooleanValue(models.Model):
    value = models.BooleanField(null=True)


class CharValue(models.Model):
    value = models.CharField(max_length=10, null=True)


class SlugValue(models.Model):
    value = models.SlugField(null=True)


class EmailValue(models.Model):
    value = models.EmailField(null=True)


class UrlValue(models.Model):
    value = models.URLField(null=True)


class TextValue(models.Model):
    value = models.TextField(null=True)


class FilePathValue(models.Model):
    value = models.FilePathField(path="/", null=True)


class DecimalValue(models.Model):
    value = models.DecimalField(max_digits=10, decimal_places=2, null=True)


class WideDecimalValue(models.Model):
    """More digits than SQLite keeps."""

    value = models.DecimalField(max_digits=30, decimal_places=10, null=True)


class FloatValue(models.Model):
    value = models.FloatField(null=True)


class UuidValue(models.Model):
    value = models.UUIDField(null=True)


class DateValue(models.Model):
    value = models.DateField(null=True)


class DateTimeValue(models.Model):
    value = models.DateTimeField(null=True)


class TimeValue(models.Model):
    value = models.TimeField(null=True)


class DurationValue(models.Model):
    value = models.DurationField(null=True)


class BinaryValue(models.Model):
    value = models.BinaryField(null=True)


class FileValue(models.Model):
    value = models.FileField(upload_to="values", null=True)


class AddressValue(models.Model):
    value = models.GenericIPAddressField(null=True)


class JsonValue(models.Model):
    value = models.JSONField(null=True)


class EncodedJsonValue(models.Model):
    """JSON with the project's own encoder."""

    value = models.JSONField(encoder=DjangoJSONEncoder, null=True)


class LinkValue(models.Model):
    """A foreign key to a text key."""

    value = models.ForeignKey("LinkTarget", on_delete=models.CASCADE, null=True, db_constraint=False)


class LinkTarget(models.Model):
    code = models.UUIDField(primary_key=True)


class ChainValue(models.Model):
    """A foreign key to a key that is itself a one-to-one relation."""

    value = models.ForeignKey("ChainLink", on_delete=models.CASCADE, null=True, db_constraint=False)


class ChainLink(models.Model):
    target = models.OneToOneField(LinkTarget, on_delete=models.CASCADE, primary_key=True)


class GeneratedValue(models.Model):
    base = models.DecimalField(max_digits=10, decimal_places=2)
    value = models.GeneratedField(
        expression=models.F("base") * 2,
        output_field=models.DecimalField(max_digits=12, decimal_places=2),
        db_persist=True,
    )


class DefaultValue(models.Model):
    """The database gives the value."""

    value = models.DateTimeField(db_default=Now())


class MoneyValue(models.Model):
    value = MoneyField(null=True)


class OpaqueValue(models.Model):
    value = OpaqueField(null=True)


class ReversedValue(models.Model):
    value = ReversedField(null=True)


class PriceValue(models.Model):
    value = PriceField(max_digits=10, decimal_places=2, null=True)


class PairValue(models.Model):
    value = PairField(null=True)
