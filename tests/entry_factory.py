"""Entries made by hand, for tests of the ways out that need no capture."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.models import Permission, User

from auditlog.models import Action, Entry

NOON = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
CHANGESET = uuid.UUID("01890000-0000-7000-8000-000000000001")


def make_entry(**values: Any) -> Entry:
    """An entry: the update of a product's price, unless ``values`` say otherwise."""
    defaults: dict[str, Any] = {
        "recorded_at": NOON,
        "action": Action.UPDATE,
        "model": "testapp.product",
        "object_id": "1",
        "object_repr": "Lamp",
        "changes": {"price": ["10.00", "12.00"]},
        "actor_repr": "ana",
        "changeset": CHANGESET,
    }
    return Entry.objects.create(**{**defaults, **values})


def make_user(name: str, *permissions: str, **values: Any) -> User:
    """A member of the staff with the permissions ``app_label.codename``; fresh, so that no permission is cached."""
    user = User.objects.create_user(name, password="secret", **{"is_staff": True, **values})
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return User.objects.get(pk=user.pk)
