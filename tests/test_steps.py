"""Bodies that run in steps: every step within a block, nothing between them, values and errors passed through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from auditlog.steps import aiterated, aresumed, decorated, iterated, resumed


class Log:
    """A block that tells when it is open."""

    def __init__(self) -> None:
        self.open = False
        self.steps = 0

    @contextmanager
    def step(self) -> Iterator[None]:
        self.open = True
        self.steps += 1
        try:
            yield
        finally:
            self.open = False


@pytest.fixture
def log() -> Log:
    return Log()


def test_items_are_fetched_within_steps(log: Log) -> None:
    def body() -> Iterator[bool]:
        yield log.open
        yield log.open

    fetched = [(item, log.open) for item in iterated(body(), log.step)]

    assert fetched == [(True, False), (True, False)]


def test_closing_early_closes_the_body_within_a_step(log: Log) -> None:
    closed = []

    def body() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(log.open)

    items = iterated(body(), log.step)
    next(items)
    items.close()

    assert closed == [True]


def test_what_cannot_be_closed_is_left_alone(log: Log) -> None:
    assert list(iterated([1, 2], log.step)) == [1, 2]
    assert log.steps == 3


async def test_async_items_are_fetched_within_steps(log: Log) -> None:
    async def body() -> AsyncIterator[bool]:
        yield log.open
        yield log.open

    assert [(item, log.open) async for item in aiterated(body(), log.step)] == [(True, False), (True, False)]


async def test_closing_early_closes_the_async_body_within_a_step(log: Log) -> None:
    closed = []

    async def body() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(log.open)

    items = aiterated(body(), log.step)
    await anext(items)
    await items.aclose()

    assert closed == [True]


async def test_an_async_iterator_that_cannot_be_closed_is_left_alone(log: Log) -> None:
    class Numbers:
        left = 2

        def __aiter__(self) -> Numbers:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert [item async for item in aiterated(Numbers(), log.step)] == [1, 0]


def talker(log: Log, heard: list[Any]) -> Any:
    """A generator that hears what is sent and thrown."""
    try:
        heard.append(((yield "first"), log.open))
        try:
            yield "second"
        except KeyError:
            heard.append(("KeyError", log.open))
            yield "after the error"
    except GeneratorExit:
        heard.append(("closed", log.open))
        raise
    return "result"


def test_a_generator_hears_what_is_sent_and_thrown(log: Log) -> None:
    heard: list[Any] = []
    body = resumed(talker(log, heard), log.step)

    assert next(body) == "first"
    assert body.send("hello") == "second"
    assert body.throw(KeyError) == "after the error"
    with pytest.raises(StopIteration) as end:
        next(body)

    assert end.value.value == "result"
    assert heard == [("hello", True), ("KeyError", True)]
    assert not log.open


def test_closing_a_generator_is_heard_within_a_step(log: Log) -> None:
    heard: list[Any] = []
    body = resumed(talker(log, heard), log.step)
    next(body)
    body.close()

    assert heard == [("closed", True)]


async def atalker(log: Log, heard: list[Any]) -> Any:
    try:
        heard.append(((yield "first"), log.open))
        try:
            yield "second"
        except KeyError:
            heard.append(("KeyError", log.open))
            yield "after the error"
    except GeneratorExit:
        heard.append(("closed", log.open))
        raise


async def test_an_async_generator_hears_what_is_sent_and_thrown(log: Log) -> None:
    heard: list[Any] = []
    body = aresumed(atalker(log, heard), log.step)

    assert await anext(body) == "first"
    assert await body.asend("hello") == "second"
    assert await body.athrow(KeyError) == "after the error"
    with pytest.raises(StopAsyncIteration):
        await anext(body)

    assert heard == [("hello", True), ("KeyError", True)]


async def test_closing_an_async_generator_is_heard_within_a_step(log: Log) -> None:
    heard: list[Any] = []
    body = aresumed(atalker(log, heard), log.step)
    await anext(body)
    await body.aclose()

    assert heard == [("closed", True)]


def test_a_generator_function_begins_anew_with_each_call(log: Log) -> None:
    """``step`` is asked once per call, so that each call has a context of its own."""
    asked = []

    def step() -> Any:
        asked.append(1)
        return log.step

    def body() -> Iterator[int]:
        yield 1

    wrapped = decorated(body, block=log.step, step=step)

    assert [*wrapped(), *wrapped()] == [1, 1]
    assert len(asked) == 2
