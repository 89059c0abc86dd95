"""An app that registers every model of every test app of Django's, as they come."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.db import models
from django.db.models.fields.related import lazy_related_operation
from django.db.models.signals import class_prepared

NOT_RECORDED = ("auditlog", "contenttypes")


class EverythingConfig(AppConfig):
    """Registers all models there are, and those that tests make later."""

    name = "tests.django_suite"
    label = "everything"

    def ready(self) -> None:
        """Called by ``runtests.py`` anew for every set of installed apps."""
        for model in apps.get_models():
            record(model)
        class_prepared.connect(on_class_prepared, dispatch_uid="everything")
        import_module("tests.django_suite.statements").install()  # needs models, which are there only now


def on_class_prepared(sender: type[models.Model], **kwargs: Any) -> None:
    """A model that a test makes, once the models it points at are there; before start-up is over ``ready`` comes."""
    if apps.ready and sender._meta.apps is apps:
        targets: list[Any] = [field.remote_field.model for field in sender._meta.local_many_to_many]
        lazy_related_operation(record, sender, *targets)


def record(model: type[models.Model], *targets: type[models.Model]) -> None:
    """Register the model, unless it has no table of its own or is registered already."""
    registry = import_module("auditlog.capture.registry")
    meta = model._meta
    if meta.proxy or meta.swapped or not meta.managed or meta.app_label in NOT_RECORDED:
        return
    known = registry.registry.by_model.get(model)
    if known is None or known.options.derived:
        registry.register(model)
