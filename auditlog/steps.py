"""Bodies that run in steps (generators, streaming responses): every step, and closing, runs in a block of its own."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

F = TypeVar("F", bound=Callable[..., Any])
Step = Callable[[], AbstractContextManager[Any]]


def iterated(iterable: Iterable[Any], step: Step) -> Generator[Any, None, None]:
    """The items of an iterable, each fetched within a step."""
    iterator = iter(iterable)
    try:
        while True:
            with step():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
    finally:
        if hasattr(iterator, "close"):
            with step():
                iterator.close()


async def aiterated(iterable: AsyncIterable[Any], step: Step) -> AsyncGenerator[Any, None]:
    """The items of an async iterable, each fetched within a step; nothing of it stays in the caller's context."""
    iterator = aiter(iterable)
    try:
        while True:
            with step():
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    return
            yield item
    finally:
        if hasattr(iterator, "aclose"):
            with step():
                await iterator.aclose()


def resumed(body: Generator[Any, Any, Any], step: Step) -> Generator[Any, Any, Any]:
    """A generator as it is, with what is sent and thrown into it, each step within a block."""
    resume: Callable[[Any], Any] = body.send
    passed: Any = None
    while True:
        with step():
            try:
                item = resume(passed)
            except StopIteration as end:
                return end.value
        try:
            passed, resume = (yield item), body.send
        except GeneratorExit:
            with step():
                body.close()
            raise
        except BaseException as error:  # noqa: BLE001 - handed on to the body, which decides
            passed, resume = error, body.throw


async def aresumed(body: AsyncGenerator[Any, Any], step: Step) -> AsyncGenerator[Any, Any]:
    """An async generator as it is, with what is sent and thrown into it, each step within a block."""
    resume: Callable[[Any], Any] = body.asend
    passed: Any = None
    while True:
        with step():
            try:
                item = await resume(passed)
            except StopAsyncIteration:
                return
        try:
            passed, resume = (yield item), body.asend
        except GeneratorExit:
            with step():
                await body.aclose()
            raise
        except BaseException as error:  # noqa: BLE001 - handed on to the body, which decides
            passed, resume = error, body.athrow


def decorated(func: F, *, block: Step, step: Callable[[], Step]) -> F:
    """The function, each call run in a block of its own; the body of a generator in steps, one ``step()`` per call."""

    @wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        with block():
            return func(*args, **kwargs)

    @wraps(func)
    async def arun(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await func(*args, **kwargs)

    @wraps(func)
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return resumed(func(*args, **kwargs), step())

    @wraps(func)
    def agenerate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return aresumed(func(*args, **kwargs), step())

    if inspect.isasyncgenfunction(func):
        return cast("F", agenerate)
    if inspect.isgeneratorfunction(func):
        return cast("F", generate)
    return cast("F", arun if iscoroutinefunction(func) else run)
