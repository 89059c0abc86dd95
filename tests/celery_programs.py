"""Celery's programs on a test's database, requests that start tasks, and what the tasks left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.result import AsyncResult
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from auditlog.models import Entry
from tests import celery_app
from tests.testapp.models import Tag

TIMEOUT = 30
HEADERS = {"x-request-id": "r-1"}


@contextmanager
def program(*arguments: str) -> Iterator[None]:
    """A Celery program on this test's database."""
    environment = {
        **os.environ,
        "DB_NAME": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.settings_tasks",
    }
    log = (celery_app.FOLDER / "log").open("a+")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tests.celery_app", *arguments],
        env=environment, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield
    finally:
        ended = process.poll()
        process.terminate()
        process.wait(TIMEOUT)
        log.seek(0)
        printed = log.read()
        log.close()
        assert ended is None, printed


@contextmanager
def working(pool: str) -> Iterator[None]:
    """A worker; one at a time, because two that reach for the same file of the queue may both lose it."""
    with program("worker", f"--pool={pool}", "--concurrency=2", "--without-gossip", "--without-mingle"):
        yield


def queue(user: User, name: str, *words: str) -> str:
    """Have a request of the user start a task; its id."""
    client = Client(headers=HEADERS)
    client.force_login(user)
    return client.get(f"/start/{name}", {"word": words}, REMOTE_ADDR="192.0.2.7").content.decode()


def done(task_id: str, *, propagate: bool = True) -> Any:
    return AsyncResult(task_id, app=celery_app.app).get(timeout=TIMEOUT, propagate=propagate)


def entries() -> dict[str, Entry]:
    """The entries of tags, by the tag's name."""
    return {entry.object_repr: entry for entry in Entry.objects.for_model(Tag)}


def told(entry: Entry) -> tuple[Any, ...]:
    return entry.actor_id, entry.actor_repr, entry.remote_addr, entry.context
