"""The demonstration project as the tests see it: its commands and its server, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Demo:
    """One copy of the project with a database of its own, on the database that the tests run on."""

    folder: Path
    env: dict[str, str] = field(repr=False)

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env | env, capture_output=True, text=True, check=False)

    def works(self, *arguments: str) -> str:
        """Run ``manage.py``, which must succeed; gives what it printed."""
        done = self.manage(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, asked beside Django."""
        with contextlib.closing(self._connect()) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return rows

    def execute(self, sql: str) -> None:
        """Change something beside Django."""
        with contextlib.closing(self._connect()) as connection:
            connection.execute(sql)

    def _connect(self) -> Any:
        if self.env["DEMO_DB"] == "sqlite":
            return sqlite3.connect(self.folder / "demo.sqlite3", isolation_level=None)
        return _postgres(self.env["PGDATABASE"])

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Run ``runserver`` while the block runs; gives the address."""
        address = f"127.0.0.1:{_free_port()}"
        command = [sys.executable, "manage.py", "runserver", "--noreload", address]
        with (self.folder / "server.log").open("w") as log:
            server = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"http://{address}/", server)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(30)


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[Demo]:
    """A project without tables; the demonstration is not made for MariaDB."""
    if os.environ.get("DB") == "mariadb":
        pytest.skip("the demonstration runs on SQLite and PostgreSQL")
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    env |= {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DEMO_DB": os.environ.get("DB", "sqlite"),
        "DEMO_FOLDER": str(folder),
    }
    if env["DEMO_DB"] == "sqlite":
        yield Demo(folder, env)
        return
    name = f"demo_{os.getpid()}_{folder.name}".replace("-", "_").lower()
    with _postgres("postgres") as server:
        server.execute(f"CREATE DATABASE {name}")
    yield Demo(folder, env | {"PGHOST": os.environ["PGSOCK"], "PGUSER": "postgres", "PGDATABASE": name})
    with _postgres("postgres") as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _postgres(name: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(host=os.environ["PGSOCK"], user="postgres", dbname=name, autocommit=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _attempt in range(300):
        assert server.poll() is None, "runserver stopped"
        try:
            urllib.request.urlopen(address, timeout=30).close()
        except urllib.error.HTTPError:
            return
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("runserver does not answer")
