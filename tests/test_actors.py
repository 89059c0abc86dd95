"""The actor as an entry keeps it; finding out may fail in any way, and the save goes on."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.exceptions import SuspiciousOperation
from django.db import connection, transaction
from django.utils.functional import SimpleLazyObject

from auditlog import context
from auditlog.actors import NOBODY, Actor, can_act, described, is_waiting
from auditlog.models import Entry
from tests.testapp.models import Tag


class TokenUser:
    """A user without a row, as packages for JSON web tokens make them."""

    is_authenticated = True

    def __init__(self, pk: Any) -> None:
        self.pk = pk

    def get_username(self) -> str:
        return "token\x00user"


class Service:
    """Something that authenticates and has no user name."""

    is_authenticated = True

    def __str__(self) -> str:
        return "the warehouse"


def other_row() -> Group:
    """A row of another model than the user's, with a key of its own."""
    group = Group(pk=9, name="the shop")
    group.is_authenticated = True  # type: ignore[attr-defined]
    return group


@pytest.mark.parametrize(
    ("who", "actor"),
    [
        (None, NOBODY),
        (AnonymousUser(), NOBODY),
        (SimpleLazyObject(AnonymousUser), NOBODY),
        ("importer", Actor(name="importer")),
        ("x" * 300, Actor(name="x" * 200)),
        (User(pk=5, username="ana"), Actor(5, "ana")),
        (User(username="not saved"), Actor(None, "not saved")),
        (User(pk=6, username="root", is_superuser=True, is_staff=True), Actor(6, "root", ("superuser", "staff"))),
        (SimpleLazyObject(lambda: SimpleLazyObject(lambda: User(pk=7, username="lazy"))), Actor(7, "lazy")),
        (TokenUser("8"), Actor(8, "token\ufffduser")),
        (TokenUser("not a key"), Actor(None, "token\ufffduser")),
        (TokenUser(1 << 80), Actor(None, "token\ufffduser")),
        (Service(), Actor(None, "the warehouse")),
        (other_row(), Actor(None, "the shop")),
    ],
)
@pytest.mark.django_db
def test_who_an_entry_names(who: Any, actor: Actor) -> None:
    assert described(who) == actor


@pytest.mark.parametrize(("who", "can"), [(None, True), ("x", True), (User(), True), (5, False), ({}, False)])
def test_who_can_act(who: Any, can: bool) -> None:
    assert can_act(who) is can


def test_a_lazy_user_is_not_evaluated_to_see_whether_he_can_act() -> None:
    lazy = SimpleLazyObject(User)

    assert can_act(lazy)
    assert is_waiting(lazy)


@pytest.mark.parametrize(
    "error", [SuspiciousOperation, AttributeError, ImportError, ConnectionError, PermissionError, RuntimeError]
)
def test_a_failure_means_nobody_and_is_logged(error: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> User:
        raise error("no session today")

    with caplog.at_level(logging.WARNING, logger="auditlog"):
        assert described(SimpleLazyObject(fails)) is NOBODY

    assert caplog.messages == ["auditlog: the actor could not be found; the entry is written without"]
    assert "no session today" in caplog.text


@pytest.mark.django_db
def test_a_failing_query_does_not_spoil_the_transaction() -> None:
    """PostgreSQL refuses every statement after one that failed, until the transaction or a savepoint ends."""

    def fails() -> Any:
        return connection.cursor().execute("SELECT nothing FROM nowhere")

    with transaction.atomic(), context(actor=SimpleLazyObject(fails)):
        Tag.objects.create(name="kept")

    assert Tag.objects.filter(name="kept").exists()
    entry = Entry.objects.get()
    assert (entry.actor_id, entry.actor_repr) == (None, "")


@pytest.mark.django_db
def test_looking_up_the_actor_may_itself_write() -> None:
    """Sessions and users may be registered; what their look-up writes has no actor, and the look-up goes on."""

    def looked_up() -> User:
        Tag.objects.create(name="by the look-up")
        return User(pk=5, username="ana")

    with context(actor=SimpleLazyObject(looked_up)):
        Tag.objects.create(name="by ana")

    found = Entry.objects.for_model(Tag).order_by("id").values_list("object_repr", "actor_repr")
    assert list(found) == [("by the look-up", ""), ("by ana", "ana")]


@pytest.mark.django_db
def test_a_deleted_user_stays_in_his_entries() -> None:
    ana = User.objects.create_user("ana")
    with context(actor=ana):
        Tag.objects.create(name="hers")
    before = Entry.objects.for_model(Tag).values().get()

    key = ana.pk
    ana.delete()

    assert Entry.objects.for_model(Tag).values().get() == before
    assert (before["actor_id"], before["actor_repr"]) == (key, "ana")
    assert Entry.objects.by_actor("ana").get().object_repr == "hers"


@pytest.mark.django_db
def test_a_failure_in_a_transaction_already_lost_adds_no_savepoint() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)

        assert described(SimpleLazyObject(lambda: User(pk=1, username="ana"))) == Actor(1, "ana")

        transaction.set_rollback(False)
