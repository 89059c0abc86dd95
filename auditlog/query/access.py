"""Who may see what, the same in all ways out.

An entry is seen with ``auditlog.view_entry`` and the view (or change) permission of the entry's model, or with
``auditlog.view_all_entries``: the auditor's role, which needs no rights on live data and sees removed models and events
about no object too.
"""

from __future__ import annotations

from typing import Protocol

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import models

from auditlog.capture.registry import labels_of
from auditlog.query.querysets import EntryQuerySet

VIEW = "auditlog.view_entry"
VIEW_ALL = "auditlog.view_all_entries"


class Viewer(Protocol):
    """What is asked of a user; Django's user models and AnonymousUser answer it."""

    @property
    def is_active(self) -> bool:
        """Whether the account is open."""
        ...

    def has_perm(self, perm: str, /) -> bool:
        """Whether the user has the permission ``app_label.codename``."""
        ...


def may_see_log(user: Viewer) -> bool:
    """Whether the log is open to this user at all: active, staff, and one of the two permissions."""
    staff = user.is_active and getattr(user, "is_staff", False)
    return bool(staff and (user.has_perm(VIEW_ALL) or user.has_perm(VIEW)))


def visible_to(queryset: EntryQuerySet, user: Viewer) -> EntryQuerySet:
    """The entries that this user may see."""
    if user.has_perm(VIEW_ALL):
        return queryset
    if not user.has_perm(VIEW):
        return queryset.none()
    seen = [label for model in apps.get_models() if may_view_model(user, model) for label in labels_of(model)]
    return queryset.filter(model__in=sorted(set(seen)))


def may_view_model(user: Viewer, model: type[models.Model]) -> bool:
    """Whether the user may view the rows of a model; as in Django's admin, who may change may view."""
    options = (model._meta.concrete_model or model)._meta
    names = (f"{options.app_label}.{get_permission_codename(verb, options)}" for verb in ("view", "change"))
    return any(user.has_perm(name) for name in names)
