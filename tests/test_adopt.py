"""docs/adopt.md, step by step, in a project that had rows before; each step is a deployment, a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.small_projects import Project, empty_database

MODELS = "from tests.adopted.models import Author, Book\nfrom django.db.models import F\nimport auditlog\n"
TABLES = "result = sorted(connection.introspection.table_names())"
STATEMENTS = """
from django.test.utils import CaptureQueriesContext
def words(write):
    with CaptureQueriesContext(connection) as captured:
        write()
    return [query["sql"].split()[0] for query in captured.captured_queries]
"""
SAVES = f"""{MODELS}{STATEMENTS}
book, author = Book.objects.get(pk=1), Author.objects.get(pk=1)
def in_a_transaction():
    book.price += 1
    with transaction.atomic():
        book.save()
def in_autocommit():
    book.price += 1
    book.save()
result = [words(in_a_transaction), words(in_autocommit), words(book.save), words(author.save)]
"""
BARE = [["BEGIN", "UPDATE", "COMMIT"], ["UPDATE"], ["UPDATE"], ["UPDATE"]]
EVERY_FIELD = ["author", "id", "price", "title"]
RAISE_PRICE = f"{MODELS}book = Book.objects.get(pk=1)\nbook.price += 1\nbook.save()\n"
PAST_THE_LOG = f"{MODELS}Book.objects.filter(pk=1).update(price=F('price') + 10)\n"


@pytest.fixture
def project(tmp_path: Path, db: None) -> Iterator[Project]:
    """Two books that are older than the log."""
    with empty_database("adopt", tmp_path) as name:
        project = Project("tests.adopted.settings", name)
        rows = "Book.objects.create(title=title, price=5, author=Author.objects.create(name='Cervantes'))"
        project.play(f"migrate()\n{MODELS}for title in ('Galatea', 'Persiles'):\n    {rows}", ADOPTED="before")
        yield project


@pytest.fixture
def adopted(project: Project) -> Project:
    """The project when books are recorded and have a baseline."""
    project.play("migrate()\ncommand('auditlog_baseline', '--yes')", ADOPTED="books")
    return project


def test_step_1_installed_and_recording_nothing(project: Project) -> None:
    before = project.play(TABLES, ADOPTED="before")
    installed = project.play(f"migrate('auditlog')\n{TABLES}", ADOPTED="off")
    bare, off = project.play(SAVES, ADOPTED="before"), project.play(SAVES, ADOPTED="off")

    assert sorted({*installed} - {*before}) == ["auditlog_entry"]
    assert without_savepoints(bare) == without_savepoints(off) == BARE
    assert project.play("result = told()", ADOPTED="off") == []


def without_savepoints(statements: list[list[str]]) -> list[list[str]]:
    """MariaDB's driver does not show how a transaction begins and ends."""
    if connection.vendor != "mysql":
        return statements
    return [
        ["BEGIN", *each, "COMMIT"] if at == 0 and "BEGIN" not in each else each for at, each in enumerate(statements)
    ]


def test_code_before_the_table_fails_with_what_to_do(project: Project) -> None:
    error = project.fails(f"{MODELS}Book.objects.create(title='Quijote')", ADOPTED="books")
    count = project.play(f"{MODELS}result = Book.objects.count()", ADOPTED="before")

    assert error.startswith("auditlog.exceptions.RecordingError: ")
    assert error.endswith("Has 'manage.py migrate' been run on it?")
    assert count == 2


def test_a_copy_without_the_log(project: Project) -> None:
    """The remedy of check E009 where Django believes that the table is there."""
    check = "from django.core.checks import run_checks\nresult = [m.id for m in run_checks(databases=['default'])]"
    project.play("migrate()\nsql('DROP TABLE auditlog_entry')")

    before = project.play(f"migrate('auditlog')\n{check}")
    after = project.play(f"migrate('auditlog', 'zero', '--fake')\nmigrate('auditlog')\n{check}")

    assert "auditlog.E009" in before
    assert "auditlog.E009" not in after


def test_step_2_one_model_is_recorded(project: Project) -> None:
    project.play("migrate()", ADOPTED="off")
    changed, autocommit, unchanged, other = project.play(SAVES, ADOPTED="books")

    lock = ["DELETE"] if connection.vendor == "sqlite" else []  # a statement that writes no row takes the write lock
    recorded = [*lock, "SELECT", "UPDATE", "INSERT"]
    assert changed == ["BEGIN", *recorded, "COMMIT"]
    assert autocommit == ["BEGIN", *recorded, "COMMIT"]
    assert unchanged == ["BEGIN", *recorded[:-1], "COMMIT"]
    assert other == ["UPDATE"]
    assert project.play("result = told()") == [["UPDATE", "adopted.book", "1", ["price"]]] * 2


def test_steps_3_and_4_baseline_write_and_no_drift(project: Project) -> None:
    project.play("migrate()", ADOPTED="books")
    baseline = project.play("result = [command('auditlog_baseline', '--yes'), told()]", ADOPTED="books")
    project.play(f"{RAISE_PRICE}Book.objects.get(pk=2).delete()\nBook.objects.create(title='Quijote')", ADOPTED="books")

    [code, said], first = baseline
    assert code == 0
    assert said.endswith("2 entries written.\n")
    assert first == [["BASELINE", "adopted.book", key, EVERY_FIELD] for key in ("1", "2")]
    assert project.play("result = [told()[2:], drift()]", ADOPTED="books") == [
        [
            ["UPDATE", "adopted.book", "1", ["price"]],
            ["DELETE", "adopted.book", "2", EVERY_FIELD],
            ["CREATE", "adopted.book", "3", EVERY_FIELD],
        ],
        [0, []],
    ]


def test_step_4_finds_what_an_old_process_wrote(adopted: Project) -> None:
    adopted.play(PAST_THE_LOG, ADOPTED="before")

    assert adopted.play("result = drift()", ADOPTED="books") == [
        1,
        [["changed outside the log", "adopted.book", "1", "price"]],
    ]


def test_step_6_the_next_models(adopted: Project) -> None:
    result = adopted.play("migrate()\nresult = [command('auditlog_baseline', '--yes'), told()[2:], drift()]")

    [code, said], new, drift = result
    assert (code, said.splitlines()[-1]) == (0, "2 entries written.")
    assert new == [["BASELINE", "adopted.author", key, ["id", "name"]] for key in ("1", "2")]
    assert drift == [0, []]


ANNOUNCED = "auditlog.record(event='auditlog.{}', reason='deployment 12')"


def test_a_rolling_deployment_leaves_a_hole_that_can_be_explained(project: Project) -> None:
    project.play("migrate()", ADOPTED="off")
    project.play(MODELS + ANNOUNCED.format("paused"), ADOPTED="books")
    for code, step in (
        (RAISE_PRICE, "books"),
        (PAST_THE_LOG, "before"),
        (RAISE_PRICE, "books"),
        (PAST_THE_LOG, "before"),
    ):
        project.play(code, ADOPTED=step)
    project.play(MODELS + ANNOUNCED.format("resumed"), ADOPTED="books")
    explained = project.play(
        "command('auditlog_baseline', '--partly', '--yes')\nresult = [drift(), told()[2:]]", ADOPTED="books"
    )
    project.play(RAISE_PRICE, ADOPTED="books")
    project.play(PAST_THE_LOG, ADOPTED="before")

    assert explained == [
        [0, []],
        [["BASELINE", "adopted.book", "1", EVERY_FIELD], ["BASELINE", "adopted.book", "2", EVERY_FIELD]],
    ]
    assert project.play("result = drift()", ADOPTED="books") == [
        1,
        [["changed outside the log", "adopted.book", "1", "price"]],
    ]


def test_without_saying_so_the_hole_stays(project: Project) -> None:
    project.play("migrate()", ADOPTED="off")
    for code, step in ((RAISE_PRICE, "books"), (PAST_THE_LOG, "before"), (RAISE_PRICE, "books")):
        project.play(code, ADOPTED=step)

    result = project.play("command('auditlog_baseline', '--partly', '--yes')\nresult = drift()", ADOPTED="books")

    assert result == [1, [["gap in the chain", "adopted.book", "1", "price"]]]


def test_going_back_by_switching_off_and_on_again(adopted: Project) -> None:
    adopted.play("migrate()\n" + PAST_THE_LOG, ADOPTED="off")
    entries = adopted.play("result = told()", ADOPTED="off")
    again = adopted.play(f"migrate()\n{RAISE_PRICE}result = [told()[2:], drift()]", ADOPTED="books")

    assert len(entries) == 2
    assert again == [[["UPDATE", "adopted.book", "1", ["price"]]], [0, []]]


def test_going_back_all_the_way(project: Project) -> None:
    """Tables, columns, indexes, migrations, content types and permissions are those of before."""
    state = f"""{MODELS}
def described(table):
    with connection.cursor() as cursor:
        columns = [c.name for c in connection.introspection.get_table_description(cursor, table)]
        return [columns, sorted(connection.introspection.get_constraints(cursor, table))]
result = [
    {{table: described(table) for table in connection.introspection.table_names()}},
    sql("SELECT app, name FROM django_migrations ORDER BY app, name"),
    sql("SELECT app_label, model FROM django_content_type ORDER BY app_label, model"),
    sql("SELECT codename FROM auth_permission ORDER BY codename"),
    sql("SELECT id, title FROM adopted_book ORDER BY id"),
]
"""
    before = project.play(state, ADOPTED="before")
    project.play(f"migrate()\ncommand('auditlog_baseline', '--yes')\n{RAISE_PRICE}")
    project.play("migrate('auditlog', 'zero')", ADOPTED="off")
    left = project.play(f"{PAST_THE_LOG}{state}", ADOPTED="before")
    project.play("command('remove_stale_contenttypes', '--no-input', '--include-stale-apps')", ADOPTED="before")
    after = project.play(state, ADOPTED="before")

    assert [[model] for app, model in left[2] if app == "auditlog"] == [["entry"]]
    assert len(left[3]) - len(before[3]) == 4
    assert after == before
    assert without_savepoints(project.play(SAVES, ADOPTED="before")) == BARE


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the page's figures are PostgreSQL's: run DB=postgres")
def test_the_size_of_the_log_is_about_what_the_page_says(project: Project) -> None:
    created, both = project.play(
        f"""{MODELS}
migrate()
def size():
    return sql("SELECT pg_total_relation_size('auditlog_entry')")[0][0]
Book.objects.bulk_create([Book(title=f"The book number {{n}}", price=n) for n in range(20_000)])
created = size()
Book.objects.filter(pk__gt=2).update(price=F("price") + 1)
result = [created, size()]
"""
    )

    assert created / 20_000 == pytest.approx(570, rel=0.15)
    assert (both - created) / 20_000 == pytest.approx(360, rel=0.15)
