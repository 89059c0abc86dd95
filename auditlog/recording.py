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

from django.apps import apps
from django.db import DatabaseError, connections, models, router, transaction
from django.utils import timezone

from auditlog import contexts
from auditlog.capture.registry import REPR_LENGTH, label_of, object_key, registration_for
from auditlog.capture.values import dumps, storable
from auditlog.conf import settings
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
    """Write entries on the database ``using``, in the transaction that is open there.

    ``columns`` is what the context said at an earlier moment; by default it is asked now.

    Raises :class:`RecordingError`, with the database's error chained, when an entry cannot be written: the change it
    describes must then not be made either. With ``on_error="log"`` the failure is logged and the change stands.
    """
    batch = iter(drafts)
    while rows := list(islice(batch, _ROWS)):
        if not has_table(using):
            return
        if on_error == "log":
            _insert_or_log(using, rows, columns)
        else:
            _insert(using, rows, columns)


def is_recorded(using: str, draft: Draft) -> bool:
    """Whether the entry of this draft is in the log, and was not rolled back with a savepoint."""
    found = Entry.objects.using(using).filter(model=draft.model, object_id=storable(draft.object_id))
    return found.filter(salt=draft.salt).exists()


def _insert(using: str, drafts: Sequence[Draft], given: contexts.Columns | None) -> None:
    columns = given or contexts.columns(using)
    connection = connections[using]
    prepared = [_prepared(connection, draft, columns) for draft in drafts]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in _fields().values())
    values = ", ".join(["(" + ", ".join(["%s"] * len(_COLUMNS)) + ")"] * len(prepared))
    sql = f"INSERT INTO {quote(Entry._meta.db_table)} ({names}) VALUES {values}"  # noqa: S608 - names of our own table
    try:
        with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
            cursor.execute(sql, [value for row in prepared for value in row])
    except DatabaseError as error:
        raise RecordingError(
            f"The change was not made because its entry could not be written to {Entry._meta.db_table} of database "
            f"{using!r}: {error} Has 'manage.py migrate' been run on it?"
        ) from error
    _announce(using, drafts, columns)


def _insert_or_log(using: str, drafts: Sequence[Draft], columns: contexts.Columns | None) -> None:
    try:
        with transaction.atomic(using):
            _insert(using, drafts, columns)
    except RecordingError:
        for draft in drafts:
            logger.exception("auditlog: entry not written: %r", draft)


def _prepared(connection: Any, draft: Draft, columns: contexts.Columns) -> list[Any]:
    values = {
        "recorded_at": timezone.now(),
        "action": int(draft.action),
        "event": draft.event,
        "model": draft.model,
        "object_id": storable(draft.object_id),
        "object_repr": draft.object_repr,
        "actor": columns.actor_id,
        "actor_repr": columns.actor_repr,
        "changeset": columns.changeset,
        "remote_addr": columns.remote_addr,
        "reason": storable(draft.reason or columns.reason),
        "salt": draft.salt,
    }
    fields = _fields()
    row = {name: fields[name].get_db_prep_save(value, connection) for name, value in values.items()}
    row["changes"] = dumps(dict(draft.changes))
    row["context"] = dumps({**columns.context, **json_safe(draft.facts, settings.CONTEXT_MAX_LENGTH)})
    return [row[name] for name in _COLUMNS]


@cache
def _fields() -> dict[str, models.Field[Any, Any]]:
    """The fields of the columns that are written, in their order."""
    every = {field.name: field for field in Entry._meta.concrete_fields}
    return {name: every[name] for name in _COLUMNS}


def _announce(using: str, drafts: Sequence[Draft], columns: contexts.Columns) -> None:
    """Tell the receivers of ``recorded`` after commit, once per model and action; costs nothing without receivers."""
    connection = connections[using]
    if not recorded.receivers or not (connection.in_atomic_block or connection.get_autocommit()):
        return  # nobody listens, or the caller commits by hand, where Django has no hooks
    groups: dict[tuple[str, Action], list[str]] = {}
    for draft in drafts:
        groups.setdefault((draft.model, draft.action), []).append(draft.object_id)
    for (label, action), ids in groups.items():
        sender = _model_of(label)
        if not recorded.has_listeners(sender):
            continue
        send = partial(
            recorded.send_robust,
            sender=sender,
            model=label,
            action=action,
            changeset=columns.changeset,
            using=using,
            count=len(ids),
            object_ids=tuple(ids) if len(ids) <= _IDS else None,
        )
        transaction.on_commit(send, using=using, robust=True)


def _model_of(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label) if label else None
    except LookupError:
        return None


_migrated: set[str] = set()


def has_table(using: str) -> bool:
    """Whether entries can be written; False, with one warning, only while ``migrate`` has not yet made the table."""
    if using in _migrated or not contexts.command_is_running("migrate"):
        return True
    if Entry._meta.db_table in connections[using].introspection.table_names():
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
