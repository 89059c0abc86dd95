"""System checks: each has an id, one sentence and a hint that names the fix."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import models
from django.db.models.deletion import Collector
from django.db.models.sql import UpdateQuery

from auditlog.capture.options import make_options
from auditlog.capture.registration import Registration
from auditlog.capture.registry import registrations
from auditlog.capture.wiring import is_history
from auditlog.checks_databases import check_databases, check_missing_entries, check_separate_log, check_tables
from auditlog.checks_leftovers import check_leftovers
from auditlog.conf import Settings, settings
from auditlog.exceptions import RegistrationError

_SIGNATURES = {
    (models.Model, "save_base"): ["self", "raw", "force_insert", "force_update", "using", "update_fields"],
    (Collector, "delete"): ["self"],
    (models.QuerySet, "update"): ["self", "kwargs"],
    (models.QuerySet, "bulk_create"): [
        "self", "objs", "batch_size", "ignore_conflicts", "update_conflicts", "update_fields", "unique_fields",
    ],
    (models.QuerySet, "_raw_delete"): ["self", "using"],
    (UpdateQuery, "update_batch"): ["self", "pk_list", "values", "using"],
}  # fmt: skip

_UNRECORDED_WRITES = ("ignore", "warn", "raise", None)


def install() -> None:
    """Register the checks; called once at start-up."""
    for check in (check_settings, check_models, check_registrations, check_verbs, check_project):
        register(check, "auditlog")
    for check in (check_databases, check_tables, check_separate_log, check_missing_entries, check_leftovers):
        register(check, Tags.database)


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E001: unknown keys in ``AUDITLOG``; E011: a wrong value of ``UNRECORDED_WRITES``."""
    known = [name for name in vars(Settings) if name.isupper()]
    for name in getattr(django_settings, "AUDITLOG", {}):
        if name not in known:
            yield Error(
                f"AUDITLOG has the unknown key {name!r}.",
                hint=f"Known keys: {', '.join(sorted(known))}.",
                id="auditlog.E001",
            )
    if settings.UNRECORDED_WRITES not in _UNRECORDED_WRITES:
        yield Error(
            f"AUDITLOG['UNRECORDED_WRITES'] is {settings.UNRECORDED_WRITES!r}.",
            hint='Write "ignore", "warn" or "raise"; None warns when DEBUG is on and ignores otherwise.',
            id="auditlog.E011",
        )


def check_models(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E002: unknown models in ``AUDITLOG["MODELS"]``; E003: wrong options there."""
    for name, options in settings.MODELS.items():
        yield from _check_name(name)
        try:
            make_options(dict(options))
        except RegistrationError as error:
            yield Error(f"AUDITLOG['MODELS'][{name!r}]: {error}", id="auditlog.E003")


def _check_name(name: str) -> Iterator[CheckMessage]:
    try:
        if name.endswith(".*"):
            apps.get_app_config(name[:-2])
        else:
            apps.get_model(name)
    except (LookupError, ValueError):
        yield Error(
            f"AUDITLOG['MODELS'] names {name!r}, which is no installed model or app.",
            hint='Write "app_label.ModelName", or "app_label.*" for all models of an app.',
            id="auditlog.E002",
        )


def check_registrations(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E004: options that name fields which do not exist; E005: ``include`` and ``exclude`` together."""
    for registration in registrations():
        if registration.options.derived:
            continue
        options = registration.options
        names = {f.name for f in registration.model._meta.get_fields()}
        for option in ("include", "exclude", "mask", "m2m", "quiet"):
            for name in getattr(options, option) or ():
                if name.removeprefix("-") not in names:
                    yield _unknown_field(registration, option, name, names)
        if options.include is not None and options.exclude:
            yield Error(
                f"{registration.label} is registered with both include= and exclude=.",
                hint="Give the one that is shorter.",
                obj=registration.model,
                id="auditlog.E005",
            )


def _unknown_field(registration: Registration, option: str, name: str, names: set[str]) -> CheckMessage:
    return Error(
        f"{registration.label} is registered with {option}={name!r}, which is none of its fields.",
        hint=f"Its fields: {', '.join(sorted(names))}.",
        obj=registration.model,
        id="auditlog.E004",
    )


def check_verbs(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E006: a Django whose write paths take other arguments than those that are wrapped."""
    for (owner, name), expected in _SIGNATURES.items():
        found = list(inspect.signature(inspect.unwrap(owner.__dict__[name])).parameters)
        if found != expected:
            yield Error(
                f"{owner.__name__}.{name} of this Django takes {', '.join(found)}; the audit log knows it with "
                f"{', '.join(expected)}.",
                hint="Install a version of django-signal-auditlog that supports this Django.",
                id="auditlog.E006",
            )


def check_project(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E007: django-auditlog installed too; W001: no middleware; W002: models nobody decided about."""
    if _other_distribution():
        yield Error(
            "django-auditlog is installed too; both packages install a folder 'auditlog' and overwrite each other.",
            hint="Uninstall django-auditlog, then reinstall django-signal-auditlog.",
            id="auditlog.E007",
        )
    if "auditlog.middleware.AuditlogMiddleware" not in django_settings.MIDDLEWARE:
        yield CheckWarning(
            "The audit log's middleware is not installed: entries will not say which request and user made a change.",
            hint='Add "auditlog.middleware.AuditlogMiddleware" to MIDDLEWARE, after the authentication middleware.',
            id="auditlog.W001",
        )
    if undecided := undecided_models():
        yield CheckWarning(
            f"Nobody decided whether these models are recorded: {', '.join(undecided)}.",
            hint="Register them, or list them in AUDITLOG['IGNORED_MODELS']; see 'manage.py auditlog_inventory'.",
            id="auditlog.W002",
        )


def undecided_models() -> list[str]:
    """Models of the project's own code that are neither registered nor listed in ``IGNORED_MODELS``."""
    decided = {registration.model for registration in registrations()}
    ignored = {name.lower() for name in settings.IGNORED_MODELS}
    return sorted(
        model._meta.label
        for model in apps.get_models()
        if model not in decided
        and model._meta.managed
        and not model._meta.proxy
        and model._meta.label_lower not in ignored
        and f"{model._meta.app_label}.*" not in ignored
        and not _is_library(model)
        and not is_history(model)
    )


def _is_library(model: type[models.Model]) -> bool:
    """Whether the model comes from an installed package rather than from the project."""
    path = apps.get_app_config(model._meta.app_label).path.replace("\\", "/")
    return "/site-packages/" in path or "/dist-packages/" in path or model._meta.app_label == "auditlog"


def _other_distribution() -> bool:
    try:
        importlib.metadata.distribution("django-auditlog")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
