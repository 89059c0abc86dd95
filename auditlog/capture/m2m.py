"""Many-to-many changes: the signal gives the meaning, the captured rows of the through table are the truth.

``remove`` sends the keys that were asked for, ``clear`` sends none, cascades and direct writes send no signal at all.
So the through table is captured like any other, and what is captured between the signals before and after an operation
becomes one readable entry for each owning object. What is captured outside of one is recorded at once in the same form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

from django.db import connections, models
from django.db.models.signals import m2m_changed

from auditlog.capture.frames import DeleteFrame, Moment, Note, moved, open_frames
from auditlog.capture.labels import labels
from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.relations import Links, LinkTable, Relation, Shown, by_owner, in_order, link, unlink
from auditlog.capture.snapshot import Row, take_write_lock
from auditlog.conf import settings
from auditlog.models import Action
from auditlog.recording import Draft, has_table, is_paused, record_entries, require_reason


@dataclass(eq=False, slots=True)
class Bracket:
    """An m2m operation between its pre and its post signal, and what was captured of it so far."""

    kind: str
    instance: models.Model
    relation: Relation
    using: str
    block: object
    depth: int
    """How many saves and deletes were in progress when it began."""
    note: Note = attribute(default_factory=Note)
    added: Links = attribute(default_factory=set)
    removed: Links = attribute(default_factory=set)
    labels: dict[Any, str] = attribute(default_factory=dict)
    moments: list[Moment] = attribute(default_factory=list)

    def collect(self, added: Links, removed: Links, shown: dict[Any, str]) -> None:
        """Take in pairs that came and went; one that does both has not changed."""
        self.added, self.removed = (
            (self.added - removed) | (added - self.removed),
            (self.removed - added) | (removed - self.added),
        )
        self.labels.update(shown)
        self.moments.append(Moment.now(self.using))

    def take(self) -> tuple[Links, Links]:
        """What was collected and stands, to be recorded now."""
        added, removed = self.added, self.removed
        if not all(moment.surely_stands(self.using) for moment in self.moments):
            now = _linked(self.relation, added | removed, self.using)
            added, removed = added & now, removed - now
        self.added, self.removed, self.moments = set(), set(), []
        return added, removed


_open: ContextVar[tuple[Bracket, ...]] = ContextVar("auditlog_m2m", default=())


def connect(registration: Registration) -> None:
    """Capture the through table of each recorded many-to-many field of the model and connect one receiver for it."""
    for field in registration.m2m:
        relation = Relation(registration, field)
        link(relation)
        m2m_changed.connect(_Receiver(relation), sender=relation.through, weak=False, dispatch_uid=_uid(field))


def disconnect(registration: Registration) -> None:
    """Take back what :func:`connect` did."""
    for field in registration.m2m:
        unlink(Relation(registration, field))
        m2m_changed.disconnect(sender=field.remote_field.through, dispatch_uid=_uid(field))


def _uid(field: models.ManyToManyField[Any, Any]) -> tuple[str, object]:
    return ("auditlog", field)


@dataclass(frozen=True, slots=True)
class _Receiver:
    """The receiver of m2m_changed for one relation."""

    relation: Relation

    def __call__(
        self, sender: type[models.Model], instance: models.Model, action: str, using: str, **kwargs: Any
    ) -> None:
        if not settings.ENABLED or is_paused() or not has_table(using):
            return
        moment, kind = action.split("_")
        if moment == "pre":
            _before(self.relation, kind, instance, using)
        else:
            _after(self.relation, kind, instance, using)


def _before(relation: Relation, kind: str, instance: models.Model, using: str) -> None:
    require_reason(relation.registration.model, using)
    take_write_lock(using, relation.through)
    if relation.through in registry.by_model:
        return  # recorded row by row
    for outer in _around(relation, using):
        _settle(outer)
    blocks = connections[using].atomic_blocks
    block = blocks[-1] if blocks else None
    _open.set((*_alive(), Bracket(kind, instance, relation, using, block, len(open_frames()))))


def _after(relation: Relation, kind: str, instance: models.Model, using: str) -> None:
    bracket = _close(relation, kind, instance, using)
    if bracket is not None:
        _settle(bracket)


def _around(relation: Relation, using: str) -> tuple[Bracket, ...]:
    """The open brackets of the same relation, the innermost last."""
    return tuple(b for b in _alive() if b.relation.field is relation.field and b.using == using)


def _alive() -> tuple[Bracket, ...]:
    """The open brackets without those whose operation failed: their transaction block is gone."""
    return tuple(b for b in _open.get() if b.block in connections[b.using].atomic_blocks)


def innermost_bracket(instance: models.Model) -> Bracket | None:
    """The m2m operation on ``instance`` in progress, unless a save or delete has begun within it."""
    depth = len(open_frames())
    return next((b for b in reversed(_alive()) if b.instance is instance and b.depth == depth), None)


def _close(relation: Relation, kind: str, instance: models.Model, using: str) -> Bracket | None:
    """Take the innermost open bracket of this operation from the stack."""
    brackets = _open.get()
    for at in range(len(brackets) - 1, -1, -1):
        b = brackets[at]
        if b.kind == kind and b.instance is instance and b.relation.field is relation.field and b.using == using:
            _open.set(brackets[:at] + brackets[at + 1 :])
            return b
    return None


def _settle(bracket: Bracket) -> None:
    added, removed = bracket.take()
    _record(bracket.relation, added, removed, bracket.labels, bracket.using, bracket)


def record_links(using: str, part: LinkTable, rows: Sequence[tuple[Row | None, Row | None]]) -> None:
    """Record, or keep for the operation in progress, what rows of a through table say before and after a write."""
    for old, new in rows:
        known = old if new is None else new
        if known is not None:
            moved(using, part, part.pk_of(known), new, None)
    for relation in part.relations:
        added, removed = _difference(relation, using, part, rows)
        shown = _labels(relation, added | removed, using)
        brackets = _around(relation, using)
        if brackets:
            brackets[-1].collect(added, removed, shown)
        else:
            removed -= _tell_deletes(relation, removed, shown, using)
            for frame in _deletes(using) if added else ():
                record_ended(frame)
            _record(relation, added, removed, shown, using, None)


def _difference(
    relation: Relation, using: str, part: LinkTable, rows: Iterable[tuple[Row | None, Row | None]]
) -> tuple[Links, Links]:
    table = part.table(connections[using].vendor)
    added: Links = set()
    removed: Links = set()
    for old, new in rows:
        before = None if old is None else relation.pair(table, old)
        after = None if new is None else relation.pair(table, new)
        if before != after:
            added |= set() if after is None else {after}
            removed |= set() if before is None else {before}
    return {pair for pair in added if None not in pair}, {pair for pair in removed if None not in pair}


def _labels(relation: Relation, links: Links, using: str) -> dict[Any, str]:
    known = next((b.instance for b in reversed(_around(relation, using))), None)
    keys = {target for _, target in links}
    found = labels(relation.field.related_model, relation.target.target_field, keys, using, known=known)
    return {key: label for key, (_, label) in found.items()}


def _record(
    relation: Relation, added: Links, removed: Links, shown: dict[Any, str], using: str, bracket: Bracket | None
) -> None:
    if added or removed:
        drafts = _drafts(relation, by_owner(added), by_owner(removed), shown, using, bracket)
        record_entries(using, drafts, on_error=relation.registration.options.on_error)


def _drafts(
    relation: Relation,
    added: dict[Any, list[Any]],
    removed: dict[Any, list[Any]],
    shown: dict[Any, str],
    using: str,
    bracket: Bracket | None,
) -> Iterable[Draft]:
    part, field = relation.registration, relation.field
    owners = in_order({*added, *removed})
    instance = None if bracket is None else bracket.instance
    named = labels(part.model, relation.source.target_field, owners, using, known=instance)
    show = Shown(relation, connections[using].vendor, shown)
    for owner in owners:
        pk, label = named.get(owner, (owner, ""))
        changes = {field.name: show.change(added.get(owner, []), removed.get(owner, []))}
        note = bracket.note if bracket is not None and _is_owner(relation, bracket.instance, owner) else Note()
        key = part.key(pk)
        yield Draft(Action.UPDATE, part.label, key, label, changes, reason=note.reason, facts=note.facts)


def _is_owner(relation: Relation, instance: models.Model, owner: Any) -> bool:
    """Whether ``owner`` is the key of the instance itself, and not of an object at the other end."""
    if not isinstance(instance, relation.registration.model):
        return False
    return bool(getattr(instance, relation.source.target_field.attname) == owner)


def _linked(relation: Relation, links: Links, using: str) -> Links:
    """Those of the pairs that the through table holds."""
    source, target = relation.source.attname, relation.target.attname
    rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    return links & set(
        rows.filter(**{f"{source}__in": [owner for owner, _ in links]}).order_by().values_list(source, target)
    )


def _deletes(using: str) -> Iterator[DeleteFrame]:
    """The deletes in progress, the innermost first: that is the one which tells what becomes of its rows."""
    return (f for f in reversed(open_frames()) if isinstance(f, DeleteFrame) and f.using == using)


def record_ended(frame: DeleteFrame) -> None:
    """Record the links that ended and that no deletion has told: their object went another way, or gets links anew."""
    for part in {part for part in frame.doomed if frame.links}:
        ended = [(key, changes) for (label, key), changes in frame.links.items() if label == part.label]
        drafts = [Draft(Action.UPDATE, part.label, key, "", changes) for key, changes in ended]
        record_entries(frame.using, drafts, on_error=part.options.on_error, columns=frame.columns)
    frame.links.clear()


def _tell_deletes(relation: Relation, removed: Links, shown: dict[Any, str], using: str) -> Links:
    """Give the links of objects that are being deleted to the entries of their deletion; returns these links."""
    told: Links = set()
    for frame in _deletes(using) if removed else ():
        if relation.registration in frame.doomed:
            doomed = _doomed(relation, frame, {owner for owner, _ in removed - told}, using)
            gone = {pair for pair in removed - told if pair[0] in doomed}
            show = Shown(relation, connections[using].vendor, shown)
            for owner, targets in by_owner(gone).items():
                frame.unlink(relation.registration, doomed[owner], relation.field.name, show.change([], targets))
            told |= gone
    return told


def _doomed(relation: Relation, frame: DeleteFrame, owners: set[Any], using: str) -> dict[Any, Any]:
    """The primary keys, by owner key, of those owners that the frame is about to delete."""
    doomed, field = frame.doomed[relation.registration], relation.source.target_field
    pks = {owner: owner for owner in owners}
    if not field.primary_key:
        pks = {owner: pk for owner, (pk, _) in labels(relation.registration.model, field, owners, using).items()}
    return {owner: pk for owner, pk in pks.items() if pk in doomed}
