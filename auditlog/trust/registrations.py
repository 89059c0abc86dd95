"""What is recorded changes between two starts (fields included later, masks, models unregistered): that is recorded.

An EVENT entry ``auditlog.registration`` about the model tells the recorded fields and the masked ones, before and
after. It is written only for models of which the log already tells something: for others nothing becomes unclear.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import AppConfig, apps
from django.db import DatabaseError, connections, router, transaction
from django.db.models.signals import post_migrate

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registrations, registry
from auditlog.capture.relations import Relation
from auditlog.conf import settings
from auditlog.databases import entries_about
from auditlog.exceptions import RecordingError
from auditlog.models import Action, Entry
from auditlog.recording import Draft, record_entries
from auditlog.trust.replay import BASELINE, CREATE, is_link_change

logger = logging.getLogger("auditlog")

REGISTRATION, BASELINED = "auditlog.registration", "auditlog.baseline"
_LOOKED_AT = 1000
"""The newest entries of a model among which one that names every field is looked for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The names of a model's recorded fields and relations, and of those that are masked."""

    fields: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()
    links: frozenset[str] = field(default=frozenset(), compare=False)
    """Those of the fields that are many-to-many relations, where that is known."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A model whose registration is not what the log knows of it."""

    label: str
    before: Chosen
    now: Chosen

    def draft(self) -> Draft:
        """The entry-to-be that tells it."""
        return Draft(Action.EVENT, self.label, changes=told(self.before, self.now), event=REGISTRATION)


def told(before: Chosen, now: Chosen) -> dict[str, Any]:
    """The two choices as the changes of an entry."""
    return {
        "fields": [sorted(before.fields), sorted(now.fields)],
        "masked": [sorted(before.masked), sorted(now.masked)],
    }


def chosen(part: Registration | None) -> Chosen:
    """What is recorded of the model now; nothing while recording is switched off."""
    if part is None or not settings.ENABLED:
        return Chosen()
    links = frozenset(f.name for f in part.m2m if Relation(part, f).through not in registry.by_model)
    return Chosen(frozenset(f.name for f in part.fields) | links, part.masked, links)


def events_about(using: str, labels: Iterable[str], *names: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Id, name and changes of the events about models as such, newest first."""
    found = entries_about(using).filter(model__in=labels, object_id="", action=Action.EVENT, event__in=names)
    yield from found.order_by("-id").values_list("id", "event", "changes")


def last_chosen(using: str, labels: Iterable[str], now: Chosen) -> Chosen | None:
    """What the log tells of the registration: by its events, else by the newest entry that names every field."""
    labels = tuple(labels)
    for _id, _event, changes in events_about(using, labels, REGISTRATION, BASELINED):
        return Chosen(frozenset(changes["fields"][1]), frozenset(changes["masked"][1]))
    newest = entries_about(using).filter(model__in=labels).order_by("-id").values_list("id", "action")
    whole = next((number for number, action in newest[:_LOOKED_AT] if action in (CREATE, BASELINE)), None)
    if whole is None:
        return None
    changes = entries_about(using).values_list("changes", flat=True).get(pk=whole)
    return _of_entry(changes, now)


def _of_entry(changes: dict[str, Any], now: Chosen) -> Chosen:
    """What a create tells; empty masked fields and relations are not in it, and are taken to be as they are now."""
    masked = frozenset(name for name, change in changes.items() if change == {"masked": True})
    named = frozenset(name for name, change in changes.items() if not is_link_change(change))
    unseen = now.masked - named
    return Chosen(named | (unseen & now.fields) | now.links, masked | unseen, now.links)


def labels_in(using: str) -> Iterator[str]:
    """The labels of all models that entries name, one short query each."""
    label: str | None = ""
    while label is not None:
        following = entries_about(using).filter(model__gt=label).order_by("model")
        label = following.values_list("model", flat=True).first()
        if label is not None:
            yield label


def changed(using: str) -> Iterator[Changed]:
    """The models of the log whose registration differs from what the log knows of it."""
    of_label = {label: part for part in registrations() for label in part.labels}
    seen: set[str] = set()
    for label in labels_in(using):
        part = of_label.get(label)
        name = part.label if part else label
        if name in seen:
            continue
        seen.add(name)
        now = chosen(part)
        before = last_chosen(using, part.labels if part else (label,), now)
        if before is not None and before != now:
            yield Changed(name, before, now)


def record_changes(using: str) -> int:
    """Write an entry for every model whose registration changed since the log last told it; returns how many."""
    drafts = [each.draft() for each in changed(using)]
    record_entries(using, drafts)
    return len(drafts)


def on_post_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After ``migrate``: record what changed in the registrations; a failure is logged and stops no deployment."""
    if not router.allow_migrate_model(using, Entry):
        return
    if Entry._meta.db_table not in connections[using].introspection.table_names():
        return
    try:
        with transaction.atomic(using):
            record_changes(using)
    except (RecordingError, DatabaseError):
        logger.exception("auditlog: the change of registrations on database %r was not recorded", using)


def install() -> None:
    """Look at the registrations after every ``migrate``."""
    post_migrate.connect(on_post_migrate, sender=apps.get_app_config("auditlog"), dispatch_uid="auditlog.registrations")
