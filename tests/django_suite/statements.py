"""Our statements among those of a test: entries are counted, and the log that ``assertNumQueries`` reads is Django's.

That recording adds statements is no news; with them left out, a test that counts its own judges everything else.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import django
from django.db import connections
from django.db.backends.signals import connection_created

import auditlog
from auditlog.capture.registry import registry
from auditlog.capture.writepaths import _VERBS

OURS = str(Path(auditlog.__file__).parent)
DJANGO = str(Path(django.__file__).parent)
PASSING = tuple(f"{OURS}/{name}" for name in ("middleware.py", "requests.py", "integrations/commands.py"))
"""Code of ours through which Django calls itself, without sending statements for us."""

entries = 0


def count(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Execute one statement and count the entries that it writes."""
    global entries  # noqa: PLW0603 - the count of this process
    result = execute(sql, params, many, context)
    if isinstance(sql, str) and sql.startswith('INSERT INTO "auditlog_entry"'):
        entries += sql.count("), (") + 1
    return result


class Visible(deque[Any]):
    """A connection's log of statements without ours."""

    def append(self, item: Any) -> None:
        if not is_ours(sys._getframe(1)):
            super().append(item)


def install() -> None:
    """Watch all connections, those that are open and those to come; a second call changes nothing."""
    connection_created.connect(watch, dispatch_uid="everything")
    atexit.unregister(tell)
    atexit.register(tell)
    for connection in connections.all():
        watch(connection)


def watch(connection: Any, **kwargs: Any) -> None:
    """Count the entries that the connection writes, and keep our statements out of its log where that is asked for."""
    if count not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, count)
        if os.environ["SUITE_MODE"] == "recorded":
            connection.queries_log = Visible(connection.queries_log, connection.queries_log.maxlen)


def tell() -> None:
    """Add the numbers of entries and of registered models to the report."""
    with Path(os.environ["SUITE_REPORT"]).open("a") as file:
        file.write(json.dumps({"entries": entries, "models": len(registry.by_model)}) + "\n")


def _verbs() -> set[CodeType]:
    """Django's own verbs, which ours call: what they send, Django alone would send too."""
    wrapped = [owner.__dict__[name] for owner, name, _ in _VERBS]
    return {getattr(verb, "__wrapped__", verb).__code__ for verb in wrapped}


def is_ours(frame: FrameType | None) -> bool:
    """Whether Django alone would not send the statement: the nearest code outside Django is ours and calls no verb."""
    verbs, inner = _verbs(), None
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(OURS) and not name.startswith(PASSING):
            return inner is None or inner.f_code not in verbs
        if not name.startswith((DJANGO, __file__, *PASSING)) and not name.endswith("contextlib.py"):
            return False
        inner, frame = frame, frame.f_back
    return False
