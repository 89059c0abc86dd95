"""Settings of the project; ``DB_NAME`` is a database of its own, ``WORKS`` a choice of the test."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403 - the same database
from tests.settings import DATABASES as _DATABASES

DATABASES = {"default": _DATABASES["default"]}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "treebeard",
    "mptt",
    "polymorphic",
    "auditlog",
    "tests.works",
]
ROOT_URLCONF = "tests.no_urls"
MIGRATION_MODULES = {}
TREE = {"exclude": ["lft", "rght", "tree_id", "level"]} if os.environ.get("WORKS") == "without-tree-columns" else {}
AUDITLOG = {"MODELS": {"works.*": {}, "works.Section": TREE}, "UNRECORDED_WRITES": "ignore"}
