"""The transaction in which a change and its entries are written, and whether anything is recorded at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from auditlog.capture.registration import Registration
from auditlog.capture.snapshot import in_transaction
from auditlog.conf import settings
from auditlog.recording import has_table, is_paused


@contextmanager
def unit(using: str, parts: Iterable[Registration]) -> Iterator[bool]:
    """The caller's transaction if he has one, else our own; yields whether it is our own.

    A table registered with ``transaction="caller"`` never gets one of ours. On SQLite ours begins IMMEDIATE: reading
    first would forbid to wait for the write lock later.
    """
    connection: Any = connections[using]
    if in_transaction(connection) or any(part.options.transaction == "caller" for part in parts):
        yield False
        return
    mode = getattr(connection, "transaction_mode", None)
    if connection.vendor == "sqlite":
        connection.transaction_mode = "IMMEDIATE"
    block = transaction.atomic(using, savepoint=False)
    try:
        block.__enter__()
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = mode
    with _exiting(block):
        yield True


@contextmanager
def _exiting(block: transaction.Atomic) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        block.__exit__(type(error), error, error.__traceback__)
        raise
    block.__exit__(None, None, None)


def is_recording(using: str) -> bool:
    """Whether changes on this database are recorded in this context."""
    return settings.ENABLED and not is_paused() and has_table(using)
