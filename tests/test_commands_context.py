"""Management commands: their name and the user of the operating system act, in one changeset unless they run on."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.test import override_settings

from auditlog import context, contexts
from auditlog.integrations import commands
from auditlog.models import Entry
from tests.testapp.models import Tag

pytestmark = pytest.mark.django_db(transaction=True)

NAME = __name__.rpartition(".")[2]
"""A command is named after its module; these have this one."""

USER = getpass.getuser()
ACTOR = f"command:{NAME} (os user {USER})"


class Plain(BaseCommand):
    """It writes twice."""

    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--watch", action="store_true")

    def handle(self, *args: Any, **options: Any) -> str:
        Tag.objects.create(name="first")
        Tag.objects.create(name=f"{contexts.running_command()}")
        return "done"


class Outer(Plain):
    """It calls another."""

    def handle(self, *args: Any, **options: Any) -> str:
        Tag.objects.create(name="outer")
        call_command(Plain())
        return "done"


class Acting(Plain):
    """It says who acts."""

    def handle(self, *args: Any, **options: Any) -> str:
        with context(actor=User.objects.get(username="ana")):
            return super().handle(*args, **options)


class Failing(Plain):
    """It fails."""

    def handle(self, *args: Any, **options: Any) -> str:
        raise LookupError


def rows(*columns: str) -> list[tuple[Any, ...]]:
    return list(Entry.objects.for_model(Tag).order_by("id").values_list(*columns))


def changesets() -> list[int]:
    found = [row[0] for row in rows("changeset")]
    return [found.index(each) for each in found]


def test_a_command_acts_under_its_name() -> None:
    assert call_command(Plain()) == "done"

    facts = {"command": NAME, "os_user": USER}
    assert rows("object_repr", "actor_id", "actor_repr", "context") == [
        ("first", None, ACTOR, facts),
        (NAME, None, ACTOR, facts),
    ]
    assert changesets() == [0, 0]
    assert contexts.current() is None


def test_each_run_is_a_changeset() -> None:
    call_command(Plain())
    call_command(Plain())

    assert changesets() == [0, 0, 2, 2]


def test_a_command_that_runs_on_has_one_per_transaction() -> None:
    with override_settings(AUDITLOG={"LONG_RUNNING_COMMANDS": [NAME]}):
        call_command(Plain())

    assert changesets() == [0, 1]
    assert [row[0] for row in rows("actor_repr")] == [ACTOR, ACTOR]


def test_watching_is_running_on() -> None:
    call_command(Plain(), watch=True)

    assert changesets() == [0, 1]


def test_a_command_called_by_another_stays_in_its_changeset() -> None:
    call_command(Outer())

    assert changesets() == [0, 0, 0]


def test_a_command_called_by_one_that_runs_on_is_a_changeset() -> None:
    """The programs that run on are hosts: ``shell``, ``test``, a worker."""
    with contexts.command("shell", runs_on=True, actor="command:shell"):
        call_command(Plain())
        assert contexts.running_command() == "shell"

    assert rows("object_repr", "actor_repr") == [("first", ACTOR), ("shell", ACTOR)]
    assert changesets() == [0, 0]


def test_inside_a_context_the_command_is_one_more_fact() -> None:
    with context(actor="robot", reason="nightly", batch=7) as here:
        call_command(Plain())
        Tag.objects.create(name="after")

    facts = {"batch": 7, "command": NAME}
    assert rows("actor_repr", "reason", "context") == [
        ("robot", "nightly", facts),
        ("robot", "nightly", facts),
        ("robot", "nightly", {"batch": 7}),
    ]
    assert {row[0] for row in rows("changeset")} == {here.changeset}


def test_a_command_may_say_who_acts() -> None:
    ana = User.objects.create_user("ana")
    call_command(Acting())

    assert rows("actor_id", "actor_repr") == [(ana.pk, "ana"), (ana.pk, "ana")]
    assert rows("context")[0] == ({"command": NAME, "os_user": USER},)
    assert changesets() == [0, 0]


def test_a_command_that_fails_leaves_nothing() -> None:
    with pytest.raises(LookupError):
        call_command(Failing())

    assert contexts.current() is None


def test_which_commands_run() -> None:
    assert (contexts.running_command(), contexts.command_is_running("outer")) == (None, False)
    with (
        contexts.command("outer", runs_on=False, actor="x"),
        context(reason="why"),
        contexts.command("inner", runs_on=False, actor="y"),
    ):
        found = [contexts.command_is_running(name) for name in ("outer", "inner", "other")]

        assert (contexts.running_command(), found) == ("outer", [True, True, False])


def test_wrapping_is_done_once_and_undone() -> None:
    ours = BaseCommand.execute
    try:
        commands.install()
        assert BaseCommand.execute is ours
        commands.uninstall()
        commands.uninstall()
        assert BaseCommand.execute is not ours
        assert BaseCommand.execute.__module__ == "django.core.management.base"

        call_command(Plain())
        assert rows("actor_repr") == [("",), ("",)]
    finally:
        commands.install()

    assert BaseCommand.execute.__name__ == "execute"
    assert BaseCommand.execute.__doc__ == ours.__doc__


def test_another_package_that_wrapped_later_is_left_alone() -> None:
    ours = BaseCommand.execute

    def theirs(self: BaseCommand, *args: Any, **options: Any) -> Any:
        return ours(self, *args, **options)

    BaseCommand.execute = theirs  # type: ignore[method-assign]
    try:
        commands.uninstall()

        assert BaseCommand.execute is theirs
        call_command(Plain())
        assert rows("actor_repr") == [(ACTOR,), (ACTOR,)]
    finally:
        BaseCommand.execute = ours  # type: ignore[method-assign]


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process under a number that no file knows, as in some containers; its rights stay those of the superuser."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    os.setresuid(54321, 0, 0)
    yield
    os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser may become somebody whom no file knows")
def test_a_user_without_a_name(nameless: None) -> None:
    call_command(Plain())

    assert rows("actor_repr", "context")[0] == (f"command:{NAME}", {"command": NAME})
