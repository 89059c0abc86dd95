"""Small projects of the tests, each step of which runs in a process of its own, on a database of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

ROOT = Path(__file__).resolve().parent.parent

PRELUDE = """
import io, json
import django
django.setup()
from django.core.management import call_command
from django.db import connection, connections, transaction

def command(name, *arguments, **options):
    out, code = io.StringIO(), 0
    try:
        call_command(name, *arguments, stdout=out, stderr=out, **options)
    except SystemExit as stop:
        code = stop.code
    return [code, out.getvalue()]

def migrate(*arguments):
    call_command("migrate", *arguments, verbosity=0)

def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []

def drift(*arguments):
    code, out = command("auditlog_verify", "--drift", "--format", "json", *arguments)
    found = [json.loads(line) for line in out.splitlines()]
    return [code, [[each["kind"], each["model"], each["object"], each["field"]] for each in found]]

def told(since=0):
    from auditlog.models import Action, Entry
    entries = Entry.objects.filter(pk__gt=since).exclude(action=Action.EVENT).order_by("pk")
    return [[Action(e.action).name, e.model, e.object_id, sorted(e.changes)] for e in entries]

result = None
"""


@contextmanager
def empty_database(name: str, folder: Path) -> Iterator[str]:
    """The name of an empty database like the tests' own, which goes away after the block."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        yield str(folder / f"{name}.sqlite3")
        return
    name = f"auditlog_{name}_{os.getpid()}"
    quoted = connection.ops.quote_name(name)
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted}")
    forced = " WITH (FORCE)" if connection.vendor == "postgresql" else ""  # a pool may still hold a connection
    try:
        yield name
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quoted}{forced}")


@dataclass(frozen=True)
class Project:
    """A project by its settings, on one database."""

    settings: str
    database: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def _run(self, code: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        every = {**os.environ, "DB_NAME": self.database, "DJANGO_SETTINGS_MODULE": self.settings}
        return subprocess.run(
            [sys.executable, "-c", f"{PRELUDE}{code}\nprint(json.dumps(result))"],
            cwd=ROOT, env={**every, **self.environment, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def play(self, code: str, **environment: str) -> Any:
        """What the code, run by a process of the project, leaves in ``result``."""
        done = self._run(code, environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout.splitlines()[-1])  # commands of other packages print before it

    def fails(self, code: str, **environment: str) -> str:
        """The error with which the code ends, without its traceback."""
        done = self._run(code, environment)
        assert done.returncode == 1, done.stdout
        return re.split(r"^(?=[\w.]+Error: )", done.stderr.strip(), flags=re.MULTILINE)[-1]
