"""Django's own tasks in a project with a queue in the database.

The settings are :mod:`tests.settings_tasks`; a worker is the command ``db_worker``.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import django
from django.contrib.auth.models import User
from django.test import RequestFactory

from auditlog import context, contexts
from tests.testapp.models import Tag

tasks: Any = import_module("django.tasks" if django.VERSION >= (6, 0) else "django_tasks")


@tasks.task
def write(word: str) -> None:
    Tag.objects.create(name=word)


@tasks.task
def fail(word: str) -> None:
    Tag.objects.create(name=word)
    raise LookupError(word)


@tasks.task(takes_context=True)
def relay(context: Any, word: str) -> None:
    """A task that starts another."""
    Tag.objects.create(name=word)
    write.using(backend=context.task_result.task.backend).enqueue(f"{word} again")


def queue(backend: str) -> None:
    """Two users start tasks, and nobody starts one; prints the tasks' ids as JSON."""
    ids = {}
    for name in ("ana", "bea"):
        request = RequestFactory().get("/", headers={"x-request-id": f"r-{name}"}, REMOTE_ADDR="192.0.2.7")
        request.user, _ = User.objects.get_or_create(username=name)
        with contexts.during(request), context(reason="why"):
            Tag.objects.create(name=f"{name} request")
            for task in (write, fail, relay):
                ids[f"{name} {task.name}"] = str(task.using(backend=backend).enqueue(f"{name} {task.name}").id)
            Tag.objects.create(name=f"{name} after")
    ids["nobody"] = str(write.using(backend=backend).enqueue("nobody").id)
    sys.stdout.write(json.dumps(ids))
