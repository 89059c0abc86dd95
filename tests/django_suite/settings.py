"""Settings under which Django's own ``runtests.py`` runs, without the audit log or with it.

``SUITE_MODE`` is ``bare`` (Django alone) or ``recorded`` (every model registered, entries written); ``SUITE_DB`` is
``sqlite`` or ``postgres`` on the socket ``PGSOCK``, with databases named after ``SUITE_NAME``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

MODE = os.environ["SUITE_MODE"]


def _database(name: str) -> dict[str, Any]:
    if os.environ["SUITE_DB"] == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3"}
    host = os.environ["PGSOCK"]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": f"{name}_{os.environ['SUITE_NAME']}",
        "USER": "postgres",
        "HOST": host,
    }


DATABASES = {"default": _database("django"), "other": _database("django2")}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "tests.django_suite.runner.ReportingRunner"

if MODE != "bare":
    _runtests: Any = sys.modules["__main__"]  # it keeps the list of apps to itself
    _runtests.ALWAYS_INSTALLED_APPS += ["auditlog", "tests.django_suite"]
    _runtests.ALWAYS_MIDDLEWARE += ["auditlog.middleware.AuditlogMiddleware"]
    AUDITLOG = {"UNRECORDED_WRITES": "ignore"}  # the tests write their own SQL
