"""The context: who acts, in which request or command, and why; set by a block and restored after it.

Code without any has empty circumstances: nobody, no address, and a changeset per outermost transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from django.http import HttpRequest

from auditlog.actors import can_act
from auditlog.changesets import uuid7
from auditlog.circumstances import Carried, Columns, Context, become, columns, current, entered, left
from auditlog.requests import Origin
from auditlog.steps import decorated

__all__ = [
    "Carried", "Columns", "Context", "columns", "command", "command_is_running", "context", "current", "during",
    "entered", "running_command",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def during(request: HttpRequest) -> Iterator[Carried]:
    """The context of one request, which inherits nothing; yields what its streaming response needs."""
    inner = Context(changeset=uuid7(), origin=Origin(request))
    with entered(inner):
        yield Carried(inner)


@contextmanager
def command(name: str, *, runs_on: bool, actor: str, **facts: Any) -> Iterator[None]:
    """The context of a management command; within another's changeset it only adds a fact."""
    outer = current()
    running = (*(outer.commands if outer else ()), name)
    if outer is not None and outer.changeset is not None:
        inner = replace(outer, facts={**outer.facts, "command": name}, commands=running)
    else:
        told = {"command": name, **facts}
        inner = Context(actor=actor, facts=told, changeset=None if runs_on else uuid7(), commands=running)
    with entered(inner):
        yield


def running_command() -> str | None:
    """The name of the outermost management command that runs; None outside."""
    here = current()
    return here.commands[0] if here is not None and here.commands else None


def command_is_running(name: str) -> bool:
    """Whether a management command of that name runs, called by others or not."""
    here = current()
    return here is not None and name in here.commands


class context:  # noqa: N801 - a function to those who use it
    """Say who acts, why, and what else is to be known, for a block or a function.

    ``with context(...)``, ``async with context(...)`` and ``@context(...)`` on functions, coroutines and generators.
    An actor is a user or the name of what acts; an inner block overrides actor and reason if it gives them, adds its
    facts and stays in the changeset of the outer one. One object may be used often, also at the same time.
    """

    def __init__(self, /, actor: Any = None, reason: str = "", **facts: Any) -> None:
        if not can_act(actor):
            raise TypeError(f"auditlog.context(actor=...) takes a user or a name, not {type(actor).__qualname__}.")
        self._actor = actor
        self._reason = reason
        self._facts = facts

    def _opened(self) -> Context:
        outer = current() or Context()
        return replace(
            outer,
            actor=outer.actor if self._actor is None else self._actor,
            reason=str(self._reason or outer.reason),
            facts={**outer.facts, **self._facts},
            changeset=outer.changeset or uuid7(),
            outer=current(),
            opened_by=self,
        )

    def __enter__(self) -> Context:
        inner = self._opened()
        become(inner)
        return inner

    def __exit__(self, *error: object) -> None:
        """Back to what was before; a block left in another context than it was entered in has nothing to restore."""
        left(self)

    async def __aenter__(self) -> Context:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__()

    def __call__(self, func: F, /) -> F:
        """The function, run within this context."""
        return decorated(func, block=lambda: self, step=lambda: Carried(self._opened()).step)
