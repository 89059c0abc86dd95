"""Log-ins, log-outs and failed log-ins through real requests; never a password."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate
from django.contrib.auth.models import User, update_last_login
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core import serializers
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.utils.functional import SimpleLazyObject

import auditlog
from auditlog.integrations import auth
from auditlog.models import Action, Entry
from auditlog.recording import paused
from tests.test_actors import TokenUser
from tests.testapp.models import Tag

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.context_urls")]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana", password=PASSWORD, is_staff=True)


def told(*actions: Action) -> list[tuple[Any, ...]]:
    columns = ("action", "model", "object_id", "object_repr", "actor_id", "actor_repr", "remote_addr")
    wanted = actions or (Action.LOGIN, Action.LOGOUT, Action.LOGIN_FAILED)
    return list(Entry.objects.filter(action__in=wanted).order_by("id").values_list(*columns))


def log_in(client: Client, name: str, password: str) -> Any:
    return client.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"})


def test_a_session_through_the_admin(ana: User) -> None:
    client = Client(headers={"user-agent": "a browser"})
    assert log_in(client, "ana", "wrong").status_code == 200
    assert log_in(client, "ana", PASSWORD).status_code == 302
    assert client.post("/admin/logout/").status_code == 200

    key = str(ana.pk)
    assert told() == [
        (Action.LOGIN_FAILED, "auth.user", "", "ana", None, "", "127.0.0.1"),
        (Action.LOGIN, "auth.user", key, "ana", ana.pk, "ana", "127.0.0.1"),
        (Action.LOGOUT, "auth.user", key, "ana", ana.pk, "ana", "127.0.0.1"),
    ]
    for entry in Entry.objects.filter(action__in=[Action.LOGIN, Action.LOGIN_FAILED]):
        assert (entry.context["user_agent"], entry.context["path"]) == ("a browser", "/admin/login/")
        assert entry.changes == {}


def test_no_password_is_anywhere(ana: User) -> None:
    client = Client()
    log_in(client, "ana", "a wrong guess")
    log_in(client, "ana", PASSWORD)

    text = serializers.serialize("json", Entry.objects.all())
    assert "a wrong guess" not in text
    assert json.dumps(PASSWORD)[1:-1] not in text


def test_the_typed_name_is_cut_and_cleaned() -> None:
    """Sent as other back ends than Django's would: that one lets PostgreSQL refuse the NUL."""
    user_login_failed.send(sender=__name__, credentials={"username": "\x00" + "x" * 1000}, request=None)

    assert told() == [(Action.LOGIN_FAILED, "auth.user", "", "\ufffd" + "x" * 149, None, "", None)]


@pytest.mark.parametrize(
    ("credentials", "name"),
    [({}, ""), ({"username": None}, ""), ({"username": 5}, "5"), ({"token": "secret"}, ""), ({"email": "a@b"}, "")],
)
def test_credentials_of_any_kind(credentials: dict[str, Any], name: str) -> None:
    user_login_failed.send(sender=__name__, credentials=credentials, request=None)

    assert told() == [(Action.LOGIN_FAILED, "auth.user", "", name, None, "", None)]


def test_a_failed_log_in_by_somebody_logged_in_has_no_actor(ana: User) -> None:
    with auditlog.context(actor=ana):
        authenticate(username="ben", password="y")

    assert told() == [(Action.LOGIN_FAILED, "auth.user", "", "ben", None, "", None)]


def test_the_request_of_the_signal_tells_the_address(ana: User) -> None:
    """Views outside our middleware, and packages that send the signal themselves."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": "curl/8"}
    user_logged_in.send(sender=User, request=request, user=ana)

    assert told() == [(Action.LOGIN, "auth.user", str(ana.pk), "ana", ana.pk, "ana", "203.0.113.9")]
    assert Entry.objects.get(action=Action.LOGIN).context == {"user_agent": "curl/8", "flags": {"staff": True}}


@pytest.mark.parametrize("request_of_signal", [None, HttpRequest()])
def test_a_signal_that_knows_nothing(request_of_signal: HttpRequest | None, ana: User) -> None:
    user_logged_in.send(sender=User, request=request_of_signal, user=ana)

    assert told() == [(Action.LOGIN, "auth.user", str(ana.pk), "ana", ana.pk, "ana", None)]


def test_a_lazy_user_is_the_user_behind_it(ana: User) -> None:
    """As packages send ``request.user``."""
    user_logged_in.send(sender=User, request=None, user=SimpleLazyObject(lambda: ana))

    assert told() == [(Action.LOGIN, "auth.user", str(ana.pk), "ana", ana.pk, "ana", None)]


def test_a_user_without_a_row() -> None:
    """As packages for JSON web tokens make them: a key and a name."""
    user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
    try:
        user_logged_in.send(sender=User, request=None, user=TokenUser("7"))
    finally:
        user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")

    assert told() == [(Action.LOGIN, "auth.user", "7", "token\ufffduser", 7, "token\ufffduser", None)]


def test_a_log_out_by_nobody_is_none() -> None:
    Client().post("/admin/logout/")
    Client().logout()

    assert told() == []


def test_the_clients_of_tests(ana: User) -> None:
    client = Client()
    client.force_login(ana)
    client.logout()

    assert [(row[0], row[5]) for row in told()] == [(Action.LOGIN, "ana"), (Action.LOGOUT, "ana")]


def test_async_log_in_and_log_out(ana: User) -> None:
    async def go() -> None:
        client = AsyncClient()
        assert await client.alogin(username="ana", password=PASSWORD)
        assert not await client.alogin(username="ben", password="wrong")
        await client.get("/alogout")

    async_to_sync(go)()

    assert [(row[0], row[3], row[5]) for row in told()] == [
        (Action.LOGIN, "ana", "ana"),
        (Action.LOGIN_FAILED, "ben", ""),
        (Action.LOGOUT, "ana", "ana"),
    ]
    assert list(Entry.objects.for_model(Tag).order_by("id").values_list("object_repr", "actor_repr")) == [
        ("before", "ana"),
        ("after", ""),
    ]


def test_last_login_is_quiet(ana: User) -> None:
    """Django stores the time of the log-in in the user's row; that alone is no entry."""
    before = Entry.objects.for_object(ana).count()
    log_in(Client(), "ana", PASSWORD)

    assert Entry.objects.for_object(ana).count() == before + 1
    assert Entry.objects.for_object(ana).latest("id").action == Action.LOGIN


def test_the_user_may_be_deleted_later(ana: User) -> None:
    log_in(Client(), "ana", PASSWORD)
    key = ana.pk
    ana.delete()

    assert told(Action.LOGIN) == [(Action.LOGIN, "auth.user", str(key), "ana", key, "ana", "127.0.0.1")]


def test_nothing_is_recorded_when_disabled(ana: User) -> None:
    with override_settings(AUDITLOG={"ENABLED": False}):
        log_in(Client(), "ana", PASSWORD)

    assert told() == []


def test_nothing_is_recorded_when_paused(ana: User) -> None:
    with paused(reason="moving house"):
        log_in(Client(), "ana", PASSWORD)

    assert told() == []


def test_uninstalled_nothing_is_recorded_and_installing_twice_records_once(ana: User) -> None:
    auth.uninstall()
    try:
        log_in(Client(), "ana", PASSWORD)
        assert told() == []
    finally:
        auth.install()
        auth.install()

    log_in(Client(), "ana", PASSWORD)
    assert [row[0] for row in told()] == [Action.LOGIN]
