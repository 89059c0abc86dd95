"""The tripwire: notices a statement that writes a recorded table outside the write paths of the ORM.

It looks at the text of every statement on its way to the database. What a write path accounts for runs within
:class:`allowing`; anything else that writes a watched table is what the setting ``UNRECORDED_WRITES`` says: ignored,
warned of, or refused.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar, Token
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any

import django
from django.conf import settings as django_settings
from django.db import connections, models
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.signals import connection_created

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.sql_tokens import without_values
from auditlog.capture.sql_writes import written_tables
from auditlog.conf import settings
from auditlog.exceptions import UnrecordedWriteError, UnrecordedWriteWarning
from auditlog.recording import has_table, is_paused

logger = logging.getLogger("auditlog")

_SHOWN = 200
"""Characters of the statement that a report shows."""

_HARMLESS = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT", "BEGIN", "PRAGMA")
_INNER = tuple(f"{folder}{os.sep}" for folder in (Path(django.__file__).parent, Path(__file__).parent.parent))
_DJANGO_ITSELF = {"execute": BaseDatabaseSchemaEditor, "execute_sql_flush": BaseDatabaseOperations}

_allowed: ContextVar[frozenset[str]] = ContextVar("auditlog_allowed_tables", default=frozenset())
_watched: dict[str, str] | None = None
_told: set[tuple[str, int, str]] = set()


class allowing:  # noqa: N801 - a function to those who use it
    """Within the block, statements that write these tables (``db_table``) are accounted for; blocks add up."""

    __slots__ = ("_tables", "_token")

    def __init__(self, tables: Collection[str]) -> None:
        self._tables = frozenset(tables)
        self._token: Token[frozenset[str]] | None = None

    def __enter__(self) -> None:
        outer = _allowed.get()
        self._token = _allowed.set(outer | self._tables if outer else self._tables)

    def __exit__(self, *error: object) -> None:
        assert self._token is not None
        _allowed.reset(self._token)


def install() -> None:
    """Watch every connection, those that are open and those to come; a second call changes nothing."""
    registry.observe(_renew, _renew)
    connection_created.connect(_on_connection_created, dispatch_uid="auditlog.tripwire")
    for connection in connections.all(initialized_only=True):
        _watch(connection)


def uninstall() -> None:
    """Watch no connection of this thread any more, nor any to come."""
    connection_created.disconnect(dispatch_uid="auditlog.tripwire")
    for connection in connections.all(initialized_only=True):
        connection.execute_wrappers[:] = [each for each in connection.execute_wrappers if each is not guard]


def _on_connection_created(connection: Any, **kwargs: Any) -> None:
    _watch(connection)


def _watch(connection: Any) -> None:
    if guard not in connection.execute_wrappers:  # a connection keeps it when it connects again
        connection.execute_wrappers.insert(0, guard)  # not at the end, which execute_wrapper() takes away


def _renew(registration: Registration) -> None:
    global _watched  # noqa: PLW0603 - made anew when it is next asked for
    _watched = None


def watched_tables() -> dict[str, str]:
    """The tables of all recorded models and relations: bare name in lower case -> ``db_table``."""
    global _watched  # noqa: PLW0603 - kept until a registration comes or goes
    if _watched is None:
        _watched = {_bare(table): table for each in tuple(registry.by_model.values()) for table in _tables_of(each)}
    return _watched


def is_watched(table: str) -> bool:
    """Whether writes to this ``db_table`` are noticed."""
    return _bare(table) in watched_tables()


def _tables_of(registration: Registration) -> Iterator[str]:
    yield registration.model._meta.db_table
    for field in registration.m2m:
        through = field.remote_field.through
        if isinstance(through, type) and issubclass(through, models.Model):  # a name while models are still loading
            yield through._meta.db_table


def _bare(table: str) -> str:
    """The last part of a name that brings its schema along, as in ``db_table='shop"."product'``."""
    return table.rpartition('"."')[2].strip('"').lower()


def guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Look at one statement, then execute it; see ``connection.execute_wrapper`` of Django."""
    if not (isinstance(sql, str) and sql.startswith(_HARMLESS) and ";" not in sql):
        _judge(sql, context["connection"])
    return execute(sql, params, many, context)


def _judge(sql: Any, connection: Any) -> None:
    text = _text(sql, connection)
    watched, allowed = watched_tables(), _allowed.get()
    for name in written_tables(text, connection.vendor):
        table = watched.get(name)
        if table is not None and table not in allowed and (mode := _mode()) != "ignore":
            if _is_excused(connection.alias):
                return
            _report(mode, table, without_values(text, connection.vendor)[:_SHOWN])


def _text(sql: Any, connection: Any) -> str:
    """The statement as text; drivers also take bytes, and objects that are composed of parts."""
    if hasattr(sql, "as_string"):
        return str(sql.as_string(connection.connection))
    return sql.decode(errors="replace") if isinstance(sql, bytes) else str(sql)


def _mode() -> str:
    chosen: str | None = settings.UNRECORDED_WRITES
    if chosen is not None:
        return chosen
    return "warn" if django_settings.DEBUG else "ignore"


def _is_excused(using: str) -> bool:
    """Whether nothing would be recorded now anyway, or Django itself changes or empties the tables."""
    return not settings.ENABLED or is_paused() or any(map(_is_django_itself, _frames())) or not has_table(using)


def _frames() -> Iterator[FrameType]:
    return (frame for frame, _ in walk_stack(None))


def _is_django_itself(frame: FrameType) -> bool:
    """A statement of a migration's schema editor, or of ``flush``, which empties the log too."""
    kind = _DJANGO_ITSELF.get(frame.f_code.co_name)
    return kind is not None and isinstance(frame.f_locals.get("self"), kind)


def _report(mode: str, table: str, sql: str) -> None:
    file, line = _caller()
    place = f"{file}:{line}"
    if mode == "raise":
        raise UnrecordedWriteError(
            f"{place} would write the recorded table {table} past the audit log. Use the ORM; or wrap it in "
            f"auditlog.paused(reason='...') and say with auditlog.record() what it changed. The statement: {sql}"
        )
    if (file, line, table) in _told:
        return
    _told.add((file, line, table))
    message = f"The recorded table {table} is written past the audit log: {sql}"
    logger.warning("%s: %s", place, message)
    warnings.warn_explicit(message, UnrecordedWriteWarning, file, line)


def _caller() -> tuple[str, int]:
    """The file and line that sent the statement: the first outside Django and the audit log."""
    for frame in _frames():
        if not frame.f_code.co_filename.startswith(_INNER):
            return frame.f_code.co_filename, frame.f_lineno
    return "<unknown>", 0


def forget() -> None:
    """Warn again of places that were warned of before."""
    _told.clear()
