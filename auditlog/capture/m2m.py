"""Many-to-many changes: the signal gives the meaning, the rows of the through table are the truth.

``remove`` sends the keys that were asked for and ``clear`` sends none, so the rows are read before and after, with the
owning rows locked between, and one readable entry is written for each owning object whose relation really changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connections, models
from django.db.models.signals import m2m_changed

from auditlog.capture.diff import diff
from auditlog.capture.frames import Note, open_frames
from auditlog.capture.labels import labels
from auditlog.capture.registry import Registration, key_is_masked, registry
from auditlog.capture.snapshot import Row, locked, stored_rows, take_write_lock
from auditlog.capture.values import codec_for
from auditlog.conf import settings
from auditlog.models import Action
from auditlog.naming import key_text
from auditlog.recording import Draft, has_table, is_paused, record_entries, require_reason

Links = set[tuple[Any, Any]]
"""Pairs of owner key and target key, as the through table holds them."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Relation:
    """A recorded many-to-many field and the columns of its through table."""

    registration: Registration
    field: models.ManyToManyField[Any, Any]

    @property
    def through(self) -> type[models.Model]:
        """The model of the through table."""
        through = self.field.remote_field.through
        assert through is not None
        return through

    @property
    def source(self) -> models.ForeignKey[Any, Any]:
        """The through table's key of the owner, the object that declares the relation."""
        return self.through._meta.get_field(self.field.m2m_field_name())  # type: ignore[return-value]

    @property
    def target(self) -> models.ForeignKey[Any, Any]:
        """The through table's key of the related object."""
        return self.through._meta.get_field(self.field.m2m_reverse_field_name())  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
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
    take_write_lock(using)
    scope = _scope(relation, instance, reverse, keys)
    _lock_owners(relation, instance, reverse, keys, scope, using)
    blocks = connections[using].atomic_blocks
    block, before = blocks[-1] if blocks else None, _links(relation, scope, using)
    bracket = Bracket(kind, instance, relation, using, block, before, scope, Note(), len(open_frames()))
    _open.set((*_alive(), bracket))


def _alive() -> tuple[Bracket, ...]:
    """The open brackets without those whose operation failed: their transaction block is gone."""
    return tuple(b for b in _open.get() if b.block in connections[b.using].atomic_blocks)


def innermost_bracket(instance: models.Model) -> Bracket | None:
    """The m2m operation on ``instance`` in progress, unless a save or delete has begun within it."""
    depth = len(open_frames())
    return next((b for b in reversed(_alive()) if b.instance is instance and b.depth == depth), None)


def _scope(relation: Relation, instance: models.Model, reverse: bool, keys: Collection[Any] | None) -> models.Q:
    """The rows of the through table that the operation may touch."""
    source, target = relation.source, relation.target
    near, far = (target, source) if reverse else (source, target)
    scope = _link(near, instance, far, keys)
    if relation.field.remote_field.symmetrical:
        scope |= _link(far, instance, near, keys)
    return scope


def _link(
    near: models.ForeignKey[Any, Any], obj: models.Model, far: models.ForeignKey[Any, Any], keys: Any
) -> models.Q:
    own = getattr(obj, near.target_field.attname)
    limit = {} if keys is None else {f"{far.attname}__in": list(keys)}
    return models.Q(**{near.attname: own}, **limit)


def _links(relation: Relation, scope: models.Q, using: str) -> Links:
    rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    names = (relation.source.attname, relation.target.attname)
    return set(rows.filter(scope).order_by().values_list(*names))


def _lock_owners(
    relation: Relation, instance: models.Model, reverse: bool, keys: Collection[Any] | None, scope: models.Q, using: str
) -> None:
    """Lock the owning rows in key order: two writers of one object's relation wait for each other, from either side."""
    if not connections[using].features.has_select_for_update:
        return
    field = relation.source.target_field
    owners = {getattr(instance, field.attname)} if not reverse else set(keys or ())
    if (reverse and keys is None) or relation.field.remote_field.symmetrical:
        owners |= {owner for owner, _ in _links(relation, scope, using)} | set(keys or ())
    rows: models.QuerySet[Any] = models.QuerySet(relation.registration.model, using=using)
    rows = rows.filter(**{f"{field.attname}__in": list(owners)}).order_by("pk")
    list(locked(rows, using).values_list("pk"))


def _after(relation: Relation, kind: str, instance: models.Model, using: str) -> None:
    bracket = _close(relation, kind, instance, using)
    if bracket is None:
        return
    after = _links(relation, bracket.scope, using)
    if relation.field.remote_field.symmetrical and kind == "add":  # Django adds the mirrored rows after this signal
        after |= {(target, owner) for owner, target in after - bracket.before}
    if relation.through in registry.by_model:
        _record_rows(relation, after - bracket.before, using)
        return
    added, removed = _by_owner(after - bracket.before), _by_owner(bracket.before - after)
    drafts = _drafts(bracket, added, removed)
    record_entries(using, drafts, on_error=relation.registration.options.on_error)


def _record_rows(relation: Relation, added: Links, using: str) -> None:
    """A registered through model is recorded row by row; Django sends no signal for the rows that ``add`` makes."""
    part = registry.by_model[relation.through]
    rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    for owner, target in in_order(added):
        pair = {relation.source.attname: owner, relation.target.attname: target}
        for pk, row in stored_rows(using, part, rows.filter(**pair).values_list("pk", flat=True), lock=False).items():
            record_entries(using, [create_draft(part, pk, row, using)], on_error=part.options.on_error)


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


def _by_owner(links: Links) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = defaultdict(list)
    for owner, target in in_order(links):
        grouped[owner].append(target)
    return grouped


def in_order(keys: Iterable[Any]) -> list[Any]:
    """Keys in their own order, or by their text where a project's key type has none."""
    every = list(keys)
    try:
        return sorted(every)
    except TypeError:
        return sorted(every, key=str)


def _drafts(bracket: Bracket, added: dict[Any, list[Any]], removed: dict[Any, list[Any]]) -> Iterable[Draft]:
    relation, instance, using = bracket.relation, bracket.instance, bracket.using
    owners = in_order({*added, *removed})
    source, target = relation.source.target_field, relation.target.target_field
    named = labels(relation.registration.model, source, owners, using, known=instance)
    others = {key for keys in (*added.values(), *removed.values()) for key in keys}
    shown = labels(relation.field.related_model, target, others, using, known=instance)
    show = _Shown(relation, connections[using].vendor, {key: label for key, (_, label) in shown.items()})
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


@dataclass(frozen=True, slots=True)
class _Shown:
    """How the related objects of one relation appear in an entry: key and label, both masked where they are secret."""

    relation: Relation
    vendor: str
    labels: dict[Any, str]

    def change(self, added: Iterable[Any], removed: Iterable[Any]) -> dict[str, Any]:
        if self.relation.field.name in self.relation.registration.masked:
            return {"masked": True}
        return {"added": [self.pair(key) for key in added], "removed": [self.pair(key) for key in removed]}

    def pair(self, key: Any) -> list[Any]:
        if key_is_masked(self.relation.field.related_model):
            return [key_text(key, masked=True), ""]
        codec = codec_for(self.relation.target.target_field, self.vendor)
        return [codec.encode(codec.canonical(key)), self.labels.get(key, "")]


def deleted_links(registration: Registration, pks: Iterable[Any], using: str) -> dict[Any, dict[str, Any]]:
    """What the objects about to be deleted are related to, as ``removed`` changes by primary key."""
    found: dict[Any, dict[str, Any]] = defaultdict(dict)
    every = list(pks)
    for field in registration.m2m:
        relation = Relation(registration, field)
        for at in range(0, len(every), _CHUNK):
            for pk, change in _removals(relation, every[at : at + _CHUNK], using):
                found[pk][field.name] = change
    return found


def _removals(relation: Relation, pks: Collection[Any], using: str) -> Iterable[tuple[Any, dict[str, Any]]]:
    field = relation.source.target_field
    scope = models.Q(**{f"{relation.source.name}__in": list(pks)})
    links = _by_owner(_links(relation, scope, using))
    others = {key for keys in links.values() for key in keys}
    shown = labels(relation.field.related_model, relation.target.target_field, others, using)
    show = _Shown(relation, connections[using].vendor, {key: label for key, (_, label) in shown.items()})
    owners = {owner: owner for owner in links}
    if not field.primary_key:
        owners = {owner: pk for owner, (pk, _) in labels(relation.registration.model, field, links, using).items()}
    return [(owners[owner], show.change([], keys)) for owner, keys in links.items() if owner in owners]
