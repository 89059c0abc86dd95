"""Settings of the project: ``AUDITLOG_APP`` says whether the audit log is installed, and whether it records."""

from __future__ import annotations

import os
from typing import Any

SECRET_KEY = "only-for-the-tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "archive": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "tests.userproject",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "tests.userproject.urls"
AUDITLOG: dict[str, Any] = {"MODELS": {"userproject.*": {}, "auth.*": {}}}
AUDITLOG_APP = os.environ.get("AUDITLOG_APP", "on")
if AUDITLOG_APP != "none":
    INSTALLED_APPS.append("auditlog")
    MIDDLEWARE.append("auditlog.middleware.AuditlogMiddleware")
if AUDITLOG_APP == "off":
    AUDITLOG = {**AUDITLOG, "ENABLED": False}
