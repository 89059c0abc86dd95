"""What the names stored in entries mean in the running project: the live model, its field, a key of the right type."""

from __future__ import annotations

from typing import Any, TypeAlias

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from auditlog.capture.registry import labels_of, registrations
from auditlog.naming import model_label

AnyField: TypeAlias = "models.Field[Any, Any]"


def live_model(label: str) -> type[models.Model] | None:
    """The model of that label, also by the label it had before it was renamed; None when it was removed."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return next((each.model for each in registrations() if label in each.labels), None)


def known_labels() -> dict[str, str]:
    """``{name in lower case: label of the entries}`` of the installed models; proxies and former names included."""
    models_now = apps.get_models()
    former = {label.lower(): label for model in models_now for label in labels_of(model)}
    return {**former, **{model._meta.label.lower(): model_label(model) for model in models_now}}


def live_field(model: type[models.Model] | None, name: str) -> AnyField | None:
    """The field of that name, or None when the model or the field was removed."""
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def key_field(field: AnyField) -> AnyField:
    """The field that really holds the key: a foreign key's or a multi-table child's points to another."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def clean_key(field: AnyField, value: Any) -> Any:
    """``value`` as a key that the database can be asked for, or None when it cannot be one."""
    target = key_field(field)
    try:
        return target.clean(value, None)
    except ValidationError:
        return None
