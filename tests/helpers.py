"""Short words for tests: what was recorded, as plain tuples."""

from __future__ import annotations

from typing import Any

from django.db import connections, models

from auditlog.capture.registry import registration_for
from auditlog.capture.snapshot import stored_rows
from auditlog.models import Action, Entry

Told = tuple[str, str, str, dict[str, Any]]


def told(*, using: str = "default", since: int = 0) -> list[Told]:
    """Every entry after id ``since``, oldest first: action, model, object id, changes."""
    entries = Entry.objects.using(using).filter(id__gt=since).order_by("id")
    return [(Action(e.action).name, e.model, e.object_id, e.changes) for e in entries]


def mark(using: str = "default") -> int:
    """The newest entry's id; pass it to ``told(since=...)`` to see only what comes after."""
    return Entry.objects.using(using).aggregate(top=models.Max("id"))["top"] or 0


def broken_chains(using: str = "default") -> list[str]:
    """Entries whose old value is not the previous entry's new value, per object and field: the law of the project."""
    known: dict[tuple[str, str, str], Any] = {}
    broken = []
    for entry in Entry.objects.using(using).order_by("id"):
        for name, change in entry.changes.items():
            if not isinstance(change, list):
                continue
            key = (entry.model, entry.object_id, name)
            if entry.action == Action.UPDATE and key in known and known[key] != change[0]:
                broken.append(f"{entry.id} {key}: {known[key]!r} then {change[0]!r}")
            known[key] = change[1]
    return broken


def replayed(model: type[models.Model], using: str = "default") -> dict[str, dict[str, Any]]:
    """The table of ``model`` as its entries alone tell it: object id -> field -> JSON value."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in Entry.objects.using(using).for_model(model).order_by("id"):
        if entry.action == Action.DELETE:
            del rows[entry.object_id]
            continue
        row = rows.setdefault(entry.object_id, {})
        row.update({name: change[1] for name, change in entry.changes.items() if isinstance(change, list)})
    return rows


def live(model: type[models.Model], using: str = "default") -> dict[str, dict[str, Any]]:
    """The table of ``model`` as it is, in the form of :func:`replayed`."""
    registration = registration_for(model)
    assert registration is not None
    table = registration.table(connections[using].vendor)
    rows = {}
    for pk, row in stored_rows(
        using, registration, model._base_manager.using(using).values_list("pk", flat=True), lock=False
    ).items():
        values = zip(table.names, table.codecs, row, strict=True)
        rows[registration.key(pk)] = {name: None if v is None else codec.encode(v) for name, codec, v in values}
    return rows
