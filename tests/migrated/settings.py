"""Settings of a small project whose app has migrations; ``DB_NAME`` is a database of its own."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the same database
from tests.settings import DATABASES as _DATABASES

DATABASES = {"default": _DATABASES["default"]}

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "auditlog", "tests.migrated"]
ROOT_URLCONF = "tests.no_urls"
MIGRATION_MODULES = {}
AUDITLOG = {}
