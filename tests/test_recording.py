"""The one door: a project's own events, reading, pauses, failures, the signal after commit, and the missing table."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils.functional import SimpleLazyObject

import auditlog
from auditlog import contexts
from auditlog.exceptions import RecordingError
from auditlog.models import Action, Entry
from auditlog.signals import recorded
from tests.helpers import mark, told
from tests.testapp.models import Category, Lenient, Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def tea() -> Product:
    return Product.objects.create(name="Tea")


class TestRecord:
    def test_an_event_about_an_object(self, tea: Product) -> None:
        with auditlog.context(reason="end of month"):
            auditlog.record(tea, event="stock.counted", changes={"stock": [5, 4]}, counted_by="two people")

        entry = Entry.objects.latest("id")
        assert (entry.action, entry.event, entry.model, entry.object_id, entry.object_repr, entry.reason) == (
            Action.EVENT, "stock.counted", "testapp.product", str(tea.pk), "Tea", "end of month",
        )  # fmt: skip
        assert (entry.changes, entry.context) == ({"stock": [5, 4]}, {"counted_by": "two people"})

    def test_an_event_about_no_object(self) -> None:
        auditlog.record(event="import.finished", reason="nightly")

        entry = Entry.objects.get()
        assert (entry.event, entry.model, entry.object_id, entry.reason) == ("import.finished", "", "", "nightly")

    @pytest.mark.parametrize("name", ["", "x" * 101])
    def test_a_bad_name_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="needs a name of 1 to 100 characters"):
            auditlog.record(event=name)

    def test_reading_an_object(self, tea: Product) -> None:
        auditlog.accessed(tea, reason="support case 7")

        entry = Entry.objects.latest("id")
        assert (entry.action, entry.object_id, entry.reason) == (Action.ACCESS, str(tea.pk), "support case 7")

    def test_a_lazy_user_is_an_object_like_others(self) -> None:
        user = User.objects.create_user("ana")
        auditlog.accessed(SimpleLazyObject(lambda: user))  # type: ignore[arg-type]

        entry = Entry.objects.latest("id")
        assert (entry.model, entry.object_id, entry.object_repr) == ("auth.user", str(user.pk), "ana")


class TestPaused:
    def test_the_pause_is_recorded_and_what_happens_in_it_is_not(self) -> None:
        with auditlog.paused(reason="moving house"):
            category = Category.objects.create(name="x")
            category.delete()

        assert [(e.event, e.reason) for e in Entry.objects.order_by("id")] == [
            ("auditlog.paused", "moving house"),
            ("auditlog.resumed", "moving house"),
        ]

    def test_it_needs_a_reason(self) -> None:
        with pytest.raises(ValueError, match=r"auditlog\.paused\(\) needs a reason"), auditlog.paused(reason=" "):
            pytest.fail("the block ran")


class TestRecordedSignal:
    @pytest.fixture
    def heard(self) -> Iterator[list[dict[str, Any]]]:
        calls: list[dict[str, Any]] = []

        def hear(**kwargs: Any) -> None:
            calls.append(kwargs)

        recorded.connect(hear)
        yield calls
        recorded.disconnect(hear)

    @pytest.mark.django_db(transaction=True)
    def test_it_is_sent_after_commit(self, heard: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            category = Category.objects.create(name="x")
            assert heard == []

        [call] = heard
        entry = Entry.objects.get()
        assert {name: call[name] for name in call if name != "signal"} == {
            "sender": Category, "model": "testapp.category", "action": Action.CREATE, "changeset": entry.changeset,
            "using": "default", "count": 1, "object_ids": (str(category.pk),),
        }  # fmt: skip

    @pytest.mark.django_db(transaction=True)
    def test_a_rollback_sends_nothing(self, heard: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            Category.objects.create(name="x")
            transaction.set_rollback(True)

        assert heard == []

    def test_without_receivers_no_hook_is_left(self, django_capture_on_commit_callbacks: Any) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            Category.objects.create(name="x")

        assert callbacks == []


@pytest.mark.django_db(transaction=True)
class TestFailures:
    """The entry's table is gone: what a save does then."""

    @pytest.fixture(autouse=True)
    def gone(self) -> Iterator[None]:
        def rename(old: str, new: str) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

        rename("auditlog_entry", "auditlog_gone")
        yield
        rename("auditlog_gone", "auditlog_entry")

    def test_the_save_fails_and_names_the_cause(self) -> None:
        with pytest.raises(
            RecordingError, match=r"(?s)auditlog_entry of database 'default'.*manage.py migrate"
        ) as caught:
            Category.objects.create(name="x")

        assert isinstance(caught.value.__cause__, DatabaseError)
        assert Category.objects.count() == 0

    def test_on_error_log_lets_the_save_stand(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR, logger="auditlog"), transaction.atomic():
            Lenient.objects.create(name="x")
            Lenient.objects.create(name="y")

        assert Lenient.objects.count() == 2
        assert ["entry not written" in record.message for record in caplog.records] == [False, True] * 2

    def test_while_migrate_runs_changes_pass_with_one_warning(self) -> None:
        with (
            contexts.command("migrate", runs_on=False, actor="command:migrate"),
            pytest.warns(RuntimeWarning, match=r"manage\.py auditlog_baseline"),
        ):
            Category.objects.create(name="x")

        assert Category.objects.count() == 1


def test_the_command_that_migrates_records_once_the_table_is_there() -> None:
    since = mark()
    call_command("migrate", verbosity=0)

    assert told(since=since) == []
