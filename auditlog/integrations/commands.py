"""Management commands: each run has a context with the command's name and the user of the operating system."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.management.base import BaseCommand

from auditlog import contexts
from auditlog.conf import settings


def install() -> None:
    """Wrap ``BaseCommand.execute``, for the context only; a second time changes nothing."""
    if not hasattr(BaseCommand.execute, "auditlog_original"):
        BaseCommand.execute = _in_context(BaseCommand.execute)  # type: ignore[method-assign]


def uninstall() -> None:
    """Put Django's own ``execute`` back, unless another package has wrapped ours."""
    original = getattr(BaseCommand.execute, "auditlog_original", None)
    if original is not None:
        BaseCommand.execute = original  # type: ignore[method-assign]


def _in_context(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def execute(self: BaseCommand, *args: Any, **options: Any) -> Any:
        name = type(self).__module__.rpartition(".")[2]
        user = os_user()
        actor = f"command:{name} (os user {user})" if user else f"command:{name}"
        runs_on = name in settings.LONG_RUNNING_COMMANDS or bool(options.get("watch"))
        with contexts.command(name, runs_on=runs_on, actor=actor, **({"os_user": user} if user else {})):
            return original(self, *args, **options)

    execute.auditlog_original = original  # type: ignore[attr-defined]
    return execute


def os_user() -> str:
    """The name of the operating system's user; empty in a container whose user has none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # which one depends on the platform and on Python's version
        return ""
