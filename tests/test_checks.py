"""System checks: one test per id, the whole message compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

import auditlog
from auditlog import checks, checks_databases
from auditlog.capture import writepaths
from auditlog.models import Entry
from tests.testapp.models import Article, Unregistered


def found(check: Any, **arguments: Any) -> list[tuple[str, str]]:
    return [(message.id, message.msg) for message in check(None, **arguments)]


@pytest.mark.django_db(databases=["default", "other"])
def test_this_project_is_clean_of_errors() -> None:
    call_command("check", fail_level="ERROR")


@override_settings(AUDITLOG={"MODEL": {}})
def test_e001() -> None:
    assert found(checks.check_settings) == [("auditlog.E001", "AUDITLOG has the unknown key 'MODEL'.")]


@override_settings(AUDITLOG={"MODELS": {"auth.Usr": {}, "nowhere.*": {}, "auth": {}, "auth.*": {}}})
def test_e002() -> None:
    assert found(checks.check_models) == [
        ("auditlog.E002", f"AUDITLOG['MODELS'] names {name!r}, which is no installed model or app.")
        for name in ("auth.Usr", "nowhere.*", "auth")
    ]


@override_settings(AUDITLOG={"MODELS": {"auth.User": {"masks": []}}})
def test_e003() -> None:
    [(identifier, message)] = found(checks.check_models)

    assert identifier == "auditlog.E003"
    assert message.startswith("AUDITLOG['MODELS']['auth.User']: auditlog.register() has no argument masks; it takes ")


def test_e004_and_e005() -> None:
    auditlog.register(Unregistered, include=["nam"], exclude=["product"])
    try:
        messages = found(checks.check_registrations)
    finally:
        auditlog.unregister(Unregistered)

    assert messages == [
        ("auditlog.E004", "testapp.unregistered is registered with include='nam', which is none of its fields."),
        ("auditlog.E005", "testapp.unregistered is registered with both include= and exclude=."),
    ]


def test_e006(monkeypatch: pytest.MonkeyPatch) -> None:
    def save_base(self: Any, raw: bool = False) -> None: ...

    monkeypatch.setattr("django.db.models.Model.save_base", save_base)

    [(identifier, message)] = found(checks.check_verbs)
    assert identifier == "auditlog.E006"
    assert message.startswith("Model.save_base of this Django takes self, raw; the audit log knows it with self, raw,")


def test_e007_finds_the_other_distribution(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "django_auditlog-3.4.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: django-auditlog\nVersion: 3.4.1\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert "auditlog.E007" in [identifier for identifier, _ in found(checks.check_project)]


@override_settings(MIDDLEWARE=[])
def test_w001() -> None:
    assert found(checks.check_project)[0] == (
        "auditlog.W001",
        "The audit log's middleware is not installed: entries will not say which request and user made a change.",
    )


def test_w002() -> None:
    assert "testapp.Unregistered" in checks.undecided_models()
    with override_settings(AUDITLOG={"IGNORED_MODELS": ["testapp.Unregistered"]}):
        assert "testapp.Unregistered" not in checks.undecided_models()
    with override_settings(AUDITLOG={"IGNORED_MODELS": ["testapp.*"]}):
        assert not [name for name in checks.undecided_models() if name.startswith("testapp.")]
    assert Article._meta.label not in checks.undecided_models()


@pytest.mark.django_db(transaction=True)
def test_e009() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auditlog_entry RENAME TO auditlog_elsewhere")
    try:
        messages = found(checks_databases.check_databases, databases=["default"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE auditlog_elsewhere RENAME TO auditlog_entry")

    assert messages[0] == (
        "auditlog.E009",
        "Database 'default' has no table auditlog_entry: recorded models cannot be changed on it.",
    )


@pytest.fixture
def converted(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A table's name and engine; one on that engine stands in the place of the real table."""
    table, engine = request.param
    with connection.cursor() as cursor:
        cursor.execute(f"RENAME TABLE {table} TO {table}_aside")
        cursor.execute(f"CREATE TABLE {table} (id integer) ENGINE={engine}")
    yield table, engine
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table}")
        cursor.execute(f"RENAME TABLE {table}_aside TO {table}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "mysql", reason="about MariaDB and MySQL only: run with DB=mariadb")
@pytest.mark.parametrize(
    "converted",
    [("testapp_category", "MyISAM"), ("testapp_product_tags", "MyISAM"), ("auditlog_entry", "Aria")],
    indirect=True,
)
def test_e010(converted: tuple[str, str]) -> None:
    table, engine = converted

    [(identifier, message)] = found(checks_databases.check_tables, databases=["default"])

    assert identifier == "auditlog.E010"
    assert message == (
        f"Table {table!r} of database 'default' is on {engine}, an engine without transactions: a change and its entry "
        "could not commit together."
    )


@pytest.mark.django_db(databases=["default", "other"])
def test_no_table_of_the_tests_is_without_transactions() -> None:
    assert found(checks_databases.check_tables, databases=["default", "other"]) == []


@pytest.mark.django_db(databases=["default", "other"])
def test_django_finds_nothing_in_the_entry_on_this_database() -> None:
    assert Entry.check(databases=["default", "other"]) == []


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite only")
def test_w003() -> None:
    [(identifier, message)] = found(checks_databases.check_databases, databases=["default"])

    assert (identifier, message.split(":")[0]) == (
        "auditlog.W003",
        "SQLite database 'default' begins transactions DEFERRED",
    )


def test_the_verbs_are_those_that_are_checked() -> None:
    assert {(owner, name) for owner, name, _ in writepaths._VERBS} == set(checks._SIGNATURES)
