"""One page of objects: what the log tells of each beside its row and its links as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import connections, models

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.relations import Relation, Shown
from auditlog.capture.snapshot import Row, stored_rows
from auditlog.capture.value_base import REFUSALS, Json
from auditlog.capture.value_json import dumps, same_json
from auditlog.query.live import clean_key
from auditlog.trust.blindness import Blindness
from auditlog.trust.reading import CHUNK
from auditlog.trust.replay import Gap, Replay, State, Step, link_key

GAPS = 100
"""Gaps kept of one object; further ones are counted."""


@dataclass(slots=True)
class Seen:
    """One object: its replayed state, the gaps in its chain, its row and its links."""

    key: str
    state: State
    gaps: list[Gap]
    more_gaps: int = 0
    row: Row | None = None
    links: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A registered model on one database: how its entries and its rows are read and compared."""

    part: Registration
    using: str
    blind: Blindness

    @cached_property
    def vendor(self) -> str:
        """The kind of database."""
        return connections[self.using].vendor

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """The many-to-many relations whose changes stand in the entries of their owner."""
        every = (Relation(self.part, each) for each in self.part.m2m)
        return tuple(each for each in every if each.through not in registry.by_model)

    @cached_property
    def exempt(self) -> frozenset[str]:
        """Fields outside the law of the chain, and relations in which one pair may have many rows."""
        loose = {each.field.name for each in self.relations if not each.through._meta.auto_created}
        return self.part.quiet | loose

    def seen(self, key: str, steps: Iterable[Step]) -> Seen:
        """Replay the entries of one object."""
        replay = Replay(exempt=self.exempt, equal=self.equal, blind=self.blind.between)
        gaps: list[Gap] = []
        more = 0
        for step in steps:
            found = replay.take(step)
            room = GAPS - len(gaps)
            gaps += found[:room]
            more += len(found[room:])
        return Seen(key, replay.state, gaps, more)

    @cached_property
    def _codecs(self) -> dict[str, Any]:
        table = self.part.table(self.vendor)
        return dict(zip(table.names, table.codecs, strict=True))

    def equal(self, name: str, a: Json, b: Json) -> bool:
        """Whether two stored values of a field are the same."""
        if same_json(a, b):
            return True
        codec = self._codecs.get(name)
        if codec is None:
            return False
        try:
            return bool(codec.equal(codec.decode(a), codec.decode(b)))
        except REFUSALS:  # a value of before the field had this type
            return False

    def live(self, row: Row) -> Iterator[tuple[str, Json]]:
        """The row's values as entries would hold them, by name."""
        table = self.part.table(self.vendor)
        for name, codec, value in zip(table.names, table.codecs, row, strict=True):
            yield name, json.loads(dumps(None if value is None else codec.encode(value)))

    def with_rows(self, page: list[Seen]) -> list[Seen]:
        """Add the rows and links of objects whose keys can be read from their entries."""
        keys = {seen.key: self._pk(seen) for seen in page}
        self.add(page, {key: pk for key, pk in keys.items() if pk is not None})
        return page

    def add(self, page: list[Seen], pks: dict[str, Any]) -> None:
        """Add the rows and links of the objects, whose primary keys are ``pks``."""
        rows = stored_rows(self.using, self.part, pks.values(), lock=False)
        links = self.links(rows)
        for seen in page:
            pk = pks.get(seen.key)
            seen.row = None if pk is None else rows.get(pk)
            seen.links = {name: found.get(pk, set()) for name, found in links.items()}

    def _pk(self, seen: Seen) -> Any:
        """The primary key of an object: from its entries, which hold it in full, else from the text of its key."""
        fields = self.part.model._meta.pk_fields
        known = [seen.state.fields.get(each.name) for each in fields]
        try:
            parts = [
                self._codecs[f.name].decode(k.value) for f, k in zip(fields, known, strict=True) if k and not k.masked
            ]
        except REFUSALS:
            parts = []
        if len(parts) != len(fields):
            parts = [clean_key(f, text) for f, text in zip(fields, _texts(seen.key, len(fields)), strict=True)]
        if None in parts:
            return None
        return parts[0] if len(parts) == 1 else tuple(parts)

    def links(self, pks: Collection[Any]) -> dict[str, dict[Any, set[str]]]:
        """By relation and owner the linked keys, as entries would hold them."""
        return {each.field.name: self._links(each, list(pks)) for each in self.relations}

    def _links(self, relation: Relation, pks: list[Any]) -> dict[Any, set[str]]:
        pair: Callable[[Any], list[Any]] = Shown(relation, self.vendor, {}).pair
        found: dict[Any, set[str]] = {}
        owner = f"{relation.source.name}__pk"
        for at in range(0, len(pks), CHUNK):
            rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=self.using)
            rows = rows.filter(**{f"{owner}__in": pks[at : at + CHUNK]}).order_by()
            for pk, target in rows.values_list(owner, relation.target.attname):
                found.setdefault(pk, set()).add(link_key(pair(target)[0]))
        return found


def _texts(key: str, parts: int) -> list[Any]:
    """The parts of a stored key; a composite one is a JSON list."""
    if parts == 1:
        return [key]
    try:
        found = json.loads(key)
    except ValueError:
        found = None
    return found if isinstance(found, list) and len(found) == parts else [None] * parts
