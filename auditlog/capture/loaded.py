"""``snapshot="loaded"``: post_init keeps what was loaded, so that a save needs no query for the old values.

The price: a concurrent writer can make the old value wrong, so the entry's context says ``snapshot: loaded``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any
from weakref import ref

from django.db import connections, models
from django.db.models import signals

from auditlog.capture.registration import Registration
from auditlog.capture.snapshot import Row, from_database

_KEPT = "auditlog_loaded"


class _Kept:
    """What is known of an instance's row. Copies and pickles of the instance know nothing: they may outlive it."""

    __slots__ = ("hooks", "owner", "values")

    def __init__(self, state: models.base.ModelState, values: dict[str, Any]) -> None:
        self.owner = ref(state)
        self.values = values
        self.hooks: object = None
        """The caller's list of commit hooks when the row was written within his transaction, else None."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return (_nothing, ())


def _nothing() -> None:
    """What a pickled instance knows."""


def _kept(instance: models.Model) -> _Kept | None:
    kept: _Kept | None = getattr(instance._state, _KEPT, None)
    return kept if kept is not None and kept.owner() is instance._state else None


def on_post_init(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Keep the values the instance was made with; they count once it turns out to be loaded."""
    keep(instance)


def keep(instance: models.Model) -> None:
    """Remember the values of ``instance`` as those of its row; deferred ones stay unknown."""
    values = instance.__dict__
    known = {f.attname: _copy(values[f.attname]) for f in instance._meta.concrete_fields if f.attname in values}
    setattr(instance._state, _KEPT, _Kept(instance._state, known))


def keep_row(instance: models.Model, attnames: Iterable[str], row: Row, hooks: object) -> None:
    """Remember what a save has just written; fields it left out keep what was known of them.

    ``hooks`` is the caller's list of commit hooks, which Django replaces when a transaction or savepoint ends: what was
    written there may have been rolled back with it, and is then no longer known. None: the transaction is our own.
    """
    kept = _kept(instance)
    if kept is not None:
        kept.values.update(zip(attnames, map(_copy, row), strict=True))
        kept.hooks = hooks


def forget(instance: models.Model) -> None:
    """Know nothing more of the row: a save of it has failed."""
    if _kept(instance) is not None:
        setattr(instance._state, _KEPT, None)


def _copy(value: Any) -> Any:
    """A copy of what a project may change in place; other values cannot change."""
    return copy.deepcopy(value) if isinstance(value, (dict, list, set, bytearray)) else copy.copy(value)


def kept(instance: models.Model, parts: Sequence[Registration], using: str) -> dict[Registration, Row]:
    """The rows as they were loaded; empty where that is not known: a hand-made, deferred or foreign instance."""
    known = _kept(instance)
    if known is None or instance._state.adding or instance._state.db != using:
        return {}
    if any(part.options.snapshot != "loaded" for part in parts):
        return {}
    if known.hooks is not None and connections[using].run_on_commit is not known.hooks:
        return {}
    values = known.values
    tables = [part.table(connections[using].vendor) for part in parts]
    if any(name not in values for table in tables for name in table.attnames):
        return {}
    if any(values[f.attname] != instance.__dict__.get(f.attname) for f in instance._meta.pk_fields):
        return {}
    return {
        part: from_database(table, [values[name] for name in table.attnames])
        for part, table in zip(parts, tables, strict=True)
    }


def connect(sender: type[models.Model]) -> None:
    """Keep what is loaded of this class, and renew it when an instance is refreshed."""
    signals.post_init.connect(on_post_init, sender=sender, dispatch_uid=("auditlog", sender, "on_post_init"))
    if not hasattr(sender.refresh_from_db, "auditlog_original"):
        sender.refresh_from_db = _renewing(sender.refresh_from_db)  # type: ignore[method-assign]


def disconnect(sender: type[models.Model]) -> None:
    """Take back what :func:`connect` did."""
    signals.post_init.disconnect(sender=sender, dispatch_uid=("auditlog", sender, "on_post_init"))
    ours = sender.__dict__.get("refresh_from_db")
    original = getattr(ours, "auditlog_original", None)
    if original is not None:
        sender.refresh_from_db = original  # type: ignore[method-assign]


def _renewing(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def refresh_from_db(self: models.Model, using: Any = None, fields: Any = None, *args: Any, **kwargs: Any) -> None:
        names = None if fields is None else tuple(fields)
        original(self, using, names, *args, **kwargs)
        if names is None:
            keep(self)
        else:
            _keep_fields(self, names)

    refresh_from_db.auditlog_original = original  # type: ignore[attr-defined]
    return refresh_from_db


def _keep_fields(instance: models.Model, names: Iterable[str]) -> None:
    kept = _kept(instance)
    values = {} if kept is None else kept.values
    for field in instance._meta.concrete_fields:
        if (field.name in names or field.attname in names) and field.attname in instance.__dict__:
            values[field.attname] = _copy(instance.__dict__[field.attname])
