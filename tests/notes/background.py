"""Work outside the request, by hand: a thread, and a task queue that knows nothing of the audit log."""

from __future__ import annotations

# shown on docs/background.md from here
import json
from collections.abc import Callable
from contextvars import copy_context
from threading import Thread

import auditlog
from tests.notes.library.models import Book

queue: list[str] = []
"""Stands for whatever carries a message to another process."""


def in_thread(work: Callable[[], None]) -> Thread:
    """Start work in a thread that acts for the same user, in the same changeset."""
    thread = Thread(target=copy_context().run, args=(work,))
    thread.start()
    return thread


def send(title: str) -> None:
    """In the request: the context goes beside the task's arguments."""
    queue.append(json.dumps({"title": title, "context": auditlog.pack_context()}))


def work() -> None:
    """In the worker: the task runs for whoever sent it, in a changeset of its own."""
    message = json.loads(queue.pop(0))
    with auditlog.task_context(message["context"], task="library.add_book"):
        Book.objects.create(title=message["title"])
