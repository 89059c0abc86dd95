"""Entries that could not be written while their change stands: told in full to the log, counted, sent as a signal.

The count is kept in memory until writing works again; then an entry of its own, ``auditlog.recording_failed``, tells
how many are missing, and a system check asks about it until ``auditlog.recording_repaired`` is recorded.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from auditlog.signals import recording_failed

logger = logging.getLogger("auditlog")

FAILED, REPAIRED = "auditlog.recording_failed", "auditlog.recording_repaired"


@dataclass(slots=True)
class Missing:
    """How many entries about rows of one database are missing, and of which time."""

    since: dt.datetime = field(default_factory=timezone.now)
    until: dt.datetime = field(default_factory=timezone.now)
    models: Counter[str] = field(default_factory=Counter)

    @property
    def facts(self) -> dict[str, Any]:
        """What the entry tells: the number, by model too, and the time of the first and the last (ISO 8601)."""
        when = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {"missing": self.models.total(), **when, "models": dict(self.models)}

    def add(self, other: Missing) -> None:
        """Count those of the other too."""
        self.since, self.until = min(self.since, other.since), max(self.until, other.until)
        self.models += other.models


_missing: dict[str, Missing] = {}
_lock = threading.Lock()


def _forget() -> None:
    """A forked process leaves it to its parent to tell what the parent lost."""
    global _lock  # noqa: PLW0603 - a lock that another thread of the parent held would never be released
    _lock = threading.Lock()
    _missing.clear()


os.register_at_fork(after_in_child=_forget)


def report(using: str, rows: Sequence[Mapping[str, Any]], error: Exception) -> None:
    """Tell that these entries, given as the values of their columns, could not be written.

    Each is logged as one line of JSON that ``Entry(**values)`` takes; ``recording_failed`` is sent once per model.
    """
    logger.error("auditlog: %s entries about rows on database %r not written", len(rows), using, exc_info=error)
    for values in rows:
        told = {name: value for name, value in values.items() if name != "salt"}
        logger.error("auditlog: entry not written on database %r: %s", using, _line(told))
    lost = Missing(models=Counter(values["model"] for values in rows))
    _count(using, lost)
    for label, count in lost.models.items():
        sender = model_of(label)
        recording_failed.send_robust(sender=sender, model=label, using=using, count=count, error=error)


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, default=str, sort_keys=True)


def _count(using: str, lost: Missing) -> None:
    with _lock:
        if using in _missing:
            _missing[using].add(lost)
        else:
            _missing[using] = lost


def count(using: str) -> int:
    """How many entries this process could not write about rows of this database, and has not yet told in the log."""
    lost = _missing.get(using)
    return 0 if lost is None else lost.models.total()


def take(using: str) -> Missing | None:
    """What is to be told in the log, and is then told; None when nothing is missing."""
    with _lock:
        return _missing.pop(using, None)


def give_back(using: str, lost: Missing) -> None:
    """It could not be told."""
    _count(using, lost)


def model_of(label: str) -> type[models.Model] | None:
    """The model's class; None where the project has no such model any more, or the label is empty."""
    try:
        return apps.get_model(label) if label else None
    except LookupError:
        return None
