"""Settings of the project; ``DB_NAME`` is a database of its own."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the same database
from tests.settings import DATABASES as _DATABASES
from tests.settings import DB

BACKEND = {"sqlite": "spatialite", "postgres": "postgis", "mariadb": "mysql"}[DB]

DATABASES = {"default": {**_DATABASES["default"], "ENGINE": f"django.contrib.gis.db.backends.{BACKEND}"}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.gis", "auditlog", "tests.geo"]
ROOT_URLCONF = "tests.no_urls"
MIGRATION_MODULES = {}
AUDITLOG = {"MODELS": {"geo.*": {}}, "UNRECORDED_WRITES": "raise"}
