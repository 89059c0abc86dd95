"""Fifty users at the same time, in threads and in one event loop: no entry has the wrong actor."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient, Client

from auditlog.models import Entry
from tests.testapp.models import Tag

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.context_urls")]

USERS = 50
TIMES = 3


@pytest.fixture
def users() -> list[User]:
    return [User.objects.create_user(f"user{number}") for number in range(USERS)]


def check_all(users: list[User]) -> None:
    """Every tag is named after the user who saved it, so every entry tells whether its actor is right."""
    found = Entry.objects.for_model(Tag).values_list("object_repr", "actor_repr", "actor_id", "changeset")
    by_name = {user.username: user.pk for user in users}

    assert [row[:3] for row in found if row[:3] != (row[0], row[0], by_name[row[0]])] == []
    assert len(found) == USERS * TIMES
    assert len({row[3] for row in found}) == USERS * TIMES


def test_fifty_users_in_threads(users: list[User]) -> None:
    together = threading.Barrier(USERS, timeout=60)

    def work(user: User) -> None:
        try:
            client = Client()
            client.force_login(user)
            together.wait()
            for _ in range(TIMES):
                assert client.get(f"/sync?name={user.username}").status_code == 200
        finally:
            connections.close_all()

    with ThreadPoolExecutor(USERS) as pool:
        list(pool.map(work, users))

    check_all(users)


@pytest.mark.parametrize("path", ["/async?name=", "/sync?name=", "/thread?name=", "/knowing?name="])
def test_fifty_users_in_one_event_loop(users: list[User], path: str) -> None:
    async def work(user: User) -> None:
        client = AsyncClient()
        await client.aforce_login(user)
        for _ in range(TIMES):
            response: Any = await client.get(f"{path}{user.username}")
            assert response.status_code == 200

    async def everybody() -> None:
        try:
            await asyncio.gather(*(work(user) for user in users))
        finally:
            await sync_to_async(connections.close_all)()

    asyncio.run(everybody())

    check_all(users)


def test_fifty_streams_consumed_in_turns(users: list[User]) -> None:
    """Each step of each body finds the context of its own request."""

    async def everybody() -> None:
        bodies = []
        for user in users:
            client = AsyncClient()
            await client.aforce_login(user)
            response: Any = await client.get("/astream")
            bodies.append(response.streaming_content)
        try:
            await asyncio.gather(*(drained(body) for body in bodies))
        finally:
            await sync_to_async(connections.close_all)()

    async def drained(body: Any) -> None:
        assert [chunk async for chunk in body] == [b"1", b"2", b"3"]

    asyncio.run(everybody())

    found = Entry.objects.for_model(Tag).values_list("changeset", "actor_repr", "object_repr").order_by("id")
    told: dict[Any, list[tuple[str, str]]] = {}
    for changeset, actor, name in found:
        told.setdefault(changeset, []).append((actor, name))
    expected = [[(user.username, name) for name in ("first", "second", "third", "closing")] for user in users]
    assert sorted(told.values()) == sorted(expected)
