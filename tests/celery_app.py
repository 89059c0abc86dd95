"""A project's Celery app, and tasks that write; messages and results are files, so no server is needed.

``python -m celery -A tests.celery_app worker`` runs them in a process of its own, with ``tests.settings_tasks``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from celery import Celery

from tests import file_broker

if "CELERY_FOLDER" not in os.environ:  # the first process makes it for those that it starts
    os.environ["CELERY_FOLDER"] = tempfile.mkdtemp(prefix="auditlog-celery-")
    atexit.register(shutil.rmtree, os.environ["CELERY_FOLDER"], ignore_errors=True)
FOLDER = Path(os.environ["CELERY_FOLDER"])
QUEUE, RESULTS, CONTROL = (FOLDER / name for name in ("queue", "results", "control"))
for folder in (QUEUE, RESULTS, CONTROL):
    folder.mkdir(exist_ok=True)
if not (EXCHANGE := CONTROL / "celery.exchange").exists():  # by the first process, so that none finds it half-written
    EXCHANGE.write_text("[]")

app = Celery("tests")
app.conf.update(
    broker_url=file_broker.URL,
    broker_transport_options={
        "data_folder_in": str(QUEUE), "data_folder_out": str(QUEUE), "control_folder": str(CONTROL),
        "polling_interval": 0.05,
    },
    result_backend=RESULTS.as_uri(),
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "tests.celery_app.write", "schedule": 0.5, "args": ("tick",)}},
)  # fmt: skip


def tag(name: str) -> None:
    """Write one row, which is recorded; models are there only when Django is set up."""
    from tests.testapp.models import Tag  # noqa: PLC0415

    Tag.objects.create(name=name)


def wait_for_tag(name: str) -> None:
    """Return when another process has committed that tag; fail after a minute."""
    from tests.testapp.models import Tag  # noqa: PLC0415

    deadline = time.monotonic() + 60
    while not Tag.objects.filter(name=name).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(0.02)


@app.task
def write(word: str) -> None:
    tag(word)


@app.task
def fail(word: str) -> None:
    tag(word)
    raise LookupError(word)


@app.task(bind=True)
def again(self: Any, word: str) -> None:
    """The first attempt asks for a second."""
    tag(f"{word} {self.request.retries}")
    if not self.request.retries:
        raise self.retry(countdown=0)


@app.task
def start(word: str) -> str:
    """A task that writes nothing and starts another, as those that share out work do."""
    return str(relay.delay(word).id)


@app.task
def relay(word: str) -> str:
    """A task that starts another."""
    tag(f"{word} relayed")
    return str(write.delay(f"{word} written").id)


@app.task
def meet(word: str, others: str) -> None:
    """It writes, waits until the other has written, and writes again."""
    tag(word)
    wait_for_tag(others)
    tag(f"{word} again")
