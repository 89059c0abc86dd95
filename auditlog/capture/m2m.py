"""Many-to-many changes: the signal gives the meaning, the rows of the through table are the truth.

``remove`` sends the keys that were asked for and ``clear`` sends none, so the rows are read before and after, under the
locks of :mod:`auditlog.capture.link_locks`, and one readable entry is written for each owning object whose relation
really changed. A receiver may change the same relation meanwhile: what was done before it is recorded first, and what
it recorded counts as the earlier state of the operations around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

from django.db import connections, models
from django.db.models.signals import m2m_changed

from auditlog.capture.diff import diff
from auditlog.capture.frames import DeleteFrame, Note, open_frames
from auditlog.capture.labels import labels
from auditlog.capture.link_locks import lock_links
from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.relations import (
    Links,
    Relation,
    Shown,
    by_owner,
    deleted_links,
    in_order,
    links_in,
    mirrored,
    scope_of,
)
from auditlog.capture.snapshot import Row, stored_rows, take_write_lock
from auditlog.conf import settings
from auditlog.models import Action
from auditlog.recording import Draft, has_table, is_paused, record_entries, require_reason


@dataclass(eq=False, slots=True)
class Bracket:
    """An m2m operation between its pre and its post signal."""

    kind: str
    instance: models.Model
    relation: Relation
    using: str
    block: object
    before: Links
    scope: models.Q
    note: Note
    depth: int
    """How many saves and deletes were in progress when it began."""
    rows: dict[tuple[Any, Any], tuple[Any, Row]] = attribute(default_factory=dict)
    """By pair: key and row of a registered through model that Django made and tells no deletes of."""


_open: ContextVar[tuple[Bracket, ...]] = ContextVar("auditlog_m2m", default=())


def connect(registration: Registration) -> None:
    """Connect one receiver per recorded many-to-many field of the model."""
    for field in registration.m2m:
        relation = Relation(registration, field)
        receiver = _Receiver(relation)
        m2m_changed.connect(receiver, sender=relation.through, weak=False, dispatch_uid=_uid(field))


def disconnect(registration: Registration) -> None:
    """Take back what :func:`connect` did."""
    for field in registration.m2m:
        m2m_changed.disconnect(sender=field.remote_field.through, dispatch_uid=_uid(field))


def _uid(field: models.ManyToManyField[Any, Any]) -> tuple[str, object]:
    return ("auditlog", field)


@dataclass(frozen=True, slots=True)
class _Receiver:
    """The receiver of m2m_changed for one relation."""

    relation: Relation

    def __call__(
        self,
        sender: type[models.Model],
        instance: models.Model,
        action: str,
        reverse: bool,
        pk_set: Collection[Any] | None,
        using: str,
        **kwargs: Any,
    ) -> None:
        if not settings.ENABLED or is_paused() or not has_table(using):
            return
        moment, kind = action.split("_")
        if moment == "pre":
            _before(self.relation, kind, instance, reverse, pk_set, using)
        else:
            _after(self.relation, kind, instance, using)


def _before(
    relation: Relation, kind: str, instance: models.Model, reverse: bool, keys: Collection[Any] | None, using: str
) -> None:
    require_reason(relation.registration.model, using)
    take_write_lock(using, relation.through)
    scope = scope_of(relation, instance, reverse, keys)
    lock_links(relation, instance, reverse, keys, scope, using)
    for outer in _around(relation, using):
        _settle(outer)
    blocks = connections[using].atomic_blocks
    block, before = blocks[-1] if blocks else None, links_in(relation, scope, using, lock=True)
    bracket = Bracket(kind, instance, relation, using, block, before, scope, Note(), len(open_frames()))
    bracket.rows = _rows_of(bracket)
    _open.set((*_alive(), bracket))


def _around(relation: Relation, using: str) -> tuple[Bracket, ...]:
    """The open brackets of the same relation, whose operations a receiver has interrupted."""
    return tuple(b for b in _alive() if b.relation.field is relation.field and b.using == using)


def _alive() -> tuple[Bracket, ...]:
    """The open brackets without those whose operation failed: their transaction block is gone."""
    return tuple(b for b in _open.get() if b.block in connections[b.using].atomic_blocks)


def innermost_bracket(instance: models.Model) -> Bracket | None:
    """The m2m operation on ``instance`` in progress, unless a save or delete has begun within it."""
    depth = len(open_frames())
    return next((b for b in reversed(_alive()) if b.instance is instance and b.depth == depth), None)


def _after(relation: Relation, kind: str, instance: models.Model, using: str) -> None:
    bracket = _close(relation, kind, instance, using)
    if bracket is None:
        return
    added, removed = _settle(bracket)
    for outer in _around(relation, using) if added or removed else ():
        now = mirrored(relation, links_in(relation, outer.scope, using))
        outer.before = (outer.before - removed) | (added & now)
        outer.rows |= _rows_of(outer)
    if added or removed:
        _tell_deletes(relation.registration, using)


def _tell_deletes(part: Registration, using: str) -> None:
    """A receiver of a delete changed the relation: its entry says so, and the entry of the delete must not again."""
    for frame in open_frames():
        if isinstance(frame, DeleteFrame) and frame.using == using and part in frame.stored:
            frame.links[part] = deleted_links(part, frame.stored[part], using)


def _settle(bracket: Bracket) -> tuple[Links, Links]:
    """Record what the operation has changed up to now; returns the pairs that came and those that went."""
    relation, using = bracket.relation, bracket.using
    now = links_in(relation, bracket.scope, using)
    if bracket.kind == "add":  # Django adds the mirrored rows after its signal
        now |= mirrored(relation, now - bracket.before)
    added, removed = now - bracket.before, bracket.before - now
    bracket.before = now
    if relation.through in registry.by_model:
        _record_rows(bracket, added, removed)
    else:
        drafts = _drafts(bracket, by_owner(added), by_owner(removed))
        record_entries(using, drafts, on_error=relation.registration.options.on_error)
    return added, removed


def _rows_of(bracket: Bracket) -> dict[tuple[Any, Any], tuple[Any, Row]]:
    """The rows within the bracket of a registered through model that Django made; nothing for any other."""
    relation, using = bracket.relation, bracket.using
    part = registry.by_model.get(relation.through)
    if part is None or not relation.through._meta.auto_created or bracket.kind == "add":
        return {}
    every: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    keys = every.filter(bracket.scope).values_list("pk", relation.source.attname, relation.target.attname)
    pairs = {pk: (owner, target) for pk, owner, target in keys}
    return {pairs[pk]: (pk, row) for pk, row in stored_rows(using, part, pairs, lock=False).items()}


def _record_rows(bracket: Bracket, added: Links, removed: Links) -> None:
    """A registered through model is recorded row by row: those for which Django sends no signal are recorded here."""
    relation, using = bracket.relation, bracket.using
    part = registry.by_model[relation.through]
    gone = [bracket.rows[pair] for pair in in_order(removed) if pair in bracket.rows]
    record_entries(using, [_delete_draft(part, pk, row, using) for pk, row in gone], on_error=part.options.on_error)
    rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    for owner, target in in_order(added):
        pair = {relation.source.attname: owner, relation.target.attname: target}
        for pk, row in stored_rows(using, part, rows.filter(**pair).values_list("pk", flat=True), lock=False).items():
            record_entries(using, [create_draft(part, pk, row, using)], on_error=part.options.on_error)


def _delete_draft(part: Registration, pk: Any, row: Row, using: str) -> Draft:
    table = part.table(connections[using].vendor)
    return Draft(
        Action.DELETE, part.label, part.key(pk), "", diff(table.names, table.codecs, row, None, masked=part.masked)
    )


def create_draft(part: Registration, pk: Any, row: Row, using: str) -> Draft:
    """The entry-to-be of a row that the database holds and no instance stands for."""
    table = part.table(connections[using].vendor)
    changes = diff(table.names, table.codecs, None, row, masked=part.masked)
    return Draft(Action.CREATE, part.label, part.key(pk), "", changes)


def _close(relation: Relation, kind: str, instance: models.Model, using: str) -> Bracket | None:
    """Take the innermost open bracket of this operation from the stack."""
    brackets = _open.get()
    for at in range(len(brackets) - 1, -1, -1):
        b = brackets[at]
        if b.kind == kind and b.instance is instance and b.relation.field is relation.field and b.using == using:
            _open.set(brackets[:at] + brackets[at + 1 :])
            return b
    return None


def _drafts(bracket: Bracket, added: dict[Any, list[Any]], removed: dict[Any, list[Any]]) -> Iterable[Draft]:
    relation, instance, using = bracket.relation, bracket.instance, bracket.using
    owners = in_order({*added, *removed})
    source, target = relation.source.target_field, relation.target.target_field
    named = labels(relation.registration.model, source, owners, using, known=instance)
    others = {key for keys in (*added.values(), *removed.values()) for key in keys}
    shown = labels(relation.field.related_model, target, others, using, known=instance)
    show = Shown(relation, connections[using].vendor, {key: label for key, (_, label) in shown.items()})
    for owner in owners:
        pk, label = named.get(owner, (owner, ""))
        changes = show.change(added.get(owner, []), removed.get(owner, []))
        key = relation.registration.key(pk)
        note = bracket.note if _is_owner(relation, instance, owner) else Note()
        yield Draft(
            Action.UPDATE,
            relation.registration.label,
            key,
            label,
            {relation.field.name: changes},
            reason=note.reason,
            facts=note.facts,
        )


def _is_owner(relation: Relation, instance: models.Model, owner: Any) -> bool:
    """Whether ``owner`` is the key of the instance itself, and not of an object at the other end."""
    if not isinstance(instance, relation.registration.model):
        return False
    return bool(getattr(instance, relation.source.target_field.attname) == owner)
