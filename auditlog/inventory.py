"""The inventory: for every model and field, whether it is recorded, masked, excluded or unregistered, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registration_for
from auditlog.capture.wiring import why_not_by_wildcard


@dataclass(frozen=True, slots=True)
class Item:
    """One line: a model (``field`` empty) or one of its fields."""

    model: str
    field: str
    status: str
    why: str


def inventory() -> Iterator[Item]:
    """Every model of the project, each followed by its fields where it is registered."""
    for model in sorted(apps.get_models(), key=lambda each: each._meta.label_lower):
        if model._meta.proxy:
            continue
        registration = registration_for(model)
        if registration is None:
            yield Item(model._meta.label, "", "unregistered", why_not_by_wildcard(model) or "nobody registered it")
            continue
        why = "relative of a registered model" if registration.options.derived else "registered"
        yield Item(model._meta.label, "", "recorded", why)
        yield from _fields(model, registration)


def _fields(model: type[models.Model], registration: Registration) -> Iterator[Item]:
    recorded = {f.name for f in (*registration.fields, *registration.m2m)}
    for field in (*model._meta.local_concrete_fields, *model._meta.local_many_to_many):
        if field.name not in recorded:
            yield Item(model._meta.label, field.name, "excluded", "left out by include=, exclude= or m2m=")
        elif field.name in registration.masked:
            why = "chosen by mask=" if field.name in registration.options.mask else "its name is a secret's"
            yield Item(model._meta.label, field.name, "masked", why)
        else:
            yield Item(model._meta.label, field.name, "recorded", "quiet" if field.name in registration.quiet else "")
