"""Entries that could not be written while their change stands: logged, counted, sent, told, asked about, repaired."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

import auditlog
from auditlog import checks_databases, failures
from auditlog.exceptions import RecordingError
from auditlog.models import Action, Entry
from auditlog.signals import recording_failed
from tests.helpers import live, replayed
from tests.test_faults import AWAY, rename
from tests.testapp.models import Lenient

pytestmark = pytest.mark.django_db(transaction=True)


class broken:  # noqa: N801 - a block
    """No entry can be written within it."""

    def __enter__(self) -> None:
        rename("auditlog_entry", AWAY)

    def __exit__(self, *error: object) -> None:
        rename(AWAY, "auditlog_entry")


@pytest.fixture(autouse=True)
def _nothing_missing() -> Iterator[None]:
    failures.take("default")
    yield
    failures.take("default")


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    calls: list[Any] = []

    def hear(**kwargs: Any) -> None:
        calls.append(kwargs)

    recording_failed.connect(hear)
    yield calls
    recording_failed.disconnect(hear)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The entries that the log tells."""
    messages = [record.getMessage() for record in caplog.records if "entry not written" in record.getMessage()]
    return [json.loads(message.split(": ", 2)[2]) for message in messages]


def missing() -> list[str]:
    return [each.msg for each in checks_databases.check_missing_entries(None, databases=["default"])]


def test_each_is_logged_whole_counted_and_sent(caplog: pytest.LogCaptureFixture, heard: list[Any]) -> None:
    with broken(), auditlog.context(actor="nightly", reason="import", batch=7):
        Lenient.objects.bulk_create([Lenient(name="a"), Lenient(name="b\n")])

    told = lines(caplog)
    assert [line["changes"]["name"] for line in told] == [[None, "a"], [None, "b\n"]]
    assert {(line["model"], line["actor_repr"], line["reason"], line["context"]["batch"]) for line in told} == {
        ("testapp.lenient", "nightly", "import", 7)
    }
    assert all("\n" not in record.getMessage() for record in caplog.records)
    [call] = heard
    assert (call["sender"], call["model"], call["using"], call["count"]) == (Lenient, "testapp.lenient", "default", 2)
    assert isinstance(call["error"], RecordingError)
    assert failures.count("default") == 2


def test_a_line_of_the_log_makes_the_entry(caplog: pytest.LogCaptureFixture) -> None:
    with broken(), auditlog.context(actor="nightly"):
        Lenient.objects.create(name="a")

    [line] = lines(caplog)
    Entry.objects.create(**line)

    entry = Entry.objects.get()
    assert (entry.action, entry.actor_repr, str(entry.changeset)) == (Action.CREATE, "nightly", line["changeset"])
    assert replayed(Lenient) == live(Lenient)


def test_once_writing_works_again_an_entry_tells_how_many_are_missing() -> None:
    with broken():
        Lenient.objects.create(name="a")
        Lenient.objects.update(name="b")
    Lenient.objects.update(name="c")

    entry = Entry.objects.latest("id")
    assert (entry.action, entry.event, entry.model) == (Action.EVENT, failures.FAILED, "")
    assert (entry.context["missing"], entry.context["models"]) == (2, {"testapp.lenient": 2})
    assert entry.context["since"] <= entry.context["until"]
    assert failures.count("default") == 0
    assert Entry.objects.filter(event=failures.FAILED).count() == 1


def test_it_is_told_after_commit_and_not_by_a_transaction_that_is_rolled_back() -> None:
    with broken():
        Lenient.objects.create(name="a")
    with transaction.atomic():
        Lenient.objects.update(name="b")
        transaction.set_rollback(True)
    assert (failures.count("default"), Entry.objects.count()) == (1, 0)

    with transaction.atomic():
        Lenient.objects.update(name="c")
        assert not Entry.objects.filter(event=failures.FAILED).exists()

    assert [e.event for e in Entry.objects.order_by("id")] == ["", failures.FAILED]


def test_a_check_asks_about_them_until_they_are_repaired() -> None:
    assert missing() == []
    with broken():
        Lenient.objects.create(name="a")
    Lenient.objects.update(name="b")

    assert missing() == ["1 entries about rows on database 'default' could not be written."]

    auditlog.record(event=failures.REPAIRED, reason="entry written by hand")
    assert missing() == []


def test_a_check_has_nothing_to_read_where_there_is_no_log() -> None:
    with broken():
        assert missing() == []


def test_what_cannot_be_told_stays_missing(caplog: pytest.LogCaptureFixture) -> None:
    with broken():
        Lenient.objects.create(name="a")
    with transaction.atomic():
        Lenient.objects.update(name="b")
        transaction.on_commit(lambda: rename("auditlog_entry", AWAY))
        connection.run_on_commit.insert(0, connection.run_on_commit.pop())
    rename(AWAY, "auditlog_entry")

    assert failures.count("default") == 1
    assert "could not be recorded either" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_does_not_tell_what_its_parent_lost(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, logger="auditlog"), broken():
        Lenient.objects.create(name="a")

    child = os.fork()
    if child == 0:
        os._exit(failures.count("default"))
    _, status = os.waitpid(child, 0)

    assert (os.waitstatus_to_exitcode(status), failures.count("default")) == (0, 1)
