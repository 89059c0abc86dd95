"""One receiver for several apps."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import post_save

APPS = ("bakery", "library")

to_index: set[tuple[str, Any]] = set()
"""What the search index has to read again: model and primary key."""


def note_for_index(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    """The receiver: it knows nothing of cakes or books."""
    to_index.add((sender._meta.label_lower, instance.pk))


def connect() -> None:
    """Connect the receiver to every model of these apps, by name; a second call changes nothing."""
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            post_save.connect(note_for_index, sender=model, dispatch_uid=f"common.{model._meta.label_lower}")
