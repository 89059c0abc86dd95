"""Celery: a worker in another process writes under the actor of the request that queued the task."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient

from auditlog import context, contexts
from auditlog.integrations import celery as integration
from auditlog.models import Entry
from tests import celery_app
from tests.celery_programs import done, entries, queue, told, working
from tests.testapp.models import Tag

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.background_urls")]


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    """This process has imported Celery long after Django was set up."""
    integration.install()
    yield
    integration.uninstall()


@pytest.fixture(scope="module")
def worker(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), working("prefork"):
        yield


def test_the_user_acts_in_the_task(worker: None) -> None:
    ana = User.objects.create_user("ana", is_staff=True)

    task_id = queue(ana, "write", "word")
    done(task_id)

    request, task = entries()["request"], entries()["word"]
    assert told(task) == (
        ana.pk, "ana", "192.0.2.7",
        {
            "flags": {"staff": True}, "request_id": "r-1", "task": "tests.celery_app.write", "task_id": task_id,
            "origin_changeset": str(request.changeset),
        },
    )  # fmt: skip
    assert task.changeset != request.changeset
    assert contexts.current() is None


async def test_a_lazy_user_of_an_async_view(worker: None) -> None:
    """Neither the task nor the rest of the request loses the user."""
    client = AsyncClient()
    bea = await User.objects.acreate(username="bea")
    await client.aforce_login(bea)

    response = await client.get("/astart/write?word=async")
    done(response.content.decode())

    found = [entry async for entry in Entry.objects.for_model(Tag)]
    await sync_to_async(connections.close_all)()  # the thread's own, before the test database goes
    assert {(entry.object_repr, entry.actor_id) for entry in found} == {("async", bea.pk), ("request", bea.pk)}


def test_reason_and_facts_come_along(worker: None) -> None:
    with context(actor="robot", reason="Aufräumen", batch=7) as here:
        task_id = celery_app.write.delay("word").id
    done(task_id)

    task = entries()["word"]
    assert (*told(task), task.reason) == (
        None, "robot", None,
        {
            "batch": 7, "task": "tests.celery_app.write", "task_id": task_id,
            "origin_changeset": str(here.changeset),
        },
        "Aufräumen",
    )  # fmt: skip


def test_a_task_that_nobody_caused(worker: None) -> None:
    """It comes after one that failed in the same worker, and nothing of that is left."""
    ana = User.objects.create_user("ana")
    failing = queue(ana, "fail", "failed")
    assert isinstance(done(failing, propagate=False), LookupError)

    ids = [celery_app.write.delay(f"{number}").id for number in range(4)]
    for task_id in ids:
        done(task_id)

    found = entries()
    assert told(found["failed"])[:2] == (ana.pk, "ana")
    assert [told(found[f"{number}"]) for number in range(4)] == [
        (None, "task:tests.celery_app.write", None, {"task": "tests.celery_app.write", "task_id": task_id})
        for task_id in ids
    ]
    assert len({entry.changeset for entry in found.values()}) == len(found)


def test_a_retry_has_the_origin_of_the_first_attempt(worker: None) -> None:
    ana = User.objects.create_user("ana")

    done(queue(ana, "again", "try"))

    found = entries()
    assert told(found["try 0"]) == told(found["try 1"])
    assert found["try 0"].context["origin_changeset"] == str(found["request"].changeset)
    assert len({entry.changeset for entry in found.values()}) == 3


def test_a_task_that_starts_another(worker: None) -> None:
    """Each names the changeset that started it, and the first of all, which leads past one that wrote nothing."""
    ana = User.objects.create_user("ana")

    done(done(done(queue(ana, "start", "word"))))

    found = entries()
    root = str(found["request"].changeset)
    relayed, written = found["word relayed"], found["word written"]
    assert [told(entry)[:3] for entry in (relayed, written)] == [(ana.pk, "ana", "192.0.2.7")] * 2
    assert [entry.context["root_changeset"] for entry in (relayed, written)] == [root, root]
    assert written.context["origin_changeset"] == str(relayed.changeset)
    assert [entry.context["task"] for entry in (relayed, written)] == [
        "tests.celery_app.relay",
        "tests.celery_app.write",
    ]


@pytest.mark.parametrize(
    "header",
    ["{", "[]", "7", '{"actor": 1, "facts": [], "changeset": "x", "remote_addr": "y"}', "[" * 100_000, {"actor": "x"}],
    ids=["broken", "list", "number", "types", "deep", "object"],
)
def test_a_garbage_header(worker: None, header: object) -> None:
    """The task runs and is recorded."""
    integration.uninstall()

    task_id = celery_app.write.apply_async(("word",), headers={integration.HEADER: header}).id
    done(task_id)

    assert told(entries()["word"]) == (
        None, "task:tests.celery_app.write", None, {"task": "tests.celery_app.write", "task_id": task_id},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["write", "fail", "again"])
def test_an_eager_task_is_a_changeset_too(name: str) -> None:
    """As in a worker; and after it the caller's context is there again."""
    ana = User.objects.create_user("ana")
    with context(actor=ana) as here:
        task_id = celery_app.app.tasks[f"tests.celery_app.{name}"].apply(("word",), throw=False).id
        assert contexts.current() is here
        Tag.objects.create(name="after")

    found = entries()
    facts = {"task": f"tests.celery_app.{name}", "task_id": task_id, "origin_changeset": str(here.changeset)}
    after = found.pop("after")
    assert [told(entry) for entry in found.values()] == [(ana.pk, "ana", None, facts)] * len(found)
    assert (after.changeset, after.context) == (here.changeset, {})
    assert here.changeset not in {entry.changeset for entry in found.values()}


AUTOMATIC = """
import sys
{imports}
import django
django.setup()
print("celery" in sys.modules, "auditlog.integrations.celery" in sys.modules)
"""


@pytest.mark.parametrize(("imports", "expected"), [("", "False False"), ("from celery import Celery", "True True")])
def test_celery_is_used_only_where_the_project_uses_it(imports: str, expected: str) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}

    ran = subprocess.run(
        [sys.executable, "-c", AUTOMATIC.format(imports=imports)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert ran.stdout.strip() == expected
