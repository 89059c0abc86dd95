"""The circumstances of a change: one frozen object in a context variable, and the columns of an entry made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from auditlog.actors import NOBODY, Actor, described
from auditlog.capture.value_base import Json
from auditlog.capture.values import storable
from auditlog.changesets import of_transaction
from auditlog.conf import settings
from auditlog.facts import json_safe
from auditlog.requests import Origin
from auditlog.task_origins import TaskOrigin


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """The circumstances of whatever happens in one block."""

    actor: Any = None
    """Who acts: a user, the name of something else, or None where the request knows."""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    changeset: UUID | None = None
    """None in programs that run on: one per outermost transaction."""
    origin: Origin | TaskOrigin | None = None
    commands: tuple[str, ...] = ()
    """The management commands that run, the outermost first."""
    outer: Context | None = field(default=None, repr=False)
    opened_by: object = field(default=None, repr=False)

    @cached_property
    def stored_facts(self) -> dict[str, Json]:
        """The facts as JSON."""
        stored: dict[str, Json] = json_safe(self.facts, settings.CONTEXT_MAX_LENGTH)
        return stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of an entry that tell who, where from and why."""

    actor_id: Any = None
    actor_repr: str = ""
    changeset: UUID
    remote_addr: str | None = None
    reason: str = ""
    context: dict[str, Json] = field(default_factory=dict)


_current: ContextVar[Context | None] = ContextVar("auditlog_context", default=None)


def current() -> Context | None:
    """The innermost context; None in code without any."""
    return _current.get()


def become(here: Context | None) -> None:
    """Make this the innermost context; the block that does so also restores what was before."""
    _current.set(here)


def left(opened_by: object) -> None:
    """Back to what was before the context that was opened so; a block left elsewhere has nothing to restore."""
    found = current()
    while found is not None and found.opened_by != opened_by:
        found = found.outer
    if found is not None:
        become(found.outer)


def actor_of(here: Context) -> Actor:
    """Whoever acts in a context, at this moment."""
    return here.origin.actor() if here.actor is None and here.origin is not None else described(here.actor)


def columns(using: str) -> Columns:
    """Who, where from and why, at the moment an entry is written on the database ``using``."""
    here = current()
    if here is None:
        return Columns(changeset=of_transaction(using))
    origin = here.origin
    actor = actor_of(here)
    return Columns(
        actor_id=actor.id,
        actor_repr=actor.name,
        changeset=here.changeset or of_transaction(using),
        remote_addr=None if origin is None else origin.remote_addr,
        reason=storable(here.reason),
        context=_facts(here, actor),
    )


def _facts(here: Context, actor: Actor) -> dict[str, Json]:
    told: dict[str, Json] = {}
    if here.origin is not None:
        told.update(here.origin.facts)
        if actor is not NOBODY and (real := here.origin.real_user(actor)):
            told["real_user"] = real
    if actor.flags:
        told["flags"] = dict.fromkeys(actor.flags, True)
    return {**told, **here.stored_facts}


@contextmanager
def entered(inner: Context) -> Iterator[None]:
    """The context as it is for the duration of the block."""
    token = _current.set(inner)
    try:
        yield
    finally:
        _current.reset(token)


class Carried:
    """The context of a body that runs in steps: each finds it as the last one left it, and the caller never sees it."""

    def __init__(self, carried: Context | None) -> None:
        self.context = carried

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step."""
        token = _current.set(self.context)
        try:
            yield
        finally:
            self.context = _current.get()
            _current.reset(token)
