"""Where entries are kept: on the database of the rows that they are about, or on a separate one by the routers.

The table of entries belongs on every database whose rows are recorded. Where the project's routers do not allow it
there (``allow_migrate``), entries go to the database that they choose for writing :class:`auditlog.models.Entry`.
"""

from __future__ import annotations

from django.db import router

from auditlog.models import Entry
from auditlog.query.querysets import EntryQuerySet

DATABASE_FACT = "database"
"""The fact that tells, in a separate audit database, which database an entry's row is on."""


def log_alias(using: str) -> str:
    """The alias of the database that keeps the entries about rows on the database ``using``."""
    if router.allow_migrate_model(using, Entry):
        return using
    return router.db_for_write(Entry)


def entries_about(using: str) -> EntryQuerySet:
    """The entries about rows on the database ``using``."""
    kept = log_alias(using)
    entries = Entry.objects.using(kept)
    return entries if kept == using else entries.filter(**{f"context__{DATABASE_FACT}": using})
