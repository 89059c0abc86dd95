"""Start-up: wires the parts together and does nothing else."""

from __future__ import annotations

import sys

from django import VERSION
from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AuditlogConfig(AppConfig):
    """The app ``auditlog``."""

    name = "auditlog"
    verbose_name = _("Audit log")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Wrap the write paths, connect the receivers of the registered models and add the optional integrations."""
        from auditlog import checks
        from auditlog.capture import tripwire, wiring
        from auditlog.integrations import auth, commands, migrations
        from auditlog.trust import registrations

        wiring.install()
        tripwire.install()
        commands.install()
        migrations.install()
        registrations.install()
        auth.install()
        checks.install()
        if apps.is_installed("django.contrib.admin"):
            from auditlog.integrations import admin_history

            admin_history.install()
        if apps.is_installed("simple_history"):
            from auditlog.integrations import simple_history

            simple_history.install()
        if VERSION >= (6, 0):
            from auditlog.integrations import tasks

            tasks.install("django.tasks")
        if apps.is_installed("django_tasks"):
            from auditlog.integrations import tasks

            tasks.install("django_tasks")
        if "celery" in sys.modules:  # the project uses it; one that merely has it installed must not pay for it
            from auditlog.integrations import celery

            celery.install()
