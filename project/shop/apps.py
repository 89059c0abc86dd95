"""The app ``shop``."""

from __future__ import annotations

from django.apps import AppConfig

import auditlog


class ShopConfig(AppConfig):
    """The shop; at start-up it registers by call what is not registered by decorator or settings."""

    name = "project.shop"
    label = "shop"
    verbose_name = "Shop"

    def ready(self) -> None:
        """Register the tags, as a project does with a model whose code it does not want to touch."""
        auditlog.register(self.get_model("Tag"))
