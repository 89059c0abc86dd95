"""The one door through which entries are written: save, delete, many-to-many and a project's own code use it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from typing import Any

from django.db import DatabaseError, connections, models, router, transaction
from django.utils import timezone

from auditlog import contexts, failures
from auditlog.capture.registry import REPR_LENGTH, label_of, object_key, registration_for
from auditlog.capture.values import dumps, storable
from auditlog.conf import settings
from auditlog.databases import DATABASE_FACT, entries_about, log_alias
from auditlog.exceptions import RecordingError
from auditlog.facts import json_safe
from auditlog.models import Action, Entry
from auditlog.naming import model_label
from auditlog.signals import recorded

logger = logging.getLogger("auditlog")

_ROWS = 100
"""Rows of one INSERT: beyond this the gain per row is below the noise."""

_IDS = 1000
"""Up to this many object ids are passed to receivers of ``recorded``."""

_EVENT_LENGTH = 100

_JSON = ("changes", "context")

_COLUMNS = (
    "recorded_at", "action", "event", "model", "object_id", "object_repr", "changes", "actor", "actor_repr",
    "changeset", "remote_addr", "reason", "context", "salt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to become an entry; who, when and where from are added when it is written."""

    action: Action
    model: str = ""
    object_id: str = ""
    object_repr: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    event: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    salt: bytes = field(default_factory=lambda: os.urandom(16), repr=False, compare=False)


def record_entries(
    using: str, drafts: Iterable[Draft], *, on_error: str = "raise", columns: contexts.Columns | None = None
) -> None:
    """Write entries about rows on the database ``using``, in the transaction that is open there.

    ``columns`` is what the context said at an earlier moment; by default it is asked now.

    Raises :class:`RecordingError`, with the database's error chained, when an entry cannot be written: the change it
    describes must then not be made either. With ``on_error="log"`` the change stands and the failure is reported
    (:mod:`auditlog.failures`). In a separate audit database (:mod:`auditlog.databases`) entries are written once the
    change is committed, so a failure there is reported too.
    """
    batch = iter(drafts)
    while rows := list(islice(batch, _ROWS)):
        if not has_table(using):
            return
        batched = Batch(using, rows, columns or contexts.columns(using))
        if log_alias(using) != using:
            _write_after_commit(batched)
        elif on_error == "log":
            _write_or_report(batched)
        else:
            _write(batched)


class Batch:
    """Entries that are written by one statement, as they were when they were recorded."""

    def __init__(self, using: str, drafts: Sequence[Draft], columns: contexts.Columns) -> None:
        self.using = using
        self.drafts = drafts
        self.kept_on = log_alias(using)
        self.changeset = columns.changeset
        apart = {} if self.kept_on == using else {DATABASE_FACT: using}
        self.rows = [_values(draft, columns, apart) for draft in drafts]

    def __call__(self) -> None:
        """Write the entries after the commit of their change, which stands whatever happens."""
        try:
            _insert(self)
        except RecordingError as error:
            failures.report(self.using, self.rows, error)
        else:
            _written(self)


def is_recorded(using: str, draft: Draft) -> bool:
    """Whether the entry of this draft is in the log, or will be, and was not rolled back with a savepoint."""
    if log_alias(using) != using and connections[using].in_atomic_block:
        return any(draft is each for batch in _waiting(using) for each in batch.drafts)
    found = entries_about(using).filter(model=draft.model, object_id=storable(draft.object_id))
    return found.filter(salt=draft.salt).exists()


def _waiting(using: str) -> Iterator[Batch]:
    """The batches that wait for a commit; Django drops those whose savepoint is rolled back."""
    hooks: list[Any] = connections[using].run_on_commit
    yield from (hook for _savepoints, hook, *_robust in hooks if isinstance(hook, Batch))


def _write(batch: Batch) -> None:
    with transaction.mark_for_rollback_on_error(batch.using):
        _insert(batch)
    _written(batch)


def _write_or_report(batch: Batch) -> None:
    try:
        with transaction.atomic(batch.using):
            _insert(batch)
    except RecordingError as error:
        failures.report(batch.using, batch.rows, error)
    else:
        _written(batch)


def _write_after_commit(batch: Batch) -> None:
    if _has_hooks(batch.using):
        transaction.on_commit(batch, using=batch.using)
    else:
        batch()


def _insert(batch: Batch) -> None:
    connection = connections[batch.kept_on]
    prepared = [_prepared(connection, values) for values in batch.rows]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in _fields().values())
    values = ", ".join(["(" + ", ".join(["%s"] * len(_COLUMNS)) + ")"] * len(prepared))
    sql = f"INSERT INTO {quote(Entry._meta.db_table)} ({names}) VALUES {values}"  # noqa: S608 - names of our own table
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, [value for row in prepared for value in row])
    except DatabaseError as error:
        what = "The change was not made because its" if batch.kept_on == batch.using else "The change was made, but its"
        raise RecordingError(
            f"{what} entry could not be written to {Entry._meta.db_table} of database {batch.kept_on!r}: {error} Has "
            "'manage.py migrate' been run on it?"
        ) from error


def _values(draft: Draft, columns: contexts.Columns, apart: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the entry's columns, by name."""
    return {
        "recorded_at": timezone.now(),
        "action": int(draft.action),
        "event": draft.event,
        "model": draft.model,
        "object_id": storable(draft.object_id),
        "object_repr": draft.object_repr,
        "changes": dict(draft.changes),
        "actor": columns.actor_id,
        "actor_repr": columns.actor_repr,
        "changeset": columns.changeset,
        "remote_addr": columns.remote_addr,
        "reason": storable(draft.reason or columns.reason),
        "context": {**columns.context, **json_safe(draft.facts, settings.CONTEXT_MAX_LENGTH), **apart},
        "salt": draft.salt,
    }


def _prepared(connection: Any, values: Mapping[str, Any]) -> list[Any]:
    return [
        dumps(values[name]) if name in _JSON else field.get_db_prep_save(values[name], connection)
        for name, field in _fields().items()
    ]


@cache
def _fields() -> dict[str, models.Field[Any, Any]]:
    """The fields of the columns that are written, in their order."""
    every = {field.name: field for field in Entry._meta.concrete_fields}
    return {name: every[name] for name in _COLUMNS}


def _has_hooks(using: str) -> bool:
    """Whether something can be done after commit; not where the caller commits by hand, for which Django has none."""
    connection = connections[using]
    return connection.in_atomic_block or connection.get_autocommit()


def _written(batch: Batch) -> None:
    """The entries are written: announce them, and tell of those that could not be."""
    _announce(batch)
    if failures.count(batch.using) and _has_hooks(batch.using):
        transaction.on_commit(partial(_tell_failures, batch.using), using=batch.using, robust=True)


def _tell_failures(using: str) -> None:
    """Write the entry that tells how many are missing."""
    lost = failures.take(using)
    if lost is None:
        return
    try:
        _insert(Batch(using, [Draft(Action.EVENT, event=failures.FAILED, facts=lost.facts)], contexts.columns(using)))
    except RecordingError:
        failures.give_back(using, lost)
        logger.exception("auditlog: that entries are missing on database %r could not be recorded either", using)


def _announce(batch: Batch) -> None:
    """Tell the receivers of ``recorded`` after commit, once per model and action; costs nothing without receivers."""
    if not recorded.receivers or not _has_hooks(batch.using):
        return
    groups: dict[tuple[str, Action], list[str]] = {}
    for draft in batch.drafts:
        groups.setdefault((draft.model, draft.action), []).append(draft.object_id)
    for (label, action), ids in groups.items():
        sender = failures.model_of(label)
        if not recorded.has_listeners(sender):
            continue
        send = partial(
            recorded.send_robust,
            sender=sender,
            model=label,
            action=action,
            changeset=batch.changeset,
            using=batch.using,
            count=len(ids),
            object_ids=tuple(ids) if len(ids) <= _IDS else None,
        )
        transaction.on_commit(send, using=batch.using, robust=True)


_migrated: set[str] = set()


def has_table(using: str) -> bool:
    """Whether entries can be written; False, with one warning, only while ``migrate`` has not yet made the table."""
    if using in _migrated or not contexts.command_is_running("migrate"):
        return True
    if Entry._meta.db_table in connections[log_alias(using)].introspection.table_names():
        _migrated.add(using)
        return True
    warnings.warn(
        f"Changes made on database {using!r} before the audit log's table exists are not recorded; run "
        "'manage.py auditlog_baseline' afterwards to write first entries for these rows.",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def record(
    obj: models.Model | None = None,
    *,
    event: str,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
    **facts: Any,
) -> None:
    """Record an event of the project's own (``event="invoice.sent"``), about an object or about none.

    ``changes`` maps names to ``[old, new]``; further keyword arguments become facts of the entry's context. Written at
    once, on the object's database, in the open transaction. Raises ValueError for an event name that is empty or longer
    than 100 characters.
    """
    if not event or len(event) > _EVENT_LENGTH:
        raise ValueError("auditlog.record(event=...) needs a name of 1 to 100 characters, such as 'invoice.sent'.")
    details = {name: json_safe(value) for name, value in (changes or {}).items()}
    draft = Draft(Action.EVENT, *_subject(obj), changes=details, event=event, reason=reason, facts=facts)
    record_entries(_alias(obj), [draft])


def accessed(obj: models.Model, *, reason: str = "", **facts: Any) -> None:
    """Record that the object was read; further keyword arguments become facts of the entry's context."""
    record_entries(_alias(obj), [Draft(Action.ACCESS, *_subject(obj), reason=reason, facts=facts)])


def _subject(obj: models.Model | None) -> tuple[str, str, str]:
    if obj is None:
        return ("", "", "")
    # a lazy object (request.user) gives its own class by __class__ only
    return (model_label(obj.__class__), object_key(obj), label_of(obj)[:REPR_LENGTH])


def _alias(obj: models.Model | None) -> str:
    if obj is None:
        return router.db_for_write(Entry)
    return router.db_for_write(obj.__class__, instance=obj)


_paused: ContextVar[bool] = ContextVar("auditlog_paused", default=False)


def is_paused() -> bool:
    """Whether recording is paused in this context."""
    return _paused.get()


@contextmanager
def paused(reason: str) -> Iterator[None]:
    """Record nothing within the block; the pause itself is recorded, with its reason, at its begin and end.

    Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("auditlog.paused() needs a reason: it is recorded in place of what is not.")
    record(event="auditlog.paused", reason=reason)
    token = _paused.set(True)
    try:
        yield
    except BaseException:
        _paused.reset(token)
        with suppress(RecordingError):  # the transaction may be broken by the very error that ends the block
            record(event="auditlog.resumed", reason=reason)
        raise
    _paused.reset(token)
    record(event="auditlog.resumed", reason=reason)


def require_reason(model: type[models.Model], using: str) -> None:
    """Raise :class:`RecordingError` when the model is registered with ``reason="required"`` and none is given."""
    registration = registration_for(model)
    if registration is None or registration.options.reason != "required":
        return
    context = contexts.current()
    if context is None or not context.reason:
        raise RecordingError(
            f"{registration.label} is changed only with a reason: wrap the change in auditlog.context(reason='...')."
        )
