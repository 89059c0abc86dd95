"""Which tables are captured: those of registered models, through tables of recorded relations, historical models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from django.db import models

from auditlog.capture.registration import Registration, is_historical
from auditlog.capture.registry import Model, registrations, registry
from auditlog.capture.relations import LinkTable, Relation
from auditlog.naming import model_label


def tracked(model: Model) -> Registration | None:
    """The registration of the table that ``model`` writes, or None where nothing is to be captured."""
    concrete = model._meta.concrete_model or model
    found = registry.by_model.get(concrete) or registry.links.get(concrete)
    return _historical(concrete) if found is None and is_historical(concrete) else found


def chain(model: Model) -> Iterable[Registration]:
    """The captured tables that a save of ``model`` may write: its own, then its parents'."""
    concrete = model._meta.concrete_model or model
    for table in (concrete, *concrete._meta.get_parent_list()):
        part = tracked(table)
        if part is not None:
            yield part


_seen: WeakKeyDictionary[Model, Registration] = WeakKeyDictionary()


def _historical(model: Model) -> Registration | None:
    """The registration that a model had by its label at the time of a migration, with the fields it then had."""
    real = _by_label(model_label(model)) or _link_by_label(model_label(model))
    if real is None:
        return None
    known = _seen.get(model)
    if known is None or known.options is not real.options:
        known = _seen[model] = _made_like(real, model)
    return known


def _made_like(real: Registration, model: Model) -> Registration:
    everything: Any = _Everything()
    if not isinstance(real, LinkTable):
        return Registration(model, real.options, everything)
    relations = []
    for each in real.relations:
        owner = model._meta.apps.get_model(each.registration.label)
        part, field = tracked(owner), owner._meta.get_field(each.field.name)
        if part is not None and isinstance(field, models.ManyToManyField):
            relations.append(Relation(part, field))
    return LinkTable(model, real.options, everything, relations=relations)


def _by_label(label: str) -> Registration | None:
    return next((each for each in registrations() if label in each.labels), None)


def _link_by_label(label: str) -> Registration | None:
    return next((each for each in registry.links.values() if label == each.label), None)


class _Everything:
    """All registrations, those of historical models by their labels: what is masked depends on others."""

    def get(self, model: Model, default: Any = None) -> Registration | Any:
        """The registration of a model."""
        if not is_historical(model):
            return registry.by_model.get(model, default)
        return _seen.get(model) or _by_label(model_label(model)) or default
