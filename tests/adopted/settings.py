"""Settings of the project: ``ADOPTED`` is how far the adoption has come, ``DB_NAME`` a database of its own.

``before``: without the app. ``off``: installed, not recording. ``books``: one model is recorded. ``all``: all are.
"""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403 - the same database
from tests.settings import DATABASES as _DATABASES

STEP = os.environ.get("ADOPTED", "all")

DATABASES = {"default": {**_DATABASES["default"], "DISABLE_SERVER_SIDE_CURSORS": "POOLED" in os.environ}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "tests.adopted"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "tests.no_urls"
MIGRATION_MODULES = {"adopted": "tests.adopted.depending.migrations"} if "DEPENDS_ON" in os.environ else {}
AUDITLOG = {"MODELS": {"adopted.*": {}, "auth.User": {}}}
if STEP != "before":
    INSTALLED_APPS.append("auditlog")
    MIDDLEWARE.append("auditlog.middleware.AuditlogMiddleware")
if STEP == "books":
    AUDITLOG = {"MODELS": {"adopted.Book": {}}}
if STEP == "off":
    AUDITLOG["ENABLED"] = False
