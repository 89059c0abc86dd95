"""System checks of the databases, which run in ``migrate`` and in ``check --database``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.db import connections, models

from auditlog.capture.registry import registrations
from auditlog.contexts import command_is_running
from auditlog.models import Entry


def check_databases(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """E008: a database without transactions; E009: without the entry table; W003: SQLite without IMMEDIATE."""
    for alias in databases or ():
        connection: Any = connections[alias]
        if not connection.features.supports_transactions:
            yield Error(
                f"Database {alias!r} has no transactions: a change and its entry could not commit together.",
                hint="Use an engine with transactions (InnoDB).",
                id="auditlog.E008",
            )
        # migrate runs the checks before it makes the table
        if Entry._meta.db_table not in connection.introspection.table_names() and not command_is_running("migrate"):
            yield Error(
                f"Database {alias!r} has no table {Entry._meta.db_table}: recorded models cannot be changed on it.",
                hint=f"Run 'manage.py migrate auditlog --database {alias}'.",
                id="auditlog.E009",
            )
        if connection.vendor == "sqlite" and getattr(connection, "transaction_mode", None) is None:
            yield CheckWarning(
                f"SQLite database {alias!r} begins transactions DEFERRED: one that reads before it writes can fail "
                "with 'database is locked'.",
                hint='Set DATABASES[...]["OPTIONS"]["transaction_mode"] = "IMMEDIATE".',
                id="auditlog.W003",
            )


def check_tables(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """E010: a table of MariaDB or MySQL on an engine without transactions (MyISAM, Aria)."""
    for alias in databases or ():
        if connections[alias].vendor != "mysql":
            continue
        for table, engine in _tables_without_transactions(alias):
            yield Error(
                f"Table {table!r} of database {alias!r} is on {engine}, an engine without transactions: a change and "
                "its entry could not commit together.",
                hint=f"Run 'ALTER TABLE {table} ENGINE=InnoDB'.",
                id="auditlog.E010",
            )


def _tables_without_transactions(alias: str) -> list[tuple[str, str]]:
    """Name and engine of those of the tables that entries and recorded models are kept in."""
    names = {Entry._meta.db_table, *(table for each in registrations() for table in _tables_of(each.model))}
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT t.table_name, t.engine FROM information_schema.tables t "
            "JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_schema = DATABASE() AND e.transactions = 'NO' AND t.table_name IN %s ORDER BY t.table_name",
            [sorted(names)],
        )
        return [(str(table), str(engine)) for table, engine in cursor.fetchall()]


def _tables_of(model: type[models.Model]) -> set[str]:
    """The model's table, and those of its many-to-many relations."""
    links = (field.remote_field.through for field in model._meta.local_many_to_many)
    return {model._meta.db_table, *(through._meta.db_table for through in links if through is not None)}
