"""Many-to-many relations as their through tables hold them: pairs of keys, read and shown in entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections, models

from auditlog.capture.labels import labels
from auditlog.capture.registration import Registration
from auditlog.capture.registry import key_is_masked, registry
from auditlog.capture.snapshot import locked
from auditlog.capture.values import codec_for
from auditlog.naming import key_text

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


def scope_of(relation: Relation, instance: models.Model, reverse: bool, keys: Collection[Any] | None) -> models.Q:
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


def links_in(relation: Relation, scope: models.Q, using: str, *, lock: bool = False) -> Links:
    """The pairs that the through table holds within ``scope``; locked, they wait for whoever is deleting them."""
    rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=using)
    rows = rows.filter(scope)
    rows = locked(rows.order_by("pk"), using, no_key=False) if lock else rows.order_by()
    return set(rows.values_list(relation.source.attname, relation.target.attname))


def mirrored(relation: Relation, links: Links) -> Links:
    """The pairs, for a symmetrical relation with the pairs the other way round."""
    return links | {(target, owner) for owner, target in links} if relation.field.remote_field.symmetrical else links


def by_owner(links: Links) -> dict[Any, list[Any]]:
    """The targets of each owner."""
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


@dataclass(frozen=True, slots=True)
class Shown:
    """How the related objects of one relation appear in an entry: key and label, both masked where they are secret."""

    relation: Relation
    vendor: str
    labels: dict[Any, str]

    def change(self, added: Iterable[Any], removed: Iterable[Any]) -> dict[str, Any]:
        """The relation's change as an entry holds it."""
        if self.relation.field.name in self.relation.registration.masked:
            return {"masked": True}
        return {"added": [self.pair(key) for key in added], "removed": [self.pair(key) for key in removed]}

    def pair(self, key: Any) -> list[Any]:
        """One related object: key and label."""
        if key_is_masked(self.relation.field.related_model):
            return [key_text(key, masked=True), ""]
        codec = codec_for(self.relation.target.target_field, self.vendor)
        return [codec.encode(codec.canonical(key)), self.labels.get(key, "")]


def deleted_links(registration: Registration, pks: Iterable[Any], using: str) -> dict[Any, dict[str, Any]]:
    """What the objects about to be deleted are related to, as ``removed`` changes by primary key.

    A registered through model tells it by its own rows, unless Django made it: then it sends no signal for them.
    """
    found: dict[Any, dict[str, Any]] = defaultdict(dict)
    every = list(pks)
    for field in registration.m2m:
        relation = Relation(registration, field)
        if relation.through in registry.by_model and not relation.through._meta.auto_created:
            continue
        for at in range(0, len(every), _CHUNK):
            for pk, change in _removals(relation, every[at : at + _CHUNK], using):
                found[pk][field.name] = change
    return found


def _removals(relation: Relation, pks: Collection[Any], using: str) -> Iterable[tuple[Any, dict[str, Any]]]:
    field = relation.source.target_field
    scope = models.Q(**{f"{relation.source.name}__pk__in": list(pks)})
    links = by_owner(links_in(relation, scope, using, lock=True))
    others = {key for keys in links.values() for key in keys}
    shown = labels(relation.field.related_model, relation.target.target_field, others, using)
    show = Shown(relation, connections[using].vendor, {key: label for key, (_, label) in shown.items()})
    owners = {owner: owner for owner in links}
    if not field.primary_key:
        owners = {owner: pk for owner, (pk, _) in labels(relation.registration.model, field, links, using).items()}
    return [(owners[owner], show.change([], keys)) for owner, keys in links.items() if owner in owners]
