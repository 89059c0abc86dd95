"""Changesets: the id that groups the entries of one request, command, task, block or transaction."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import UUID

from django.db import connections


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    bits = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)


class _Mark:
    """Stands in for ``connection.commit_on_exit`` with the same truth.

    Django sets that attribute anew where an outermost transaction begins and nowhere else. So a mark that is still
    there was put there in this very transaction, whatever savepoints came and went and whichever ``Atomic`` is used
    again. A hook on commit would be seen by ``captureOnCommitCallbacks`` and tell nothing of a rollback.
    """

    def __init__(self, original: object) -> None:
        self.original = bool(original)
        self.changeset = uuid7()

    def __bool__(self) -> bool:
        return self.original


def of_transaction(using: str) -> UUID:
    """The changeset of the outermost transaction open on the database; a new one where none is open."""
    connection: Any = connections[using]
    if not connection.in_atomic_block:
        return uuid7()
    if not isinstance(connection.commit_on_exit, _Mark):
        connection.commit_on_exit = _Mark(connection.commit_on_exit)
    changeset: UUID = connection.commit_on_exit.changeset
    return changeset
