"""The context packed, and unpacked elsewhere: what comes along, and what garbage does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory

from auditlog import context, contexts, pack_context, register, task_context, unregister
from auditlog.carrying import enter_task, leave_task
from auditlog.models import Entry
from tests.notes import background
from tests.notes.library.models import Book
from tests.testapp.models import Tag

pytestmark = pytest.mark.django_db(transaction=True)


def last() -> Entry:
    return Entry.objects.for_model(Tag).latest("id")


def written(packed: Any) -> tuple[Any, ...]:
    """What an entry tells that a task writes with this message."""
    with task_context(packed, task="shop.tasks.send", task_id="7"):
        Tag.objects.create(name="x")
    entry = last()
    return entry.actor_id, entry.actor_repr, entry.remote_addr, entry.reason, entry.context


TASK = {"task": "shop.tasks.send", "task_id": "7"}
NOTHING = (None, "task:shop.tasks.send", None, "", TASK)


def test_nothing_is_packed_without_a_context() -> None:
    assert pack_context() == {}
    assert written({}) == NOTHING


def test_a_request_is_packed_without_its_secrets() -> None:
    request = RequestFactory().post(
        "/pay?card=4111",
        headers={"cookie": "sessionid=s3cret", "authorization": "Token s3cret", "user-agent": "Firefox"},
    )
    ana = User.objects.create_user("ana", is_superuser=True)
    request.user = ana
    request.real_user = User.objects.create_user("root")  # type: ignore[attr-defined]

    with contexts.during(request), context(reason="month's end", invoice=4) as here:
        packed = pack_context()

    assert packed == {
        "actor": {"id": ana.pk, "name": "ana", "flags": ["superuser"]},
        "real_user": {"id": request.real_user.pk, "name": "root"},  # type: ignore[attr-defined]
        "reason": "month's end",
        "facts": {"invoice": 4},
        "changeset": str(here.changeset),
        "root": str(here.changeset),
        "remote_addr": "127.0.0.1",
    }
    facts = {
        "invoice": 4, "flags": {"superuser": True}, "real_user": packed["real_user"],
        "origin_changeset": packed["changeset"], **TASK,
    }  # fmt: skip
    assert written(json.loads(json.dumps(packed))) == (ana.pk, "ana", "127.0.0.1", "month's end", facts)


def test_an_actor_named_in_the_task_is_not_impersonated() -> None:
    packed = {"actor": {"id": 1, "name": "ana", "flags": ["staff"]}, "real_user": {"id": 2, "name": "root"}}
    with task_context(packed, task="t"), context(actor="robot"):
        Tag.objects.create(name="x")

    assert (last().actor_repr, last().context) == ("robot", {"task": "t"})


@pytest.mark.parametrize(
    "packed",
    [
        None, 7, "text", [], {"actor": "ana"}, {"actor": {"id": "no number", "name": 4, "flags": "staff"}},
        {"actor": {"id": 2**80}}, {"actor": {"id": True}}, {"actor": {"id": 1.5}}, {"actor": {"id": ""}},
        {"actor": {"flags": ["staff", "root"]}, "facts": "x", "real_user": 1}, {"changeset": "x", "root": 4},
        {"remote_addr": "not an address"}, {"reason": ["x"], "request_id": {"x": 1}}, {3: 4},
        {"actor": {"id": "9" * 9000}}, {"facts": ["x"], "unknown": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_garbage_costs_only_itself(packed: Any) -> None:
    found = written(packed)

    assert found[:4] == NOTHING[:4]
    assert {name: found[4][name] for name in TASK} == TASK
    assert set(found[4]) - set(TASK) <= {"flags"}


def test_text_that_no_database_takes() -> None:
    nul, surrogate = chr(0), chr(0xD800)
    packed = {
        "actor": {"id": 5, "name": f"a{nul}{surrogate}" + "x" * 9000}, "reason": f"r{nul}{surrogate}",
        "facts": {f"k{nul}": f"v{surrogate}" + "x" * 9000}, "request_id": "x" * 9000, "trace_id": nul,
    }  # fmt: skip

    actor_id, name, _, reason, facts = written(packed)

    assert (actor_id, len(name), len(reason), len(facts["request_id"])) == (5, 200, 3, 500)
    stored = json.dumps([name, reason, facts], ensure_ascii=False)
    assert (nul in stored, surrogate in stored) == (False, False)


def test_commands_are_those_of_this_process() -> None:
    """A message cannot make a worker believe that ``migrate`` runs."""
    with contexts.command("migrate", runs_on=False, actor="command:migrate"):
        packed = pack_context()
    with contexts.command("db_worker", runs_on=True, actor="command:db_worker"), task_context(packed, task="t"):
        assert contexts.running_command() == "db_worker"
        assert contexts.command_is_running("migrate") is False
        Tag.objects.create(name="x")

    assert last().actor_repr == "command:migrate"
    assert last().context == {"command": "migrate", "task": "t", "origin_changeset": packed["changeset"]}


def test_a_worker_started_by_a_command() -> None:
    """Between the tasks it has a changeset per transaction; each task has one of its own."""
    with contexts.command("celery", runs_on=True, actor="command:celery"):
        found = {written({})[1]: last().changeset for _ in range(2)}
        Tag.objects.create(name="between")

    assert list(found) == ["task:shop.tasks.send"]
    assert last().actor_repr == "command:celery"
    assert len(set(Entry.objects.values_list("changeset", flat=True))) == 3


def test_the_task_that_ends_takes_what_was_left_open_with_it() -> None:
    with context(reason="outer") as outer:
        enter_task({}, task="t", task_id="1")
        enter_task({}, task="t", task_id="2")
        context(reason="left open").__enter__()
        leave_task("2")
        within = contexts.current()
        leave_task("never begun")
        assert contexts.current() is within
        leave_task("1")
        assert contexts.current() is outer


def test_a_task_that_sends_itself_again() -> None:
    packed = {"actor": {"id": None, "name": "ana"}, "changeset": str(UUID(int=7)), "root": str(UUID(int=6))}
    with task_context(packed, task="t", task_id="1") as here:
        assert pack_context("1") == packed
        assert pack_context("2") == {
            "actor": {"id": None, "name": "ana", "flags": []},
            "changeset": str(here.changeset),
            "root": str(UUID(int=6)),
        }


def test_the_example_of_a_thread() -> None:
    def work() -> None:
        try:
            Tag.objects.create(name="thread")
        finally:
            connection.close()

    with context(actor="robot") as here:
        background.in_thread(work).join()

    assert (last().actor_repr, last().changeset) == ("robot", here.changeset)


def test_the_example_of_a_queue() -> None:
    register(Book)
    try:
        with context(actor="robot", reason="delivery") as here:
            background.send("Emma")
        background.work()
    finally:
        unregister(Book)

    entry = Entry.objects.for_model(Book).get()
    facts = {"task": "library.add_book", "origin_changeset": str(here.changeset)}
    assert (entry.object_repr, entry.actor_repr, entry.reason, entry.context) == ("Emma", "robot", "delivery", facts)
    assert entry.changeset != here.changeset


def test_the_page_shows_the_examples() -> None:
    root = Path(__file__).resolve().parent
    shown = (root / "notes" / "background.py").read_text().partition("# shown on docs/background.md from here\n")[2]

    assert shown in (root.parent / "docs" / "background.md").read_text()
