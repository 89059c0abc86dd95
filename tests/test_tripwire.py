"""The tripwire notices what writes a recorded table past the write paths, and nothing else."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, models, transaction
from django.db.migrations.operations import RunSQL
from django.db.migrations.state import ProjectState
from django.test import override_settings

import auditlog
from auditlog import checks
from auditlog.capture import tripwire
from auditlog.capture.snapshot import take_write_lock
from auditlog.capture.sql_tokens import without_values
from auditlog.capture.sql_writes import written_tables
from auditlog.capture.tripwire import allowing, is_watched
from auditlog.exceptions import UnrecordedWriteError, UnrecordedWriteWarning
from auditlog.models import Entry
from tests.testapp.models import Product, Tag, Unregistered

EVERY = ("sqlite", "mysql", "postgresql")
TAG = Tag._meta.db_table
INSERT = f"INSERT INTO {TAG} (name) VALUES ('sale')"


# what a text writes

WRITES = {
    "insert into shop_product (name) values (%s)": ("shop_product",),
    "INSERT INTO Shop_Product SELECT * FROM other": ("shop_product",),
    "REPLACE INTO shop VALUES (1)": ("shop",),
    "UPDATE shop SET name = %(name)s WHERE id = %s": ("shop",),
    "DELETE FROM shop WHERE id IN (SELECT id FROM other)": ("shop",),
    "TRUNCATE TABLE shop": ("shop",),
    "MERGE INTO shop USING other ON shop.id = other.id WHEN MATCHED THEN DELETE": ("shop",),
    "COPY shop (id, name) FROM '/tmp/x'": ("shop",),
    "-- a remark\n  /* another */\n\tDELETE FROM shop": ("shop",),
    "/* DELETE FROM other */ UPDATE public.shop SET a = 1": ("shop",),
    "WITH gone AS (DELETE FROM shop RETURNING *) SELECT * FROM gone": ("shop",),
    "WITH a AS (SELECT 1), b AS (UPDATE shop SET x = 1 RETURNING *) INSERT INTO other SELECT * FROM b": (
        "shop",
        "other",
    ),
    "WITH RECURSIVE c(n) AS (SELECT 1) UPDATE shop SET a = 1": ("shop",),
    "SELECT 1; DELETE FROM shop; UPDATE other SET a = 1": ("shop", "other"),
    "INSERT INTO shop (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET other = 2": ("shop",),
    "UPDATE shop SET a = (SELECT REPLACE(a, 'x', 'y') FROM other) WHERE (REPLACE(b, 'x', 'y')) = 'z'": ("shop",),
    "ANALYZE DELETE FROM shop": ("shop",),
    "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM shop": ("shop",),
}
READS = (
    "SELECT * FROM shop",
    "select 'DELETE FROM shop', \"UPDATE shop\" from x",
    "SELECT * FROM shop FOR UPDATE OF shop",
    "SELECT 'it''s; DELETE FROM shop'",
    "/* DELETE FROM shop */ SELECT 1",
    "-- DELETE FROM shop\nSELECT 1",
    "WITH a AS (SELECT * FROM shop) SELECT * FROM a",
    "COPY shop TO '/tmp/x'",
    "EXPLAIN DELETE FROM shop",
    "DELETE FROM shop WHERE 0",
    "CREATE TABLE shop (id integer REFERENCES other ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TRIGGER t AFTER UPDATE ON shop BEGIN UPDATE shop SET a = CASE WHEN 1 THEN 2 END; DELETE FROM shop; END;",
    "ALTER TABLE shop ADD COLUMN a integer",
    "DROP TABLE shop",
    "GRANT SELECT, UPDATE ON shop TO ana",
    "SAVEPOINT shop",
    "",
)


@pytest.mark.parametrize("vendor", EVERY)
@pytest.mark.parametrize("sql", WRITES)
def test_a_write_is_seen(sql: str, vendor: str) -> None:
    assert written_tables(sql, vendor) == WRITES[sql]


@pytest.mark.parametrize("vendor", EVERY)
@pytest.mark.parametrize("sql", READS)
def test_a_read_or_a_definition_is_none(sql: str, vendor: str) -> None:
    assert written_tables(sql, vendor) == ()


@pytest.mark.parametrize(
    ("vendor", "sql", "tables"),
    [
        ("postgresql", 'DELETE FROM "public"."shop"', ("shop",)),
        ("postgresql", "DELETE FROM ONLY (shop)", ("shop",)),
        ("postgresql", "/* /* nested */ DELETE FROM other */ DELETE FROM shop", ("shop",)),
        ("postgresql", "UPDATE shop SET a = E'\\'; DELETE FROM other; --'", ("shop",)),
        ("postgresql", "UPDATE shop SET a = $tag$; DELETE FROM other$tag$", ("shop",)),
        ("postgresql", "UPDATE shop AS s SET a = o.a FROM other AS o WHERE s.id = o.id", ("shop",)),
        ("postgresql", "DELETE FROM shop AS s USING other WHERE s.a IS DISTINCT FROM other.a", ("shop",)),
        ("postgresql", "TRUNCATE ONLY shop *, public.other RESTART IDENTITY CASCADE", ("shop", "other")),
        ("postgresql", "COPY (DELETE FROM shop RETURNING *) TO STDOUT", ("shop",)),
        ("postgresql", "DO $$ BEGIN IF a THEN DELETE FROM shop; END IF; UPDATE b SET a = 1; END $$", ("shop", "b")),
        ("postgresql", "SELECT a[1] FROM x; UPDATE shop SET a = ARRAY['DELETE FROM other']", ("shop",)),
        ("mysql", "UPDATE `db`.`shop` SET a = 'it\\'s; DELETE FROM other'", ("shop",)),
        ("mysql", 'UPDATE shop SET a = "; DELETE FROM other"', ("shop",)),
        ("mysql", "# DELETE FROM other\nDELETE LOW_PRIORITY QUICK FROM shop", ("shop",)),
        ("mysql", "UPDATE a JOIN shop AS s ON a.id = s.id SET s.n = 1, s.m = 2 WHERE a.id = 1", ("shop",)),
        ("mysql", "UPDATE shop s, other SET n = 1", ("shop", "other")),
        ("mysql", "UPDATE shop a JOIN shop b ON a.id = b.parent SET a.n = b.n", ("shop",)),
        ("mysql", "DELETE s FROM shop AS s JOIN other ON s.id = other.id", ("shop",)),
        ("mysql", "DELETE s.*, o FROM shop AS s JOIN other AS o ON s.id = o.id", ("shop", "other")),
        ("mysql", "DELETE FROM s USING shop AS s JOIN other ON s.id = other.id", ("shop",)),
        ("mysql", "INSERT IGNORE shop VALUES (1) ON DUPLICATE KEY UPDATE other = 2", ("shop",)),
        ("mysql", "/*!50000 DELETE FROM shop */", ("shop",)),
        ("mysql", "SELECT 5--3; DELETE FROM shop", ("shop",)),
        ("mysql", "SELECT INSERT('a', 1, 1, 'b'), TRUNCATE(1.5, 0), (TRUNCATE(1.5, 0))", ()),
        ("mysql", "LOAD DATA LOCAL INFILE '/tmp/x' INTO TABLE shop", ("shop",)),
        ("sqlite", "DELETE FROM [shop]", ("shop",)),
        ("sqlite", "INSERT OR REPLACE INTO main.'shop' VALUES (1)", ("shop",)),
        ("sqlite", "UPDATE OR IGNORE `shop` SET a = 1", ("shop",)),
        ("sqlite", "/* /* not nested */ DELETE FROM shop", ("shop",)),
    ],
)  # fmt: skip
def test_the_words_of_each_database(vendor: str, sql: str, tables: tuple[str, ...]) -> None:
    assert written_tables(sql, vendor) == tables


def test_a_batch_of_any_size_is_read_alike() -> None:
    rows = ", ".join(["(%s, %s, %s)"] * 20_000)

    assert written_tables(f"INSERT INTO shop (a, b, c) VALUES {rows}; DELETE FROM other", "sqlite") == ("shop", "other")


def test_a_long_text_full_of_literals_is_read_to_its_end() -> None:
    rows = ", ".join(f"({number}, 'DELETE FROM no{number}')" for number in range(2_000))

    assert written_tables(f"INSERT INTO shop VALUES {rows}; DELETE FROM other", "postgresql") == ("shop", "other")


@pytest.mark.parametrize("vendor", EVERY)
def test_values_are_not_shown(vendor: str) -> None:
    assert without_values("UPDATE t\n SET a = 'se''cret',  b = %s", vendor) == "UPDATE t SET a = '…', b = %s"


def test_values_in_other_quotes_are_not_shown() -> None:
    assert without_values("UPDATE t SET a = E'se\\'cret', b = $q$secret$q$", "postgresql") == (
        "UPDATE t SET a = '…', b = '…'"
    )
    assert without_values('UPDATE t SET a = "secret"', "mysql") == "UPDATE t SET a = '…'"


# what is watched


def test_the_tables_of_recorded_models_and_relations_are_watched() -> None:
    through = Product.tags.through._meta.db_table

    assert (is_watched(TAG), is_watched(through), is_watched(Entry._meta.db_table)) == (True, True, False)


def test_what_is_watched_follows_the_registrations() -> None:
    table = Unregistered._meta.db_table
    before = is_watched(table)
    auditlog.register(Unregistered)
    try:
        during = is_watched(table)
    finally:
        auditlog.unregister(Unregistered)

    assert (before, during, is_watched(table)) == (False, True, False)


def test_a_table_that_brings_its_schema_is_watched_by_its_bare_name() -> None:
    class Elsewhere(models.Model):
        class Meta:
            app_label = "testapp_elsewhere"
            db_table = 'far"."Away'

    auditlog.register(Elsewhere)
    try:
        found = tripwire.watched_tables()["away"]
    finally:
        auditlog.unregister(Elsewhere)

    assert found == 'far"."Away'


# what is noticed


def run(sql: Any, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextmanager
def mode(chosen: str | None, **others: Any) -> Iterator[None]:
    with override_settings(AUDITLOG={"UNRECORDED_WRITES": chosen, **others}):
        yield


def refused(sql: Any, params: Any = None) -> bool:
    """Whether the statement is refused; it is executed otherwise."""
    with mode("raise"):
        try:
            run(sql, params)
        except UnrecordedWriteError:
            return True
    return False


@pytest.mark.django_db
def test_a_refused_statement_is_not_executed_and_the_message_names_place_table_and_fix() -> None:
    with mode("raise"), pytest.raises(UnrecordedWriteError) as caught:
        run(f"INSERT INTO {TAG} (name) VALUES ('secret')")

    line = inspect.getsourcelines(run)[1] + 2
    assert str(caught.value) == (
        f"{__file__}:{line} would write the recorded table {TAG} past the audit log. Use the ORM; or wrap it in "
        "auditlog.paused(reason='...') and say with auditlog.record() what it changed. The statement: "
        f"INSERT INTO {TAG} (name) VALUES ('…')"
    )
    assert not Tag.objects.exists()


@pytest.mark.django_db
def test_every_way_of_the_cursor_is_watched() -> None:
    with mode("raise"), connection.cursor() as cursor:
        with pytest.raises(UnrecordedWriteError):
            cursor.executemany(f"INSERT INTO {TAG} (name) VALUES (%s)", [("a",), ("b",)])
        with pytest.raises(UnrecordedWriteError):
            list(Tag.objects.raw(f"DELETE FROM {TAG} RETURNING *"))

    assert not Tag.objects.exists()


@pytest.mark.django_db
def test_other_tables_and_reads_pass() -> None:
    assert not refused(f"INSERT INTO {Unregistered._meta.db_table} (name) VALUES (%s)", ["DELETE"])
    assert not refused(f"SELECT 'DELETE FROM {TAG}' FROM {TAG}")
    assert not refused(f"select name from {TAG}")


@pytest.mark.django_db
def test_a_write_behind_a_select_is_noticed() -> None:
    assert refused(f"SELECT 1; DELETE FROM {TAG}")


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="objects composed of parts belong to psycopg")
def test_statements_composed_by_psycopg_are_read() -> None:
    from psycopg import sql  # noqa: PLC0415 - only where the database is PostgreSQL

    statement = sql.SQL("DELETE FROM {}.{}").format(sql.Identifier("public"), sql.Identifier(TAG))

    assert refused(statement)
    assert refused(f"DELETE FROM {TAG}".encode())
    assert not refused(sql.SQL("SELECT {}").format(sql.Literal(f"DELETE FROM {TAG}")))


@pytest.mark.django_db
def test_allowed_tables_pass_within_the_block_and_blocks_add_up() -> None:
    with mode("raise"):
        with allowing([TAG]), allowing(["something_else"]):
            run(INSERT)
        with allowing(["something_else"]), pytest.raises(UnrecordedWriteError):
            run(INSERT)
        with pytest.raises(UnrecordedWriteError):
            run(INSERT)

    assert Tag.objects.count() == 1


@pytest.mark.django_db
def test_a_failing_block_takes_its_permission_along() -> None:
    with pytest.raises(ZeroDivisionError), allowing([TAG]):
        raise ZeroDivisionError

    assert refused(INSERT)


@pytest.mark.django_db
def test_nothing_is_noticed_while_nothing_is_recorded() -> None:
    with mode("raise", ENABLED=False):
        run(INSERT)
    with mode("raise"), auditlog.paused(reason="import by hand"):
        run(INSERT)

    assert Tag.objects.count() == 2


@pytest.mark.django_db
def test_our_own_lock_and_savepoints_pass() -> None:
    with mode("raise"):
        if connection.vendor == "sqlite":
            run(f'DELETE FROM "{TAG}" WHERE 0')
        with transaction.atomic():
            take_write_lock("default", Tag)

    assert Tag.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_schema_editor_passes() -> None:
    """Django remakes a table on SQLite and fills new columns; RunSQL goes the same way."""
    state = ProjectState()
    operation = RunSQL(f"INSERT INTO {TAG} (name) VALUES ('by migration')")
    with mode("raise"), connection.schema_editor() as editor:
        operation.database_forwards("testapp", editor, state, state)

    assert Tag.objects.get().name == "by migration"


@pytest.mark.django_db(transaction=True)
def test_flush_passes_because_it_empties_the_log_too() -> None:
    Tag.objects.create(name="sale")

    with mode("raise"):
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)

    assert (Tag.objects.count(), Entry.objects.count()) == (0, 0)


# warning


@pytest.fixture
def unknown_places() -> Iterator[None]:
    tripwire.forget()
    yield
    tripwire.forget()


@pytest.mark.django_db
@pytest.mark.usefixtures("unknown_places")
def test_each_place_is_warned_of_once_with_file_and_line(caplog: pytest.LogCaptureFixture) -> None:
    with mode("warn"), warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING, "auditlog"):
        warnings.simplefilter("always")
        for name in ("a", "b"):
            run(f"INSERT INTO {TAG} (name) VALUES ('{name}')")

    line = inspect.getsourcelines(run)[1] + 2
    message = f"The recorded table {TAG} is written past the audit log: INSERT INTO {TAG} (name) VALUES ('…')"
    assert [(str(each.message), each.category, each.filename, each.lineno) for each in caught] == [
        (message, UnrecordedWriteWarning, __file__, line)
    ]
    assert [record.getMessage() for record in caplog.records] == [f"{__file__}:{line}: {message}"]
    assert Tag.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("unknown_places")
@pytest.mark.parametrize(("debug", "told"), [(True, 1), (False, 0)])
def test_by_default_it_warns_where_debug_is_on(debug: bool, told: int) -> None:
    with (
        override_settings(DEBUG=debug),
        mode(None),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        run(INSERT)

    assert len(caught) == told


@pytest.mark.django_db
@pytest.mark.usefixtures("unknown_places")
def test_a_long_statement_is_cut() -> None:
    with mode("warn"), pytest.warns(UnrecordedWriteWarning) as caught:
        run(f"DELETE FROM {TAG} WHERE id IN ({', '.join(['0'] * 500)})")

    (shown,) = (str(each.message).partition(": ")[2] for each in caught)
    assert shown == f"DELETE FROM {TAG} WHERE id IN ({', '.join(['0'] * 500)})"[:200]


# on which connections


@pytest.mark.django_db
def test_every_connection_is_watched_once_also_when_it_connects_again() -> None:
    other = connections["default"].copy()
    try:
        other.connect()
        other.close()
        other.connect()
        found = other.execute_wrappers.count(tripwire.guard)
    finally:
        other.close()

    assert (found, connection.execute_wrappers[0]) == (1, tripwire.guard)


@pytest.mark.django_db
def test_a_wrapper_of_the_projects_own_stays_where_it_was() -> None:
    seen = []

    def own(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    before = list(connection.execute_wrappers)
    with connection.execute_wrapper(own):
        tripwire.install()
        run("SELECT 1")

    assert (seen, connection.execute_wrappers) == (["SELECT 1"], before)


@pytest.mark.django_db
def test_installing_is_undone_and_done_again() -> None:
    tripwire.uninstall()
    try:
        passed = not refused(INSERT)
    finally:
        tripwire.install()

    assert (passed, refused(INSERT)) == (True, True)


FRESH = """
import warnings
from django.conf import settings
settings.configure(SECRET_KEY="x", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "auditlog"],
    AUDITLOG={"MODELS": {"auth.Group": {}}, "UNRECORDED_WRITES": "raise"})
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_migrate
def write(**kwargs):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES ('%s')" % kwargs["plan"])
from django.apps import apps
post_migrate.connect(write, sender=apps.get_app_config("auth"))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    call_command("migrate", "auth", verbosity=0)
print([each.category.__name__ for each in caught])
call_command("migrate", verbosity=0)
"""


def test_before_the_table_exists_migrate_may_write_and_afterwards_no_more() -> None:
    folder = Path(__file__).parent.parent

    done = subprocess.run([sys.executable, "-c", FRESH], cwd=folder, capture_output=True, text=True, check=False)

    assert done.stdout == "['RuntimeWarning']\n"
    assert "UnrecordedWriteError: <string>:15 would write the recorded table auth_group" in done.stderr


@pytest.mark.parametrize("value", ["ignore", "warn", "raise", None])
def test_the_values_of_the_setting_are_known(value: str | None) -> None:
    with mode(value):
        assert list(checks.check_settings(None)) == []


@override_settings(AUDITLOG={"UNRECORDED_WRITES": "error"})
def test_e011() -> None:
    (message,) = checks.check_settings(None)

    assert (message.id, message.msg, message.hint) == (
        "auditlog.E011",
        "AUDITLOG['UNRECORDED_WRITES'] is 'error'.",
        'Write "ignore", "warn" or "raise"; None warns when DEBUG is on and ignores otherwise.',
    )
