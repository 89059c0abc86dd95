"""Where a background task comes from: whoever caused it, as the message that started it tells."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from auditlog.actors import NAME_LENGTH, NOBODY, Actor
from auditlog.facts import json_safe, shortened
from auditlog.requests import client_address

Packed = dict[str, Any]

CARRIED = ("request_id", "trace_id")
"""The facts of a request that its tasks keep; its path and browser would make their entries look like its own."""

LONGEST = 10_000
"""Characters kept of each string in a message."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskOrigin:
    """What a request's :class:`~auditlog.requests.Origin` tells, for one run of a task."""

    task: str
    task_id: str
    packed: Mapping[str, Any] = field(default_factory=dict)
    """What the message brought; a retry of the task brings it again."""
    causer: Actor = NOBODY
    real: Mapping[str, Any] = field(default_factory=dict)
    remote_addr: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def actor(self) -> Actor:
        """Whoever caused the task; the task itself where nobody did."""
        return self.causer if self.causer.name or self.causer.id is not None else Actor(name=f"task:{self.task}")

    def real_user(self, actor: Actor) -> dict[str, Any] | None:
        """Who acted under the causer's name; nobody for another actor whom the task itself has named."""
        return dict(self.real) if self.real and actor == self.causer else None


def readable(packed: Any) -> Packed:
    """A message as JSON that every database takes; empty if it is no object."""
    told: Packed = json_safe(packed, LONGEST) if isinstance(packed, Mapping) else {}
    return told


def origin_of(told: Packed, *, task: str, task_id: str) -> TaskOrigin:
    """The origin that a readable message tells; garbage in it costs its own fact and nothing else."""
    return TaskOrigin(
        task=task,
        task_id=task_id,
        packed=told,
        causer=_causer(mapping(told, "actor")),
        real=mapping(told, "real_user"),
        remote_addr=client_address(text(told, "remote_addr"), ""),
        facts=_facts(told, task, task_id),
    )


def _facts(told: Packed, task: str, task_id: str) -> Packed:
    origin, root = _uuid(told, "changeset"), _uuid(told, "root")
    facts = {
        **{name: shortened(text(told, name)) for name in CARRIED},
        "task": shortened(task),
        "task_id": shortened(task_id),
        "origin_changeset": origin,
        "root_changeset": root if root != origin else None,
    }
    return {name: value for name, value in facts.items() if value}


def _causer(told: Packed) -> Actor:
    flags = told.get("flags")
    kept = tuple(flag for flag in ("superuser", "staff") if isinstance(flags, list) and flag in flags)
    return Actor(_user_key(told.get("id")), shortened(text(told, "name"), NAME_LENGTH), kept)


def _user_key(value: Any) -> Any:
    """The key of a user; None for what the column of keys could not hold."""
    if type(value) not in (int, str) or value == "":
        return None
    pk = get_user_model()._meta.pk
    try:
        key = pk.to_python(value)
        pk.run_validators(key)
    except ValidationError:
        return None
    return key


def _uuid(told: Packed, name: str) -> str | None:
    try:
        return str(uuid.UUID(text(told, name)))
    except ValueError:
        return None


def text(told: Packed, name: str) -> str:
    """The text under a name; empty where something else is."""
    value = told.get(name)
    return value if isinstance(value, str) else ""


def mapping(told: Packed, name: str) -> Packed:
    """The object under a name; empty where something else is."""
    value = told.get(name)
    return value if isinstance(value, dict) else {}
