"""django-simple-history beside the log: every entry names the version of the same change, and both share the reason.

simple-history makes its version in receivers of its own, connected before ours when the model class was made. Its
signals tell us which version it made while the write is still in progress.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.signals import class_prepared, post_save
from simple_history.signals import post_create_historical_record, pre_create_historical_record

from auditlog import contexts
from auditlog.capture.notes import note
from auditlog.capture.registry import registration_for
from auditlog.conf import settings
from auditlog.databases import entries_about
from auditlog.models import Action
from auditlog.recording import Draft, is_paused, record_entries

REASON_EVENT = "auditlog.reason"
"""The event recorded when a version gets its reason after its entry was written."""


def install() -> None:
    """Listen to simple-history; a second call does nothing."""
    pre_create_historical_record.connect(give_reason, dispatch_uid="auditlog")
    post_create_historical_record.connect(note_version, dispatch_uid="auditlog")
    class_prepared.connect(watch_versions, dispatch_uid="auditlog.simple_history")
    for model in apps.get_models():
        watch_versions(model)


def uninstall() -> None:
    """Listen no longer."""
    pre_create_historical_record.disconnect(dispatch_uid="auditlog")
    post_create_historical_record.disconnect(dispatch_uid="auditlog")
    class_prepared.disconnect(dispatch_uid="auditlog.simple_history")
    for model in apps.get_models():
        post_save.disconnect(sender=model, dispatch_uid="auditlog.simple_history")


def reference(version: models.Model) -> str:
    """How an entry's context names a version: ``app_label.historicalmodel:history_id``."""
    return f"{version._meta.label_lower}:{version.pk}"


def give_reason(history_instance: Any, **kwargs: Any) -> None:
    """Fill the version's reason from ``auditlog.context(reason=...)`` where it has none."""
    reason = _given_reason()
    if settings.ENABLED and reason and not history_instance.history_change_reason:
        history_instance.history_change_reason = _fitting(history_instance, reason)


def note_version(instance: models.Model, history_instance: Any, **kwargs: Any) -> None:
    """Let the entry of this write name the version, and take over its reason where none is given."""
    reason = "" if _given_reason() else history_instance.history_change_reason or ""
    note(instance, reason=reason, history=reference(history_instance))


def watch_versions(sender: type[models.Model], **kwargs: Any) -> None:
    """Notice when a version of this class gets its reason later: ``update_change_reason``, the admin's version form."""
    if is_version(sender):
        post_save.connect(record_late_reason, sender=sender, dispatch_uid="auditlog.simple_history")


def is_version(model: type[models.Model]) -> bool:
    """Whether simple-history made this model to hold the versions of another."""
    return hasattr(model, "instance_type") and hasattr(model, "history_change_reason")


def record_late_reason(instance: Any, created: bool, raw: bool, using: str, **kwargs: Any) -> None:
    """Record the new reason of a version that stands already: its entry cannot be written over."""
    registration = registration_for(instance.instance_type)
    if created or raw or registration is None or not settings.ENABLED or is_paused():
        return
    key = registration.key(getattr(instance, registration.model._meta.pk.attname))
    reason = instance.history_change_reason or ""
    if reason and reason != _recorded_reason(instance, registration.label, key, using):
        facts = {"history": reference(instance)}
        draft = Draft(Action.EVENT, registration.label, key, event=REASON_EVENT, reason=reason, facts=facts)
        record_entries(using, [draft], on_error=registration.options.on_error)


def _recorded_reason(version: models.Model, label: str, key: str, using: str) -> str:
    """The reason that the log knows for this version, as far as the version's column can hold it."""
    entries = entries_about(using).filter(model=label, object_id=key, context__history=reference(version))
    return _fitting(version, entries.order_by("-pk").values_list("reason", flat=True).first() or "")


def _given_reason() -> str:
    context = contexts.current()
    return "" if context is None else context.reason


def _fitting(version: Any, reason: str) -> str:
    """The reason, cut where the version's column is too short for it."""
    length: int | None = version._meta.get_field("history_change_reason").max_length
    return reason if length is None or len(reason) <= length else f"{reason[: length - 1]}…"
