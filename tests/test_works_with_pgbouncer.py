"""docs/works-with.md: PgBouncer in transaction mode, a real one, with fewer connections than clients."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from tests import pooltemp
from tests.conftest import CI
from tests.small_projects import Project, empty_database

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="a pool before PostgreSQL: run with DB=postgres"),
    pytest.mark.skipif(
        pooltemp.PROGRAM is None and not CI, reason="no pgbouncer on the PATH: install the package pgbouncer"
    ),
]

MODELS = "from tests.adopted.models import Author, Book\nfrom django.db.models import F\nimport auditlog\n"


@pytest.fixture
def project(tmp_path: Path, db: None) -> Iterator[Project]:
    """The project behind a pool of two connections."""
    with empty_database("pooled", tmp_path) as name, pooltemp.pool(os.environ["PGSOCK"], connections=2) as socket:
        project = Project("tests.adopted.settings", name, {"PGSOCK": socket, "POOLED": "1"})
        project.play("migrate()")
        yield project


CLIENT = """
from django.contrib.auth.models import User
user = User.objects.create(username=f"user {number}")
with auditlog.context(actor=user):
    author = Author.objects.create(name=f"author {number}")
    for each in range(20):
        book = Book.objects.create(title=f"{number}-{each}", author=author)
        book.price += 1
        book.save()
    # more rows than are kept in memory: they go to a temporary table
    Book.objects.bulk_create([Book(title=f"{number}", author=author) for _ in range(1200)])
    Book.objects.filter(author=author).update(price=F("price") + 1)
    Book.objects.filter(author=author).delete()
"""
COUNTS = """
from django.db.models import Count
from auditlog.models import Entry
found = Entry.objects.filter(model="adopted.book").values_list("actor_repr", "action").annotate(n=Count("pk"))
connected = sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
result = [sorted(map(list, found)), drift(), connected]
"""


def test_four_clients_on_two_connections(project: Project) -> None:
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(project.play, [f"{MODELS}number = {number}\n{CLIENT}" for number in range(4)]))
    counts, drift, [[connections]] = project.play(COUNTS)

    assert counts == [
        [f"user {number}", action, count] for number in range(4) for action, count in ((1, 1220), (2, 1240), (3, 1220))
    ]
    assert drift == [0, []]
    assert connections <= 2


COMMANDS = f"""{MODELS}
Book.objects.bulk_create([Book(title="a") for _ in range(1500)])
sql("INSERT INTO adopted_author (name) SELECT 'old' FROM generate_series(1, 700)")
result = [
    command("auditlog_baseline", "--yes")[1].splitlines()[-1],
    drift(),
    command("auditlog_export", "--action", "create", "--per", "entry", "--output", {{!r}})[0],
]
"""


def test_the_commands(project: Project, tmp_path: Path) -> None:
    """Each transaction of another client comes between two of a command."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            project.play(f"{MODELS}for _ in range(50):\n    list(Author.objects.all()[:5])")

    with ThreadPoolExecutor(1) as others:
        disturbing = others.submit(disturb)
        try:
            written, drift, code = project.play(COMMANDS.format(str(tmp_path / "log.csv")))
        finally:
            stop.set()
        disturbing.result()

    assert written == "700 entries written."
    assert drift == [0, []]
    assert code == 0
    assert (tmp_path / "log.csv").read_text().count("\n") == 1 + 1500


def test_reading_without_a_cursor_of_the_server(project: Project) -> None:
    code = f"""{MODELS}
Book.objects.bulk_create([Book(title="a") for _ in range(300)])
from auditlog.models import Entry
result = [entry.object_repr for entry in Entry.objects.filter(action=1).iterator(100)]
"""

    assert project.play(code) == ["a"] * 300
