"""Where the things an entry names live in an admin site: pages of entries, objects and versions, for one user."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.utils import quote
from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from auditlog.models import Entry
from auditlog.query.access import VIEW, VIEW_ALL, Viewer, may_view_model
from auditlog.query.live import clean_key, live_model

ObjectName = tuple[str, str]


def may_see_model(user: Viewer, model: type[models.Model]) -> bool:
    """Whether the user may see the entries of a model: the rule of the query, asked about one model."""
    return user.has_perm(VIEW_ALL) or (user.has_perm(VIEW) and may_view_model(user, model))


@dataclass(frozen=True)
class AdminLinks:
    """Addresses in one admin site; an address is empty where there is no such page or the user may not open it."""

    request: HttpRequest
    site: AdminSite

    def to_list(self, **parameters: Any) -> str:
        """The list of entries with these filters."""
        if not self.site.is_registered(Entry):
            return ""
        address = reverse(f"{self.site.name}:auditlog_entry_changelist")
        return f"{address}?{urlencode(parameters)}" if parameters else address

    def to_timeline(self, entry: Entry) -> str:
        """All entries of the entry's object, which need not exist any more."""
        return self.to_list(model=entry.model, object=entry.object_id) if entry.object_id else ""

    def to_actor(self, entry: Entry) -> str:
        """All entries of the entry's actor: by id where there is one, because a name may be given twice."""
        return self.to_list(actor=entry.actor_id or entry.actor_repr) if entry.actor_id or entry.actor_repr else ""

    def to_entry(self, entry: Entry) -> str:
        """The entry's own page."""
        if not self.site.is_registered(Entry):
            return ""
        return reverse(f"{self.site.name}:auditlog_entry_change", args=(entry.pk,))

    def to_objects(self, entries: Iterable[Entry]) -> dict[ObjectName, str]:
        """The change pages of the entries' objects that still exist; one query for each model among them."""
        keys: dict[str, set[str]] = defaultdict(set)
        for entry in entries:
            if entry.object_id:
                keys[entry.model].add(entry.object_id)
        return {
            (label, key): address
            for label, wanted in keys.items()
            for key, address in self._change_pages(label, wanted).items()
        }

    def to_version(self, entry: Entry) -> str:
        """The page of the version that django-simple-history keeps for this change.

        The version says whose it is: the entry of a multi-table parent names the version of the child.
        """
        label, _, version = str(entry.context.get("history", "")).rpartition(":")
        model = getattr(live_model(label), "instance_type", None)
        if model is None or self._admin_of(model) is None:
            return ""
        try:
            return reverse(
                f"{self.site.name}:{model._meta.app_label}_{model._meta.model_name}_simple_history",
                args=(quote(entry.object_id), version),
            )
        except NoReverseMatch:
            return ""

    def _admin_of(self, model: type[models.Model]) -> ModelAdmin[Any] | None:
        """The model's admin, when the user may open its pages."""
        if not self.site.is_registered(model):
            return None
        model_admin = self.site.get_model_admin(model)
        return model_admin if model_admin.has_view_or_change_permission(self.request) else None

    def _change_pages(self, label: str, keys: set[str]) -> dict[str, str]:
        model = live_model(label)
        if model is None or self._admin_of(model) is None:
            return {}
        values = [value for key in keys if (value := clean_key(model._meta.pk, key)) is not None]
        alive = model._base_manager.filter(pk__in=values).values_list("pk", flat=True)
        name = f"{self.site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
        return {str(pk): reverse(name, args=(quote(str(pk)),)) for pk in alive}
