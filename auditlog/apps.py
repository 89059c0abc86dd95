"""Start-up: wires the parts together and does nothing else."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditlogConfig(AppConfig):
    """The app ``auditlog``."""

    name = "auditlog"
    verbose_name = _("Audit log")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Wrap the write paths, connect the receivers of the registered models and add the optional integrations."""
