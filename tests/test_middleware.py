"""Requests through real stacks of middleware, sync and async: every entry names who acted, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client, RequestFactory, override_settings
from rest_framework.authtoken.models import Token

from auditlog.contexts import current
from auditlog.middleware import AuditlogMiddleware
from auditlog.models import Entry
from tests.context_urls import async_streaming_view, async_view, streaming_view, sync_view
from tests.testapp.models import Tag

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.context_urls")]

SYNC_ONLY = "tests.test_middleware.sync_only"
OURS = "auditlog.middleware.AuditlogMiddleware"
BEFORE = settings.MIDDLEWARE[: settings.MIDDLEWARE.index(OURS)]


def sync_only(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware from the time before async: Django adapts everything around it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    return middleware


STACKS = {
    "ours innermost": [*BEFORE, OURS],
    "sync-only outside and inside": [
        "tests.test_middleware.sync_only",
        *BEFORE,
        OURS,
        "tests.test_middleware.sync_only",
    ],
}


@pytest.fixture(params=STACKS, autouse=True)
def stack(request: pytest.FixtureRequest) -> Any:
    with override_settings(MIDDLEWARE=STACKS[request.param]):
        yield


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana", is_staff=True)


def written() -> list[tuple[str, str, int | None, str]]:
    """What tags were saved, by whom and why, oldest first."""
    found = Entry.objects.for_model(Tag).order_by("id")
    return list(found.values_list("object_repr", "actor_repr", "actor_id", "reason"))


def by(user: User, *names: str) -> list[tuple[str, str, int | None, str]]:
    return [(name, user.get_username(), user.pk, "") for name in names]


def ask(path: str, user: User | None, **headers: str) -> Any:
    """A request under WSGI, its body read to the end."""
    client = Client(headers=headers)
    if user is not None:
        client.force_login(user)
    response: Any = client.get(path)
    if response.streaming:
        response.body = b"".join(response)
    assert current() is None
    return response


def ask_async(path: str, user: User | None) -> Any:
    """A request under ASGI, its body read to the end."""

    async def go() -> Any:
        client = AsyncClient()
        if user is not None:
            await client.aforce_login(user)
        response: Any = await client.get(path)
        if response.streaming and response.is_async:
            response.body = b"".join([chunk async for chunk in response.streaming_content])
        elif response.streaming:
            response.body = await sync_to_async(lambda: b"".join(response.streaming_content))()
        assert current() is None
        return response

    return async_to_sync(go)()


@pytest.mark.parametrize("asked", [ask, ask_async])
class TestViews:
    """The same views under both kinds of server."""

    @pytest.mark.parametrize(
        ("path", "names"),
        [
            ("/sync", ["sync"]),
            ("/async", ["async"]),
            ("/thread", ["in a thread"]),
            ("/knowing", ["ana"]),
        ],
    )
    def test_the_actor(self, asked: Any, path: str, names: list[str], ana: User) -> None:
        asked(path, ana)

        assert written() == by(ana, *names)

    def test_tasks_of_a_view(self, asked: Any, ana: User) -> None:
        asked("/gathering", ana)

        assert sorted(written()) == by(ana, "one", "task", "two")

    def test_without_log_in_nobody(self, asked: Any) -> None:
        asked("/sync", None)

        assert written() == [("sync", "", None, "")]

    def test_an_inner_block_ends(self, asked: Any, ana: User) -> None:
        asked("/leaving", ana)

        within = ("within", "robot", None, "tidying")
        assert written() == [*by(ana, "before"), within, *by(ana, "after")]

    def test_all_entries_of_a_request_are_one_changeset(self, asked: Any, ana: User) -> None:
        asked("/leaving", ana)
        asked("/leaving", ana)

        sets = list(Entry.objects.for_model(Tag).order_by("id").values_list("changeset", flat=True))
        assert [sets.index(each) for each in sets] == [0, 0, 0, 3, 3, 3]

    def test_where_from_and_what(self, asked: Any, ana: User) -> None:
        asked("/sync?token=secret", ana)

        entry = Entry.objects.for_model(Tag).get()
        assert entry.remote_addr == "127.0.0.1"
        assert entry.context == {"method": "GET", "path": "/sync", "flags": {"staff": True}}

    def test_impersonation_names_both(self, asked: Any, ana: User) -> None:
        ben = User.objects.create_user("ben")
        asked("/impersonate?as=ben", ana)

        assert written() == by(ben, "impersonated")
        assert Entry.objects.for_model(Tag).get().context["real_user"] == {"id": ana.pk, "name": "ana"}

    @pytest.mark.parametrize("path", ["/stream", "/astream"])
    @pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
    def test_a_streaming_response_keeps_its_context(self, asked: Any, path: str, ana: User) -> None:
        response = asked(path, ana)

        assert response.body == b"123"
        inside = "inside the body"
        assert written() == [
            ("first", "ana", ana.pk, inside),
            ("second", "ana", ana.pk, inside),
            *by(ana, "third", "closing"),
        ]
        assert Entry.objects.for_model(Tag).values("changeset").distinct().count() == 1

    def test_an_error_leaves_nothing(self, asked: Any, ana: User) -> None:
        with pytest.raises(RuntimeError, match="the view fails"):
            asked("/failing", ana)

        assert current() is None


def test_rest_framework_needs_no_code_of_the_project(ana: User) -> None:
    token = Token.objects.create(user=ana)

    response = Client(headers={"authorization": f"Token {token.key}"}).post("/token")

    assert response.status_code == 200
    assert written() == by(ana, "token")


def test_a_wrong_token_writes_nothing(ana: User) -> None:
    response = Client(headers={"authorization": "Token wrong"}).post("/token")

    assert (response.status_code, written()) == (401, [])


def test_garbage_headers_break_nothing(ana: User) -> None:
    with override_settings(AUDITLOG={"TRUSTED_PROXIES": ["127.0.0.0/8"]}):
        ask(
            "/sync",
            ana,
            **{
                "x-forwarded-for": "'; DROP TABLE x; --\x00",
                "user-agent": "\x00\ud800<script>" + "x" * 1000,
                "x-request-id": "\x00",
                "traceparent": "\ud800",
                "authorization": "\x00",
            },
        )

    entry = Entry.objects.for_model(Tag).get()
    assert entry.remote_addr is None
    assert entry.context == {
        "request_id": "\ufffd",
        "method": "GET",
        "path": "/sync",
        "user_agent": "\ufffd\ufffd<script>" + "x" * 490,
        "flags": {"staff": True},
    }


def request_of(user: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.mark.django_db(transaction=True)
def test_a_client_that_hangs_up_closes_the_body_in_its_context(ana: User) -> None:
    response: Any = AuditlogMiddleware(streaming_view)(request_of(ana))
    body = iter(response)
    assert next(body) == b"1"
    response.close()

    assert [(name, actor) for name, actor, _, _ in written()] == [("first", "ana"), ("closing", "ana")]
    assert current() is None


def test_an_async_client_that_hangs_up_closes_the_body_in_its_context(ana: User) -> None:
    async def go() -> None:
        answered: Any = AuditlogMiddleware(async_streaming_view)(request_of(ana))
        response = await answered
        async with aclosing(response._iterator) as body:
            assert await anext(body) == b"1"
        assert current() is None

    async_to_sync(go)()

    assert [(name, actor) for name, actor, _, _ in written()] == [("first", "ana"), ("closing", "ana")]


def test_a_file_is_left_to_the_server(tmp_path: Path) -> None:
    """A server that sends files by itself finds the file where it was."""
    (tmp_path / "file").write_bytes(b"content")
    response: Any = FileResponse((tmp_path / "file").open("rb"))
    file = response.file_to_stream

    answered: Any = AuditlogMiddleware(lambda request: response)(RequestFactory().get("/"))

    assert answered is response
    assert answered.file_to_stream is file is not None
    assert b"".join(answered.streaming_content) == b"content"
    answered.close()


def test_it_is_decided_once_whether_it_is_async() -> None:
    assert iscoroutinefunction(AuditlogMiddleware(async_view))
    assert not iscoroutinefunction(AuditlogMiddleware(sync_view))


def test_interleaved_streams_keep_their_own_actors(ana: User) -> None:
    """Two async bodies consumed in turns by one task: neither leaks into the other."""
    ben = User.objects.create_user("ben")

    async def go() -> None:
        bodies = []
        for user in (ana, ben):
            client = AsyncClient()
            await client.aforce_login(user)
            response: Any = await client.get("/astream")
            bodies.append(response.streaming_content)
        for _ in range(3):
            for body in bodies:
                await anext(body)
                assert current() is None
        for body in bodies:
            assert [chunk async for chunk in body] == []

    async_to_sync(go)()

    actors = [(name, actor) for name, actor, _, _ in written()]
    assert actors == [(name, who) for name in ("first", "second", "third", "closing") for who in ("ana", "ben")]


@pytest.mark.django_db(transaction=True)
def test_a_loop_of_its_own_as_servers_run_it(ana: User) -> None:
    """Without the test runner's thread around it: sync code runs in the executor of asgiref."""

    async def go() -> None:
        client = AsyncClient()
        try:
            await client.aforce_login(ana)
            for path in ("/async", "/sync"):
                await client.get(path)
        finally:
            await sync_to_async(connections.close_all)()

    asyncio.run(go())

    assert written() == by(ana, "async", "sync")
