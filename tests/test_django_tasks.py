"""Django's own tasks, run in the request and by a worker in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from auditlog.models import Entry
from tests.testapp.models import Tag

MODULE = "tests.task_queue"
TABLE = "django_tasks_database_dbtaskresult"
pytestmark = pytest.mark.django_db(transaction=True)


def program(*arguments: str) -> str:
    """What a program of the project with the queue prints; on this test's database."""
    environment = {
        **os.environ,
        "DB_NAME": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.settings_tasks",
    }
    ran = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def told() -> dict[str, tuple[Any, ...]]:
    """The entries of tags by the tag's name."""
    return {
        entry.object_repr: (entry.actor_id, entry.actor_repr, entry.remote_addr, entry.reason, entry.context)
        for entry in Entry.objects.for_model(Tag)
    }


def changesets() -> dict[str, str]:
    return {name: str(found) for name, found in Entry.objects.for_model(Tag).values_list("object_repr", "changeset")}


def check(ids: dict[str, str]) -> None:
    """Every task acted for the user whose request started it, in a changeset of its own."""
    found, changeset = told(), changesets()
    for name in ("ana", "bea"):
        key = User.objects.get(username=name).pk
        came = {"request_id": f"r-{name}", "origin_changeset": changeset[f"{name} request"]}
        for task in ("write", "fail", "relay"):
            facts = {**came, "task": f"{MODULE}.{task}", "task_id": ids[f"{name} {task}"]}
            assert found[f"{name} {task}"] == (key, name, "192.0.2.7", "why", facts)
        last = found[f"{name} relay again"]
        origins = {"origin_changeset": changeset[f"{name} relay"], "root_changeset": changeset[f"{name} request"]}
        assert last[:4] == (key, name, "192.0.2.7", "why")
        assert {fact: last[4][fact] for fact in origins} == origins
        assert changeset[f"{name} after"] == changeset[f"{name} request"]
        assert found[f"{name} after"] == found[f"{name} request"]
    facts = {"task": f"{MODULE}.write", "task_id": ids["nobody"]}
    assert found["nobody"] == (None, f"task:{MODULE}.write", None, "", facts)
    assert len(set(changeset.values())) == len(changeset) - len(("ana after", "bea after"))


def queued(backend: str) -> dict[str, str]:
    """The ids of the tasks that a process has put into a queue."""
    code = f"import django; django.setup(); from tests.task_queue import queue; queue({backend!r})"
    ids: dict[str, str] = json.loads(program("-c", code))
    return ids


def test_tasks_that_run_in_the_request() -> None:
    check(queued("here"))


def test_tasks_that_a_worker_runs() -> None:
    program("-m", "django", "migrate", "django_tasks_database", "--verbosity=0")
    ids = queued("default")
    assert sorted(told()) == ["ana after", "ana request", "bea after", "bea request"]

    program("-m", "django", "db_worker", "--batch", "--no-startup-delay")

    check(ids)


def test_a_row_with_garbage_runs() -> None:
    program("-m", "django", "migrate", "django_tasks_database", "--verbosity=0")
    ids = queued("default")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, args_kwargs FROM {TABLE}")
        for key, stored in cursor.fetchall():
            row = {**json.loads(stored), "auditlog": ["x"]}
            cursor.execute(f"UPDATE {TABLE} SET args_kwargs = %s WHERE id = %s", [json.dumps(row), key])

    program("-m", "django", "db_worker", "--batch", "--no-startup-delay")

    found = told()
    assert found["ana write"][:2] == (None, f"task:{MODULE}.write")
    assert found["ana write"][4] == {"task": f"{MODULE}.write", "task_id": ids["ana write"]}
