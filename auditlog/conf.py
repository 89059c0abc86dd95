"""The settings of the app: one table of typed defaults, read when used, never cached or written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings as django_settings


class Settings:
    """Every key of the project's ``AUDITLOG`` dict with its default.

    Read as attributes (``settings.ENABLED``); the project's value wins over the default at the moment of reading, so
    ``override_settings`` works in tests. Keys that are not listed here are reported by check ``auditlog.E001``.
    """

    ENABLED: bool = True
    """Record at all. With ``False`` no receiver is connected and no query of ours runs, see [Testing](testing.md)."""

    MODELS: Mapping[str, Mapping[str, Any]] = {}
    """Models recorded without touching their code: ``{"auth.User": {...}, "shop.*": {}}``; the values are the
    arguments of ``auditlog.register``."""

    IGNORED_MODELS: Sequence[str] = ()
    """Models left unrecorded on purpose (``"shop.Draft"``, ``"shop.*"``), so that no check asks about them."""

    SECRET_WORDS: Sequence[str] = (
        "password", "passwd", "passphrase", "token", "secret", "key", "otp", "totp", "pin", "cvv", "cvc",
        "credential", "credentials", "apikey", "recovery",
    )  # fmt: skip
    """A field whose name holds one of these as a whole word is masked by default."""

    TRUSTED_PROXIES: Sequence[str] = ()
    """Networks of the proxies whose ``X-Forwarded-For`` is believed, for instance ``["10.0.0.0/8"]``; ``"unix"``
    trusts a proxy that connects by a Unix socket."""

    REQUEST_ID_HEADER: str = "X-Request-ID"
    """The request header kept as ``request_id`` in an entry's context."""

    CONTEXT_MAX_LENGTH: int = 500
    """Characters kept of each string in an entry's context."""

    LONG_RUNNING_COMMANDS: Sequence[str] = (
        "runserver", "testserver", "shell", "shell_plus", "dbshell", "test", "qcluster", "rqworker", "db_worker",
        "process_tasks", "runworker", "run_huey", "rundramatiq", "celery",
    )  # fmt: skip
    """Management commands that run on: their writes get one changeset per outermost transaction."""

    ADMIN_HISTORY: bool = True
    """Show the timeline on the *History* page of every registered model's admin."""

    UNRECORDED_WRITES: str | None = None
    """What happens to a statement that writes a recorded table past the log, raw SQL for instance: ``"ignore"``,
    ``"warn"`` or ``"raise"``; ``None`` warns when ``DEBUG`` is on and ignores otherwise. See
    [The tripwire](tripwire.md)."""

    PAGE_SIZE: int = 50
    """Entries on one page of the admin list and the API."""

    def __getattribute__(self, name: str) -> Any:
        default = object.__getattribute__(self, name)
        if not name.isupper():
            return default
        return getattr(django_settings, "AUDITLOG", {}).get(name, default)


settings = Settings()
