"""Connects the receiver that both apps share."""

from __future__ import annotations

# shown in the docs from here
from django.apps import AppConfig

from tests.notes import common


class LibraryConfig(AppConfig):
    """The library; it also connects what it shares with the bakery."""

    name = "tests.notes.library"
    label = "library"

    def ready(self) -> None:
        """All models are known now."""
        common.connect()
