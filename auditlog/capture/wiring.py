"""Start-up of capture: settings into registrations, receivers for them, also for classes made later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.signals import setting_changed
from django.db import models
from django.db.models.fields.related import lazy_related_operation
from django.db.models.signals import class_prepared, pre_delete, pre_save

from auditlog.capture import receivers, writepaths
from auditlog.capture.registration import Registration
from auditlog.capture.registry import register, registrations, registry, relatives
from auditlog.capture.secrets import key_is_secret
from auditlog.conf import settings
from auditlog.exceptions import AppendOnlyError
from auditlog.models import Entry


@dataclass(frozen=True, slots=True)
class Chosen:
    """One model that a key of ``AUDITLOG["MODELS"]`` names or matches."""

    model: type[models.Model]
    options: Mapping[str, Any]
    wildcard: bool


def install() -> None:
    """Wrap the write paths, register what the settings name and connect the receivers."""
    writepaths.install()
    for chosen in from_settings():
        if not (chosen.wildcard and _decided(chosen.model)):
            register(chosen.model, **chosen.options)
    for registration in tuple(registry.by_model.values()):
        for relative in relatives(registration.model):  # classes that were not there yet when it was registered
            if relative not in registry.by_model:
                register(registration.model, **_arguments(registration))
                break
    registry.observe(_connect, receivers.disconnect)
    setting_changed.connect(on_setting_changed, dispatch_uid="auditlog")
    class_prepared.connect(on_class_prepared, dispatch_uid="auditlog")
    pre_save.connect(refuse_overwriting, sender=Entry, dispatch_uid="auditlog")
    pre_delete.connect(refuse_deleting, sender=Entry, dispatch_uid="auditlog")


def _connect(registration: Registration) -> None:
    """Connect the receivers, unless recording is off: Django asks and locks more where anybody listens."""
    if settings.ENABLED:
        receivers.connect(registration)


def on_setting_changed(setting: str, **kwargs: Any) -> None:
    """Tests turn recording on and off."""
    if setting == "AUDITLOG":
        for registration in registrations():
            (receivers.connect if settings.ENABLED else receivers.disconnect)(registration)


def _decided(model: type[models.Model]) -> bool:
    registration = registry.by_model.get(model)
    return registration is not None and not registration.options.derived


def _arguments(registration: Registration) -> dict[str, Any]:
    options = registration.options
    return {name: getattr(options, name) for name in options.__dataclass_fields__ if name != "derived"}


def from_settings() -> Iterator[Chosen]:
    """The models of ``AUDITLOG["MODELS"]``, wildcards first so that a model named in full has the last word.

    Unknown names are left to ``manage.py check``.
    """
    wanted = settings.MODELS
    for name, options in wanted.items():
        if name.endswith(".*"):
            for model in apps.get_models():
                if model._meta.app_label == name[:-2] and why_not_by_wildcard(model) is None:
                    yield Chosen(model, options, wildcard=True)
    for name, options in wanted.items():
        if not name.endswith(".*"):
            try:
                yield Chosen(apps.get_model(name), options, wildcard=False)
            except (LookupError, ValueError):
                continue


def is_history(model: type[models.Model]) -> bool:
    """Whether the model holds the versions of another one, as django-simple-history makes them."""
    names = {field.name for field in model._meta.fields}
    return {"history_id", "history_type"} <= names or {"m2m_history_id", "history"} <= names


_NOT_BY_WILDCARD: tuple[tuple[str, Callable[[type[models.Model]], bool]], ...] = (
    ("the log does not record itself", lambda model: model._meta.app_label == "auditlog"),
    ("a proxy is recorded with its concrete model", lambda model: bool(model._meta.proxy)),
    ("unmanaged", lambda model: not model._meta.managed),
    ("swapped for another model", lambda model: bool(model._meta.swapped)),
    ("recorded as the many-to-many relation it belongs to", lambda model: bool(model._meta.auto_created)),
    ("the history of another model", is_history),
    ("its primary key is a secret", key_is_secret),
    ("the migration table", lambda model: model._meta.label_lower == "migrations.migration"),
)


def why_not_by_wildcard(model: type[models.Model]) -> str | None:
    """Why a wildcard never matches this model, or None when it does."""
    return next((why for why, applies in _NOT_BY_WILDCARD if applies(model)), None)


def on_class_prepared(sender: type[models.Model], **kwargs: Any) -> None:
    """A class made after start-up: a proxy or a child of a registered model is recorded like it."""
    concrete = sender._meta.concrete_model or sender
    known = registry.by_model.get(concrete)
    if known is not None:
        if settings.ENABLED:
            receivers.connect_class(known, sender)
        return
    for parent in sender._meta.get_parent_list():
        if parent in registry.by_model and sender._meta.apps is apps:
            related: list[Any] = [field.remote_field.model for field in sender._meta.local_many_to_many]
            # its relations stand only when it and their targets are in the registry of models
            lazy_related_operation(partial(_register_again, parent), sender, *related)
            return


def _register_again(model: type[models.Model], *family: type[models.Model]) -> None:
    """Register the model as before, and with it what belongs to it by now."""
    register(model, **_arguments(registry.by_model[model]))


def refuse_overwriting(sender: type[Entry], instance: Entry, using: str, raw: bool, **kwargs: Any) -> None:
    """Refuse an entry whose id is taken, but for a fixture that brings the very entry that is there.

    Tests with ``serialized_rollback`` load what the migrations wrote into a database that may still hold it. JSON keeps
    milliseconds; the stored moment stays.
    """
    found = None if instance.pk is None else Entry.objects.using(using).filter(pk=instance.pk).first()
    if found is None:
        return
    if raw and _milliseconds(instance.recorded_at) == _milliseconds(found.recorded_at):
        instance.recorded_at = found.recorded_at
    if not raw or serializers.serialize("json", [found]) != serializers.serialize("json", [instance]):
        raise AppendOnlyError("saved over")


def _milliseconds(moment: dt.datetime | None) -> dt.datetime | None:
    return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def refuse_deleting(sender: type[Entry], **kwargs: Any) -> None:
    """Refuse to delete an entry."""
    raise AppendOnlyError("deleted")
