"""Django's own tasks: the signals open a context around each run, and what is known goes along where there is a place.

Neither ``Task`` nor ``TaskResult`` has a place for more than the task's arguments. A task that runs where it is queued
finds the open context; django-tasks-db keeps the arguments as one JSON object, in which ours stands beside them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import pre_save

from auditlog.carrying import enter_task, leave_task, pack_context

STORED = "auditlog"
"""The key beside ``args`` and ``kwargs``."""


def install(package: str = "django.tasks") -> None:
    """Connect to the signals of ``django.tasks``, or of its backport ``django_tasks``; twice changes nothing."""
    signals: Any = import_module(f"{package}.signals")
    signals.task_started.connect(_started, dispatch_uid="auditlog.started")
    signals.task_finished.connect(_finished, dispatch_uid="auditlog.finished")
    for rows in _rows():
        pre_save.connect(_stored, sender=rows, dispatch_uid="auditlog.stored")


def uninstall(package: str = "django.tasks") -> None:
    """Disconnect again."""
    signals: Any = import_module(f"{package}.signals")
    signals.task_started.disconnect(dispatch_uid="auditlog.started")
    signals.task_finished.disconnect(dispatch_uid="auditlog.finished")
    for rows in _rows():
        pre_save.disconnect(sender=rows, dispatch_uid="auditlog.stored")


def _rows() -> list[type[Model]]:
    """The model of the queue in the database, where the project has that app."""
    configs = [config for config in apps.get_app_configs() if config.name == "django_tasks_db"]
    return [config.get_model("DBTaskResult") for config in configs]


def _stored(instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """A new row of the queue gets the context into the column of its arguments, of which a worker reads two keys."""
    if instance._state.adding and not raw and (packed := pack_context(str(instance.pk))):
        instance.args_kwargs = {**instance.args_kwargs, STORED: packed}


def _started(sender: Any, task_result: Any, **kwargs: Any) -> None:
    enter_task(_brought(sender, task_result), task=task_result.task.module_path, task_id=str(task_result.id))


def _brought(sender: Any, task_result: Any) -> Any:
    """What came along: the context still open here, what the queue's row holds, or nothing.

    A worker sends the signal as the back end itself, others as its class.
    """
    backend = sender if isinstance(sender, type) else type(sender)
    if any(each.__name__ == "ImmediateBackend" for each in backend.__mro__):
        return pack_context()
    stored = getattr(getattr(task_result, "db_result", None), "args_kwargs", None)
    return stored.get(STORED) if isinstance(stored, dict) else None


def _finished(task_result: Any, **kwargs: Any) -> None:
    leave_task(str(task_result.id))
