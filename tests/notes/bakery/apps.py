"""Where the receivers of the examples are connected."""

from __future__ import annotations

# shown in the docs from here
from importlib import import_module

from django.apps import AppConfig


class BakeryConfig(AppConfig):
    """The bakery; its receivers are connected once, when Django starts."""

    name = "tests.notes.bakery"
    label = "bakery"

    def ready(self) -> None:
        """Importing the module connects its receivers."""
        import_module("tests.notes.bakery.receivers")
