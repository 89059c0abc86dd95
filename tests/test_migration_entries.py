"""Migrations have a context of their own, and each that alters recorded models leaves one entry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.migrations.migration import Migration

from auditlog.integrations import migrations

ROOT = Path(__file__).resolve().parent.parent

PRELUDE = """
import io, json
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from auditlog.models import Action, Entry
from auditlog.recording import Draft, record_entries

def migrate(*arguments):
    call_command("migrate", *arguments, verbosity=0)

def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)

def recorded(label, key, **values):
    changes = {name: [None, value] for name, value in values.items()}
    record_entries("default", [Draft(Action.CREATE, label, key, changes=changes)])

def told(event="migration"):
    return [[e.actor_repr, e.model, e.changes, e.context.get("operations"), e.context.get("direction")]
            for e in Entry.objects.filter(event=event).order_by("id")]

def drift(*arguments):
    out, code = io.StringIO(), 0
    try:
        call_command("auditlog_verify", "--drift", "--format", "json", *arguments, stdout=out)
    except SystemExit as stop:
        code = stop.code
    found = map(json.loads, out.getvalue().splitlines())
    return [code, [[each["kind"], each["field"], each["found"]] for each in found]]

"""
FIRST = """
migrate("auditlog")
migrate("migrated", "0001")
sql("INSERT INTO migrated_shelf (id, name, size, note) VALUES (1, 'a', 3, 'n')")
recorded("migrated.shelf", "1", id=1, name="a", size=3, note="n")
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """An empty database for one small project."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        yield str(tmp_path / "migrated.sqlite3")
        return
    name = f"auditlog_migrated_{os.getpid()}"
    quoted = connection.ops.quote_name(name)
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted}")
    yield name
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted}")


def play(database: str, code: str) -> Any:
    """What the code, run by a process of the small project, leaves in ``result``."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.migrated.settings", "DB_NAME": database}
    done = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}{code}\nprint(json.dumps(result))"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.django_db
def test_each_migration_that_alters_recorded_fields_leaves_one_entry(database: str) -> None:
    result = play(database, FIRST + "migrate()\nresult = told()")

    assert result == [
        [
            "migration:migrated.0002_columns",
            "",
            {
                "migrated.shelf.color": [None, "CharField"],
                "migrated.shelf.size": ["IntegerField", "BigIntegerField"],
                "migrated.shelf.note": ["CharField", None],
            },
            ["AddField", "AddField", "AlterField", "RemoveField"],
            "forwards",
        ],
        [
            "migration:migrated.0003_separate",
            "",
            {"migrated.shelf.weight": [None, "IntegerField"]},
            ["SeparateDatabaseAndState"],
            "forwards",
        ],
        [
            "migration:migrated.0004_renamed",
            "",
            {
                "migrated.shelf.name": ["CharField", None],
                "migrated.shelf.title": [None, "CharField"],
                "migrated.shelf": ["migrated.shelf", "migrated.rack"],
            },
            ["RenameField", "RenameModel", "RenameContentType", "DeleteModel"],  # contenttypes adds one
            "forwards",
        ],
    ]


@pytest.mark.django_db
def test_drift_knows_what_migrations_did_and_what_others_did(database: str) -> None:
    code = """
migrate()
calm = drift()
sql("UPDATE migrated_rack SET color = 'blue', size = 9, title = 'x'")
unknown = drift()
sql("UPDATE migrated_rack SET id = 2")
moved = drift()
result = [calm, unknown, moved]
"""

    calm, unknown, moved = play(database, FIRST + code)

    assert calm == [0, []]
    assert unknown == [0, []]  # nothing recorded these since the migration
    assert moved == [1, [["missing row", None, None], ["rows without entries", None, 1]]]


@pytest.mark.django_db
def test_what_is_recorded_after_the_migration_counts_again(database: str) -> None:
    code = """
migrate()
from tests.migrated.models import Rack
rack = Rack.objects.get()
rack.size, rack.title = 10, "b"
rack.save()
calm = drift()
sql("UPDATE migrated_rack SET size = 11")
result = [calm, drift()]
"""

    calm, drifted = play(database, FIRST + code)

    assert calm == [0, []]
    assert drifted == [1, [["changed outside the log", "size", 11]]]


@pytest.mark.django_db
def test_undone_migrations_tell_it_the_other_way_round(database: str) -> None:
    code = """
migrate()
recorded("migrated.rack", "5", id=5)
migrate("migrated", "0003")
migrate("migrated", "0001")
result = [each for each in told() if each[4] == "backwards"]
"""

    renamed, _separate, columns = play(database, FIRST + code)

    assert renamed[:3] == [
        "migration:migrated.0004_renamed",
        "",
        {
            "migrated.shelf.name": [None, "CharField"],
            "migrated.shelf.title": ["CharField", None],
            "migrated.shelf": ["migrated.rack", "migrated.shelf"],
        },
    ]
    assert columns[2] == {
        "migrated.shelf.color": ["CharField", None],
        "migrated.shelf.hint": ["CharField", None],
        "migrated.shelf.size": ["BigIntegerField", "IntegerField"],
        "migrated.shelf.note": [None, "CharField"],
    }


@pytest.mark.django_db
def test_fake_migrations_and_printed_sql_write_nothing(database: str) -> None:
    code = """
call_command("sqlmigrate", "migrated", "0002", stdout=io.StringIO())
migrate("migrated", "--fake")
result = told()
"""

    assert play(database, FIRST + code) == []


@pytest.mark.django_db
def test_a_new_database_has_nothing_to_tell(database: str) -> None:
    assert play(database, "migrate()\nresult = told()") == []


@pytest.mark.django_db
def test_a_migration_before_the_table_of_entries_exists(database: str) -> None:
    code = 'migrate("migrated", "0004")\nmigrate()\nresult = [told(), told("data.moved")]'

    altered, data = play(database, code)

    assert altered == []
    assert data == [["migration:migrated.0005_data", "", {}, None, None]]


@pytest.mark.django_db
def test_an_entry_that_cannot_be_written_does_not_fail_the_migration(database: str) -> None:
    code = """
import logging
lines = []
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("auditlog").addHandler(Lines())
logging.getLogger("auditlog").propagate = False
sql("ALTER TABLE auditlog_entry RENAME COLUMN reason TO elsewhere")
migrate("migrated", "0002")
sql("ALTER TABLE auditlog_entry RENAME COLUMN elsewhere TO reason")
result = [lines, told()]
"""

    lines, told = play(database, FIRST + code)

    assert lines == [
        "auditlog: what migration migrated.0002_columns altered was not recorded",
        "auditlog: the change of registrations on database 'default' was not recorded",
    ]
    assert told == []


@pytest.mark.django_db
def test_the_changed_registration_is_recorded_after_migrate(database: str) -> None:
    """The columns that are new are recorded fields from then on."""
    code = FIRST + "migrate()\nresult = told('auditlog.registration')"

    result = play(database, code)

    assert [(actor.partition(" ")[0], model, changes) for actor, model, changes, *_ in result] == [
        (
            "command:migrate",
            "migrated.rack",
            {
                "fields": [["id", "name", "note", "size"], ["color", "hint", "id", "size", "title", "weight"]],
                "masked": [[], []],
            },
        )
    ]


def test_wrapping_twice_changes_nothing_and_can_be_taken_back() -> None:
    wrapped = Migration.apply
    migrations.install()
    assert Migration.apply is wrapped

    migrations.uninstall()
    try:
        assert not hasattr(Migration.apply, "auditlog_original")
        assert not hasattr(Migration.unapply, "auditlog_original")
    finally:
        migrations.install()
    assert hasattr(Migration.apply, "auditlog_original")


@pytest.mark.django_db
def test_no_migration_of_the_small_project_is_missing(database: str) -> None:
    # from Django 6.1 on, makemigrations connects at once, so there must be a database
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.migrated.settings", "DB_NAME": database}
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "migrated", "--check", "--dry-run"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "No changes detected in app 'migrated'\n"), done.stderr
