"""Many-to-many relations as their through tables hold them: pairs of keys, read and shown in entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from auditlog.capture.options import Options
from auditlog.capture.registration import Registration, Table
from auditlog.capture.registry import key_is_masked, registry
from auditlog.capture.snapshot import Row
from auditlog.capture.values import codec_for
from auditlog.naming import key_text

Links = set[tuple[Any, Any]]
"""Pairs of owner key and target key, as the through table holds them."""


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

    def pair(self, table: Table, row: Row) -> tuple[Any, Any]:
        """Owner key and target key within a row of the through table."""
        return row[table.names.index(self.source.name)], row[table.names.index(self.target.name)]


@dataclass(eq=False)
class LinkTable(Registration):
    """The through table of recorded relations, captured like any table; its rows are told as changes of the owners."""

    relations: list[Relation] = field(default_factory=list)

    @property
    def is_silent(self) -> bool:
        """No receiver of ours is connected to a through model that nobody registered."""
        return True


def link(relation: Relation) -> None:
    """Capture the through table of the relation, unless it is recorded row by row; a second time changes nothing."""
    unlink(relation)
    known = registry.links.get(relation.through)
    relations = [*known.relations, relation] if isinstance(known, LinkTable) else [relation]
    _keep(relation.through, relations)


def unlink(relation: Relation) -> None:
    """Take back what :func:`link` did."""
    known = registry.links.pop(relation.through, None)
    if isinstance(known, LinkTable):
        _keep(relation.through, [each for each in known.relations if each.field is not relation.field])


def _keep(through: type[models.Model], relations: list[Relation]) -> None:
    if relations:
        names = {name for each in relations for name in (each.source.name, each.target.name)}
        options = Options(include=tuple(names), m2m=(), derived=True)
        registry.links[through] = LinkTable(through, options, registry.by_model, relations=relations)


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
    labels: Mapping[Any, str]

    def change(self, added: Collection[Any], removed: Collection[Any]) -> dict[str, Any]:
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
