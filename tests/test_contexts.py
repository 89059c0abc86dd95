"""Blocks that say who acts and why: nested, restored, in threads and tasks, around functions of every kind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import override_settings

import auditlog
from auditlog import contexts
from auditlog.contexts import Columns, columns, context, current
from auditlog.models import Entry
from tests.testapp.models import Tag

ana = User(pk=5, username="ana", is_staff=True)


def reason() -> str | None:
    here = current()
    return here.reason if here else None


def test_the_package_offers_it() -> None:
    assert auditlog.context is context


class TestColumns:
    """What an entry that is written now would say."""

    @pytest.mark.django_db
    def test_code_without_context_names_nobody(self) -> None:
        found = columns("default")

        assert found == Columns(changeset=found.changeset)

    def test_actor_reason_and_facts(self) -> None:
        with context(actor=ana, reason="stock\x00take", batch=7, who=ana) as here:
            found = columns("default")

        assert here.changeset is not None
        assert found == Columns(
            actor_id=5,
            actor_repr="ana",
            changeset=here.changeset,
            reason="stock\ufffdtake",
            context={"flags": {"staff": True}, "batch": 7, "who": "auth.user:5"},
        )

    def test_an_inner_block_overrides_and_merges(self) -> None:
        with context(actor="outer", reason="why", a=1, b=1) as outer, context(actor="inner", b=2, c=2):
            inner = columns("default")
            with context(reason="because"):
                innermost = columns("default")

        assert outer.changeset is not None
        assert inner == Columns(
            actor_repr="inner", changeset=outer.changeset, reason="why", context={"a": 1, "b": 2, "c": 2}
        )
        assert innermost == Columns(
            actor_repr="inner", changeset=outer.changeset, reason="because", context={"a": 1, "b": 2, "c": 2}
        )

    def test_nobody_may_be_said(self) -> None:
        with context(actor=ana), context(actor=AnonymousUser()):
            found = columns("default")

        assert (found.actor_id, found.actor_repr) == (None, "")

    def test_facts_are_cut(self) -> None:
        with override_settings(AUDITLOG={"CONTEXT_MAX_LENGTH": 3}), context(no="abcdef"):
            assert columns("default").context == {"no": "abc"}

    def test_an_entry_cannot_change_the_facts_of_the_next(self) -> None:
        with context(note="kept"):
            columns("default").context["note"] = "changed"

            assert columns("default").context == {"note": "kept"}

    def test_inside_a_request_the_request_stays(self) -> None:
        request = HttpRequest()
        request.META["REMOTE_ADDR"] = "203.0.113.9"
        request.user = ana
        with contexts.during(request), context(reason="why") as here:
            found = columns("default")

        assert here.changeset is not None
        assert found == Columns(
            actor_id=5,
            actor_repr="ana",
            changeset=here.changeset,
            remote_addr="203.0.113.9",
            reason="why",
            context={"flags": {"staff": True}},
        )

    def test_a_request_inherits_nothing(self) -> None:
        with context(actor="test", reason="why", a=1) as outer, contexts.during(HttpRequest()):
            found = columns("default")

        assert found == Columns(changeset=found.changeset)
        assert found.changeset != outer.changeset

    def test_an_actor_must_be_able_to_act(self) -> None:
        with pytest.raises(TypeError, match=r"^auditlog.context\(actor=...\) takes a user or a name, not int.$"):
            context(actor=5)

    @pytest.mark.django_db
    def test_saves_are_recorded_with_them(self) -> None:
        user = User.objects.create_user("ben")
        with context(actor=user, reason="why", batch=7) as here:
            Tag.objects.create(name="x")

        entry = Entry.objects.for_model(Tag).get()
        assert (entry.actor_id, entry.actor_repr, entry.reason) == (user.pk, "ben", "why")
        assert (entry.changeset, entry.remote_addr, entry.context) == (here.changeset, None, {"batch": 7})


class TestBlocks:
    """Set by a block and restored after it, whatever happens in between."""

    def test_restores_the_outer_one(self) -> None:
        with context(reason="outer"):
            with context(reason="inner"):
                assert reason() == "inner"
            assert reason() == "outer"
        assert current() is None

    def test_restores_after_an_error(self) -> None:
        with pytest.raises(LookupError), context(reason="fails"):
            raise LookupError

        assert current() is None

    async def test_async_blocks(self) -> None:
        async with context(reason="outer"):
            async with context(reason="inner"):
                assert reason() == "inner"
            assert reason() == "outer"
        assert current() is None

    def test_one_object_within_itself(self) -> None:
        again = context(reason="again")
        with again, again:
            with again:
                assert reason() == "again"
            assert reason() == "again"
        assert current() is None

    def test_one_object_in_threads_at_the_same_time(self) -> None:
        shared = context(reason="shared")
        together = threading.Barrier(4, timeout=30)
        seen = []

        def work() -> None:
            with shared as here:
                together.wait()
                seen.append((reason(), here.changeset))
                together.wait()
            seen.append((reason(), None))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(str(told) for told, _ in seen) == ["None"] * 4 + ["shared"] * 4
        assert len({changeset for _, changeset in seen if changeset}) == 4

    async def test_tasks_have_their_own(self) -> None:
        async def work(number: int) -> tuple[str | None, str | None]:
            async with context(reason=str(number)):
                await asyncio.sleep(0)
                inside = reason()
            return inside, reason()

        with context(reason="outer"):
            found = await asyncio.gather(*(work(number) for number in range(20)))

        assert found == [(str(number), "outer") for number in range(20)]

    def test_left_in_another_context_than_entered_in(self) -> None:
        """As a generator that is closed by the garbage collector leaves its block."""

        def body() -> Generator[None, None, None]:
            with context(reason="left open"):
                yield

        generator = body()
        contextvars.copy_context().run(next, generator)
        with context(reason="here"):
            generator.close()

            assert reason() == "here"

    def test_heals_what_an_abandoned_generator_left(self) -> None:
        def body() -> Generator[None, None, None]:
            with context(reason="left open"):
                yield

        generator = body()
        with context(reason="here"):
            next(generator)
            assert reason() == "left open"

        assert current() is None
        generator.close()
        assert current() is None

    def test_a_plain_thread_begins_without_unless_the_context_is_copied(self) -> None:
        seen: list[str | None] = []
        with context(reason="outer"):
            copied = contextvars.copy_context()
            thread = threading.Thread(target=copied.run, args=(lambda: seen.append(reason()),))
            thread.start()
            thread.join()

        assert seen == ["outer"]


class TestDecorators:
    """On functions, methods, coroutines and generators; each call has a block of its own."""

    def test_a_function(self) -> None:
        @context(reason="decorated")
        def work(value: int) -> tuple[int, Any]:
            """Do it."""
            return value, current()

        (one, first), (_, second) = work(1), work(2)

        assert (one, first.reason, work.__name__, work.__doc__) == (1, "decorated", "work", "Do it.")
        assert first.changeset != second.changeset
        assert current() is None

    def test_a_method(self) -> None:
        class Worker:
            @context(reason="decorated")
            def work(self) -> tuple[Any, str | None]:
                return self, reason()

        worker = Worker()

        assert worker.work() == (worker, "decorated")

    async def test_a_coroutine(self) -> None:
        @context(reason="decorated")
        async def work() -> str | None:
            await asyncio.sleep(0)
            return reason()

        assert asyncio.iscoroutinefunction(work)
        assert list(await asyncio.gather(work(), work())) == ["decorated", "decorated"]
        assert current() is None

    def test_a_generator_keeps_its_context_to_itself(self) -> None:
        @context(reason="decorated")
        def work() -> Iterator[Any]:
            yield current()
            with context(reason="inner"):
                yield current()
                yield current()
            yield current()

        seen = [(here.reason, here.changeset, current()) for here in work()]

        assert [told for told, _, _ in seen] == ["decorated", "inner", "inner", "decorated"]
        assert len({changeset for _, changeset, _ in seen}) == 1
        assert [outside for _, _, outside in seen] == [None] * 4

    async def test_an_async_generator_keeps_its_context_to_itself(self) -> None:
        @context(reason="decorated")
        async def work() -> AsyncIterator[str | None]:
            yield reason()
            async with context(reason="inner"):
                yield reason()
                await asyncio.sleep(0)
                yield reason()
            yield reason()

        seen = [(told, current()) async for told in work()]

        assert seen == [("decorated", None), ("inner", None), ("inner", None), ("decorated", None)]

    def test_a_context_manager_made_of_a_generator(self) -> None:
        """It hears the error of its block, and its body alone has the context."""
        heard = []

        @contextmanager
        @context(reason="decorated")
        def block() -> Iterator[str | None]:
            try:
                yield reason()
            except LookupError:
                heard.append(reason())

        def fail() -> None:
            assert current() is None
            raise LookupError

        with block() as inside:
            fail()

        assert (inside, heard) == ("decorated", ["decorated"])
