"""The migrations are complete, keep clear of django-auditlog's names, and build each database's own indexes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
TABLE = "auditlog_entry"

# django-auditlog 0.1 to 3.x; people who come from it have these applied under the same app label
TAKEN = {
    "0001_initial", "0002_auto_support_long_primary_keys", "0003_logentry_remote_addr",
    "0004_logentry_detailed_object_repr", "0005_logentry_additional_data_verbose_name", "0006_object_pk_index",
    "0007_object_pk_type", "0008_action_index", "0009_alter_logentry_additional_data", "0010_alter_logentry_timestamp",
    "0011_logentry_serialized_data", "0012_add_logentry_action_access", "0013_alter_logentry_timestamp",
    "0014_logentry_cid", "0015_alter_logentry_changes", "0016_logentry_remote_port", "0017_add_actor_email",
}  # fmt: skip


@pytest.mark.django_db(databases=["default", "other"])
def test_no_migration_is_missing_in_the_app() -> None:
    call_command("makemigrations", "auditlog", check=True, dry_run=True, verbosity=0)


def test_no_migration_is_missing_in_the_demonstration_project() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"}

    done = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes detected\n", "")


def test_no_migration_has_a_name_of_django_auditlogs() -> None:
    names = {path.stem for path in (ROOT / "auditlog/migrations").glob("0*.py")}

    assert names
    assert names & TAKEN == set()


def _indexes() -> dict[str, tuple[list[str], list[str], str]]:
    """Name, columns, orders and type of every index of the entry table but the primary key's."""
    with connection.cursor() as cursor:
        found: Mapping[str, Any] = connection.introspection.get_constraints(cursor, TABLE)
    return {
        name: (index["columns"], index.get("orders", []), index["type"])
        for name, index in found.items()
        if index["index"] and not index["primary_key"]
    }


@pytest.mark.django_db
def test_the_indexes_of_the_entry_table() -> None:
    """Each index that ``Entry.Meta`` gives a reason for, and no other: an index costs every write."""
    time = ([], "brin") if connection.vendor == "postgresql" else (["ASC"], "idx")

    assert _indexes() == {
        "auditlog_object": (["model", "object_id", "id"], ["ASC", "ASC", "DESC"], "idx"),
        "auditlog_actor": (["actor_id", "id"], ["ASC", "DESC"], "idx"),
        "auditlog_model": (["model", "id"], ["ASC", "DESC"], "idx"),
        "auditlog_changeset": (["changeset", "id"], ["ASC", "DESC"], "idx"),
        "auditlog_time": (["recorded_at"], *time),
    }


def _definition(index: str) -> str:
    query = {
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = %s",
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = %s",
        "mysql": f"SHOW INDEX FROM {TABLE} WHERE key_name = %s",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query, [index])
        return " ".join(map(str, cursor.fetchone()))


@pytest.mark.django_db
def test_the_actor_index_holds_only_entries_with_an_actor_where_indexes_can_be_partial() -> None:
    definition = re.sub(r'["()]', "", _definition("auditlog_actor")).upper()

    assert definition.endswith("WHERE ACTOR_ID IS NOT NULL") == connection.features.supports_partial_indexes


@pytest.mark.django_db
def test_the_time_index_has_small_ranges_on_postgresql() -> None:
    """32 pages a range, where the default of 128 would read four times as much for a short span of time."""
    ranges = "pages_per_range='32'" in _definition("auditlog_time")

    assert ranges == (connection.vendor == "postgresql")


@pytest.mark.django_db
def test_the_actor_has_no_constraint_in_the_database() -> None:
    """The id outlives the user: deleting him must neither fail nor change his entries."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, TABLE)

    assert [name for name, found in constraints.items() if found["foreign_key"]] == []
