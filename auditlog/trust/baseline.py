"""Baseline: first entries of rows that existed before recording began, so that drift can be judged from then on.

Each chunk is one transaction with its rows locked: a save by somebody else comes before it, and then the row has an
entry already, or after it, and then its old values are those of the baseline. What has entries is left alone, so a
killed run goes on where it was and a second run writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, models, transaction

from auditlog.capture.diff import diff
from auditlog.capture.labels import labels
from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.relations import Relation, Shown
from auditlog.capture.snapshot import Row, stored_rows, take_write_lock
from auditlog.models import Action
from auditlog.recording import Draft, record_entries
from auditlog.trust.log import known_keys
from auditlog.trust.reading import CHUNK, next_keys
from auditlog.trust.registrations import BASELINED, REGISTRATION, Chosen, chosen, events_about, told
from auditlog.trust.replay import BASELINE, CREATE, TELLING

_WAIT = 0.05
"""Seconds to wait for rows that others hold."""


@dataclass(frozen=True)
class Baseline:
    """The first entries of one model on one database."""

    part: Registration
    using: str
    chunk: int = CHUNK
    partly: bool = False
    """Also rows that have entries of which none (create, baseline) tells them whole."""

    def unknown(self, pks: Iterable[Any]) -> list[Any]:
        """Those of the keys that need a baseline."""
        keys = {self.part.key(pk): pk for pk in pks}
        known = known_keys(self.using, self.part.labels, keys, (CREATE, BASELINE) if self.partly else TELLING)
        return [pk for key, pk in keys.items() if key not in known]

    def pages(self) -> Iterator[list[Any]]:
        """All primary keys, page by page, without a transaction."""
        after = None
        while pks := next_keys(self.using, self.part.model, after, self.chunk):
            after = pks[-1]
            yield pks

    def write(self) -> Iterator[tuple[int, int]]:
        """Write the entries; yields for each chunk how many rows were looked at and how many entries were written."""
        for pks in self.pages():
            wanted, written = self.unknown(pks), 0
            while wanted:
                with transaction.atomic(self.using):
                    held = self._locked(wanted)
                    written += self.record(self.unknown(held))
                busy = self._still_there(wanted, held)
                if busy:
                    time.sleep(_WAIT)
                wanted = busy
            yield len(pks), written

    def _still_there(self, wanted: list[Any], held: list[Any]) -> list[Any]:
        """The rows that somebody else held, unless they are gone or have an entry by now."""
        rest = set(wanted).difference(held)
        return self.unknown(self._rows(rest).values_list("pk", flat=True)) if rest else []

    def _rows(self, pks: Iterable[Any]) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = models.QuerySet(self.part.model, using=self.using)
        return rows.filter(pk__in=list(pks)).order_by("pk")

    def _locked(self, pks: list[Any]) -> list[Any]:
        """Lock the rows that nobody holds, and on PostgreSQL their relations before: a link locks no row of its owner.

        Nobody is waited for with a relation in hand, so that no circle of waiting can arise.
        """
        connection = connections[self.using]
        take_write_lock(self.using, self.part.model)
        if connection.vendor == "postgresql":
            for relation in self.relations:
                with connection.cursor() as cursor:
                    table = connection.ops.quote_name(relation.through._meta.db_table)
                    cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        rows = self._rows(pks)
        if connection.features.has_select_for_update:
            rows = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        return list(rows.values_list("pk", flat=True))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations that are recorded with their owner."""
        every = (Relation(self.part, each) for each in self.part.m2m)
        return tuple(each for each in every if each.through not in registry.by_model)

    def record(self, pks: list[Any]) -> int:
        """Write the entries of these rows, in the transaction that is open and holds them."""
        drafts = list(self.drafts(pks))
        record_entries(self.using, drafts)
        return len(drafts)

    def drafts(self, pks: list[Any]) -> Iterator[Draft]:
        """The entries-to-be of these rows."""
        part, table = self.part, self.part.table(connections[self.using].vendor)
        rows: dict[Any, Row] = stored_rows(self.using, part, pks, lock=False)
        named = labels(part.model, part.model._meta.pk, list(rows), self.using)
        links = [(each.field.name, self._links(each, list(rows))) for each in self.relations]
        for pk, row in rows.items():
            changes = diff(table.names, table.codecs, None, row, masked=part.masked)
            changes.update((name, found[pk]) for name, found in links if pk in found)
            label = named[pk][1] if pk in named else ""
            yield Draft(Action.BASELINE, part.label, part.key(pk), label, changes)

    def _links(self, relation: Relation, pks: list[Any]) -> dict[Any, dict[str, Any]]:
        """What the rows are linked to, as changes by primary key."""
        pairs: dict[Any, set[Any]] = {}
        owner = f"{relation.source.name}__pk"
        for at in range(0, len(pks), CHUNK):
            rows: models.QuerySet[Any] = models.QuerySet(relation.through, using=self.using)
            rows = rows.filter(**{f"{owner}__in": pks[at : at + CHUNK]}).order_by()
            for pk, target in rows.values_list(owner, relation.target.attname):
                pairs.setdefault(pk, set()).add(target)
        others = {target for found in pairs.values() for target in found}
        shown = labels(relation.field.related_model, relation.target.target_field, others, self.using)
        show = Shown(relation, connections[self.using].vendor, {key: label for key, (_, label) in shown.items()})
        return {pk: show.change(sorted(found, key=str), []) for pk, found in pairs.items()}

    def finish(self) -> None:
        """Say that from now on every row of the model has entries, unless the log says so already."""
        now = chosen(self.part)
        events = events_about(self.using, self.part.labels, BASELINED, REGISTRATION)
        newest = next(((event, changes) for _, event, changes in events), None)
        if newest is None or newest[0] != BASELINED:
            changes = told(Chosen() if newest is None else _last(newest[1]), now)
            record_entries(self.using, [Draft(Action.EVENT, self.part.label, changes=changes, event=BASELINED)])


def _last(changes: dict[str, Any]) -> Chosen:
    return Chosen(frozenset(changes["fields"][1]), frozenset(changes["masked"][1]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a baseline of one model will write, measured on a sample."""

    model: str
    rows: int
    bytes: int
    seconds: float


_SAMPLE = 200
_OVERHEAD = 500
"""Bytes of an entry beside its changes and names: fixed columns, row header and five indexes."""


def estimate(baseline: Baseline) -> Estimate:
    """Rows, bytes and time, measured on the first rows: their entries are written and taken back."""
    part, using = baseline.part, baseline.using
    every: models.QuerySet[Any] = models.QuerySet(part.model, using=using)
    total = every.count()
    sample = _sample(baseline, total)
    wanted = baseline.unknown(sample)
    if not wanted:
        return Estimate(part.label, 0, 0, 0.0)
    with transaction.atomic(using):
        take_write_lock(using, part.model)
        begun = time.perf_counter()
        baseline.record(wanted)
        seconds = time.perf_counter() - begun
        size = sum(len(str(draft.changes).encode()) + len(draft.object_repr) for draft in baseline.drafts(wanted))
        transaction.set_rollback(True, using=using)
    rows = round(total * len(wanted) / len(sample))
    each = size / len(wanted) + _OVERHEAD
    return Estimate(part.label, rows, round(rows * each), rows * seconds / len(wanted))


def _sample(baseline: Baseline, total: int) -> list[Any]:
    """Keys from both ends of the table; all of a small one."""
    every: models.QuerySet[Any] = models.QuerySet(baseline.part.model, using=baseline.using)
    first = list(every.order_by("pk").values_list("pk", flat=True)[: _SAMPLE // 2])
    last = list(every.order_by("-pk").values_list("pk", flat=True)[: _SAMPLE // 2])
    if total <= _SAMPLE:
        first = list(every.order_by("pk").values_list("pk", flat=True)[:_SAMPLE])
    return list(dict.fromkeys([*first, *last]))
