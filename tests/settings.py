"""Settings of the tests.

``DB`` chooses the database: ``sqlite`` (default, files in write-ahead mode), ``postgres`` (on the socket folder
``PGSOCK``) or ``mariadb`` (on the socket ``MARIASOCK``); :mod:`tests.dbplugin` starts the servers and sets the two.
``DB_NAME`` points a child process of a race or crash test at the database of the test that started it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pymysql

BASE_DIR = Path(__file__).resolve().parent.parent
DB = os.environ.get("DB", "sqlite")


def _scratch_folder() -> Path:
    """A folder for databases and uploads that goes away with the process that made it, but not with its forks."""
    folder = tempfile.mkdtemp(prefix="auditlog-tests-")
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return Path(folder)


SCRATCH = _scratch_folder()


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(SCRATCH / f"{name}.sqlite3"),
        "OPTIONS": {"timeout": 30, "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
        # a file, because a database in memory cannot be shared by threads and processes
        "TEST": {"NAME": str(SCRATCH / f"test_{name}.sqlite3")},
    }


def _postgres(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": "postgres",
        "HOST": os.environ.get("PGSOCK", ""),
    }


def _mariadb(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": name,
        "USER": "root",
        "HOST": os.environ.get("MARIASOCK", ""),
    }


if DB == "mariadb":
    pymysql.install_as_MySQLdb()  # a driver without C: it installs where no compiler is
_database = {"sqlite": _sqlite, "postgres": _postgres, "mariadb": _mariadb}[DB]
DATABASES = {"default": _database("auditlog"), "other": _database("auditlog_other")}
if "DB_NAME" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["DB_NAME"]

SECRET_KEY = "only-for-the-tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
MEDIA_ROOT = str(SCRATCH / "media")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real ones are slow on purpose

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "simple_history",
    "auditlog",
    "tests.testapp",
    "tests.notes.bakery",
    "tests.notes.library",
]
if DB == "postgres":
    INSTALLED_APPS.insert(0, "django.contrib.postgres")

# tests.testapp has no migrations and points at users; tables without migrations are made first, so these go with it
MIGRATION_MODULES: dict[str, str | None] = dict.fromkeys(("admin", "auth", "authtoken", "contenttypes", "sessions"))

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {"TITLE": "Audit log", "VERSION": "1"}

# permissions are made anew whenever a test has emptied the database, and would then stand in every log
AUDITLOG: dict[str, Any] = {"MODELS": {"auth.User": {}, "auth.Group": {}}, "UNRECORDED_WRITES": "raise"}
