"""System check of what django-auditlog leaves in a database, see ``docs/from-django-auditlog.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import connections

_TABLE = "auditlog_logentry"


def check_leftovers(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """W006: foreign keys of the table that django-auditlog left, which Django no longer knows of."""
    for alias in databases or ():
        keys = _foreign_keys(alias)
        if keys:
            targets = ", ".join(sorted(set(keys.values())))
            yield CheckWarning(
                f"Table {_TABLE} of database {alias!r}, left by django-auditlog, points at {targets}: rows there that "
                "it names can no longer be deleted.",
                hint=f"Keep the table and take its foreign keys away: {_remedy(connections[alias].vendor, keys)}",
                id="auditlog.W006",
            )


def _foreign_keys(alias: str) -> dict[str, str]:
    """The table's foreign keys: the name of the constraint, and the table that it points at."""
    connection: Any = connections[alias]
    with connection.cursor() as cursor:
        if _TABLE not in connection.introspection.table_names(cursor):
            return {}
        constraints = connection.introspection.get_constraints(cursor, _TABLE)
    return {name: each["foreign_key"][0] for name, each in constraints.items() if each["foreign_key"]}


def _remedy(vendor: str, names: Iterable[str]) -> str:
    """The statements that take the foreign keys away; SQLite can only copy the table."""
    if vendor == "sqlite":
        copy = f"CREATE TABLE {_TABLE}_kept AS SELECT * FROM {_TABLE};"  # noqa: S608 - a constant
        return f"{copy} DROP TABLE {_TABLE}; ALTER TABLE {_TABLE}_kept RENAME TO {_TABLE};"
    what = "FOREIGN KEY" if vendor == "mysql" else "CONSTRAINT"
    return " ".join(f"ALTER TABLE {_TABLE} DROP {what} {name};" for name in sorted(names))
