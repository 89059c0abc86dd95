"""Settings of workers: those of the tests, with a queue for Django's own tasks in the database.

On Django 5.2 these tasks are the backport's. There is one database, the one of the test that started the worker.
"""

from __future__ import annotations

import django

from tests.settings import *  # noqa: F403 - these settings are the others and two more
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db", *([] if django.VERSION >= (6, 0) else ["django_tasks"])]
DATABASES = {"default": DATABASES["default"]}
TASKS = {
    "default": {"BACKEND": "django_tasks_db.DatabaseBackend"},
    "here": {
        "BACKEND": f"django{'.' if django.VERSION >= (6, 0) else '_'}tasks.backends.immediate.ImmediateBackend",
    },
}
