"""Random rows of the zoo: values that the columns take, among them such as the database changes on their way."""

from __future__ import annotations

import uuid
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction

from auditlog.capture.registry import registrations
from tests.testapp.models import Shelf

_NOT_HERE = {"gauge", "contract", "lenient", "payment", "card", "plain", "recorded"}
"""Captured from memory, with a reason, without errors, with keys that cannot be compared, and those of benchmarks."""

NAMES = [*(f"n{number}" for number in range(9)), "spare"]
"""What unique names are made of; a shelf called "spare" takes the place of those that are deleted."""

_TEXTS = ["", "a", "A", "b ", "Ünï", "漢字", "0", "x y", "'; --", "%s"]
_NUMBERS: list[Any] = [0, 1, 2, 7, 31, "5", True]
_DECIMALS: list[Any] = ["1.005", Decimal("2.665"), 3, Decimal("0.1"), "10", Decimal("-4.5")]
_DOCUMENTS: list[Any] = [{}, {"a": 1}, {"a": 1.5}, [1, None], {"b": {"c": [True, "x"]}}, "text", 7, {"a": "\u00e9"}]


def zoo() -> list[type[models.Model]]:
    """The recorded models of the tests that the oracle writes."""
    return [
        each.model
        for each in registrations()
        if each.model.__module__ == "tests.testapp.models" and each.model._meta.model_name not in _NOT_HERE
    ]


def some(model: type[models.Model], rng: Random, using: str) -> Any:
    """A stored object, or None where there is none."""
    keys = list(model._base_manager.using(using).order_by("pk").values_list("pk", flat=True)[:50])
    return model._base_manager.using(using).filter(pk=rng.choice(keys)).first() if keys else None


def value_for(field: models.Field[Any, Any], rng: Random, using: str) -> Any:
    """A value for one field."""
    if isinstance(field, models.ForeignKey):
        return _key_for(field, rng, using)
    if isinstance(field, models.UUIDField):
        return uuid.UUID(int=rng.getrandbits(128), version=4)
    if isinstance(field, models.CharField) and (field.unique or field.primary_key):
        return rng.choice(NAMES)
    for kind, values in _POOLS:
        if isinstance(field, kind):
            return rng.choice(values)
    raise LookupError(f"no values for {field!r}")


_POOLS: tuple[tuple[type[models.Field[Any, Any]], list[Any]], ...] = (
    (models.FileField, ["", "a.pdf", "b/c.pdf"]),
    (models.TextField, _TEXTS),
    (models.CharField, _TEXTS),
    (models.JSONField, _DOCUMENTS),
    (models.DecimalField, _DECIMALS),
    (models.IntegerField, _NUMBERS),
)


def _key_for(field: models.ForeignKey[Any, Any], rng: Random, using: str) -> Any:
    target = field.related_model
    if target is ContentType:
        return ContentType.objects.db_manager(using).get_for_model(rng.choice(zoo())).pk
    if field.null and rng.random() < 0.3:
        return None
    found = some(target, rng, using)
    if found is None and field.null:
        return None
    if found is None:
        found = target._base_manager.using(using).create(**values(target, rng, using))
    return getattr(found, field.target_field.attname)


def editable(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The fields that a caller may set: not generated, automatic, or the keys that the database makes."""
    return [
        f
        for f in model._meta.concrete_fields
        if not f.generated
        and not getattr(f, "auto_now", False)
        and not isinstance(f, (models.AutoField, models.CompositePrimaryKey))
        and not (f.is_relation and getattr(f.remote_field, "parent_link", False))
        and not f.has_db_default()
    ]


def values(model: type[models.Model], rng: Random, using: str) -> dict[str, Any]:
    """Values for a new row."""
    return {f.attname: value_for(f, rng, using) for f in editable(model)}


def changes(model: type[models.Model], rng: Random, using: str) -> dict[str, Any]:
    """Values for some fields of an existing row; never its key."""
    fields = [f for f in editable(model) if f not in model._meta.pk_fields]
    chosen = rng.sample(fields, rng.randint(1, len(fields))) if fields else []
    return {f.name: value_for(f, rng, using) for f in chosen}


def assign(obj: models.Model, given: dict[str, Any]) -> None:
    """Set the fields of an object, foreign keys by their keys."""
    for name, value in given.items():
        field: Any = obj._meta.get_field(name)
        setattr(obj, field.attname, value)


def fill(rng: Random, using: str) -> None:
    """Some rows for each model, a spare shelf among them."""
    Shelf.objects.using(using).create(name="spare")
    for model in zoo():
        for _ in range(2):
            with suppress(IntegrityError), transaction.atomic(using):
                model._base_manager.using(using).create(**values(model, rng, using))
