"""The context on its way into a background task: packed as JSON where the task is queued, unpacked where it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from django.db import connections

from auditlog.actors import NOBODY
from auditlog.changesets import uuid7
from auditlog.circumstances import Context, actor_of, become, current, entered, left
from auditlog.facts import json_safe
from auditlog.requests import Origin
from auditlog.task_origins import CARRIED, LONGEST, Packed, TaskOrigin, mapping, origin_of, readable, text


def pack_context(task_id: str | None = None) -> Packed:
    """The context that is open now, as a small JSON object to put beside a task's arguments.

    Empty where no context is open. A task that sends itself again (a retry, told by its id) packs what it came with.
    """
    here = current()
    if here is None:
        return {}
    origin = here.origin
    if isinstance(origin, TaskOrigin) and task_id is not None and origin.task_id == task_id:
        return dict(origin.packed)
    if here.actor is None and isinstance(origin, Origin) and _in_event_loop():
        with ThreadPoolExecutor(1) as pool:  # code in an event loop may not ask the database who the lazy user is
            return pool.submit(copy_context().run, _packed_in_thread, here).result()
    return _packed(here)


@contextmanager
def task_context(packed: Any, *, task: str, task_id: str = "") -> Iterator[Context]:
    """The context of one run of a task: a changeset of its own, and the actor of whoever caused it.

    ``packed`` is what :func:`pack_context` returned; of anything else no more is taken than makes sense.
    """
    inner = _unpacked(packed, task=task, task_id=task_id)
    with entered(inner):
        yield inner


def enter_task(packed: Any, *, task: str, task_id: str) -> None:
    """Begin a task's context, where beginning and end are two calls."""
    become(_unpacked(packed, task=task, task_id=task_id))


def leave_task(task_id: str) -> None:
    """End it, with every context that was left open within; without one there is nothing to end."""
    left(_mark(task_id))


def _packed(here: Context) -> Packed:
    actor, origin = actor_of(here), here.origin
    told = origin.facts if origin else {}
    changeset = None if here.changeset is None else str(here.changeset)
    known = {"id": json_safe(actor.id), "name": actor.name, "flags": list(actor.flags)}
    packed = {
        "actor": known if actor != NOBODY else None,
        "real_user": origin.real_user(actor) if origin and actor != NOBODY else None,
        "reason": here.reason[:LONGEST],
        "facts": here.stored_facts,
        "changeset": changeset,
        "root": told.get("root_changeset") or told.get("origin_changeset") or changeset,
        "remote_addr": origin.remote_addr if origin else None,
        **{name: told.get(name) for name in CARRIED},
    }
    return {name: value for name, value in packed.items() if value}


def _packed_in_thread(here: Context) -> Packed:
    try:
        return _packed(here)
    finally:
        connections.close_all()  # this thread's own


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _unpacked(packed: Any, *, task: str, task_id: str) -> Context:
    told, outer = readable(packed), current()
    return Context(
        reason=text(told, "reason"),
        facts=mapping(told, "facts"),
        changeset=uuid7(),
        origin=origin_of(told, task=task, task_id=task_id),
        commands=outer.commands if outer else (),
        outer=outer,
        opened_by=_mark(task_id),
    )


def _mark(task_id: str) -> tuple[str, str]:
    return ("task", task_id)
