"""System checks of the databases, which run in ``migrate`` and in ``check --database``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.db import connections, models, router

from auditlog import failures
from auditlog.capture.registry import registrations
from auditlog.contexts import command_is_running
from auditlog.databases import entries_about, log_alias
from auditlog.models import Action, Entry


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
        if not has_log(alias) and log_alias(alias) == alias and not command_is_running("migrate"):
            yield Error(
                f"Database {alias!r} has no table {Entry._meta.db_table}: recorded models cannot be changed on it.",
                hint=f"Run 'manage.py migrate auditlog --database {alias}'. If that does nothing, because "
                f"this is a copy without the log: first 'manage.py migrate auditlog zero --fake --database {alias}'.",
                id="auditlog.E009",
            )
        if connection.vendor == "sqlite" and getattr(connection, "transaction_mode", None) is None:
            yield CheckWarning(
                f"SQLite database {alias!r} begins transactions DEFERRED: one that reads before it writes can fail "
                "with 'database is locked'.",
                hint='Set DATABASES[...]["OPTIONS"]["transaction_mode"] = "IMMEDIATE".',
                id="auditlog.W003",
            )


def has_log(alias: str) -> bool:
    """Whether the database has the table of entries."""
    return Entry._meta.db_table in connections[alias].introspection.table_names()


def check_separate_log(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """W004: entries kept on another database than the rows they are about."""
    for alias in databases or ():
        kept = log_alias(alias)
        if kept != alias and any(router.allow_migrate_model(alias, each.model) for each in registrations()):
            yield CheckWarning(
                f"Entries about rows on database {alias!r} are kept on {kept!r}: two databases cannot commit as one, "
                "so a process that dies between the two commits leaves a change without its entry.",
                hint="Read docs/databases.md, run 'manage.py auditlog_verify --drift' regularly; then silence this.",
                id="auditlog.W004",
            )


def check_missing_entries(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """W005: entries that could not be written, and of which nobody has said that they are repaired."""
    for alias in databases or ():
        missing = _missing_entries(alias) if has_log(log_alias(alias)) else 0
        if missing:
            yield CheckWarning(
                f"{missing} entries about rows on database {alias!r} could not be written.",
                hint="The log 'auditlog' has each of them in a line 'entry not written', and 'manage.py "
                "auditlog_verify --drift' names the rows. When that is settled: "
                f'auditlog.record(event="{failures.REPAIRED}", reason="...").',
                id="auditlog.W005",
            )


def _missing_entries(alias: str) -> int:
    """The number told by the entries since it was last said that all is repaired."""
    events = entries_about(alias).filter(model="", object_id="", action=Action.EVENT)
    repaired = events.filter(event=failures.REPAIRED).order_by("-id").values_list("id", flat=True).first()
    told = events.filter(event=failures.FAILED, id__gt=repaired or 0).values_list("context", flat=True)
    return sum(context["missing"] for context in told)


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
