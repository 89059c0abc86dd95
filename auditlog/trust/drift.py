"""Drift: where the log and the tables do not tell the same, found in constant memory while others write.

The log is walked object by object and compared with the rows; then the rows are walked to find those without entries.
Each page is read in one transaction that sees one moment, so that a change and its entry are seen both or not at all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.db import connections, models, router

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registration_for, registrations
from auditlog.databases import entries_about
from auditlog.query.filters import object_keys
from auditlog.query.live import live_model
from auditlog.trust import findings
from auditlog.trust.blindness import Told, blindness, told
from auditlog.trust.compare import Comparison
from auditlog.trust.findings import Finding
from auditlog.trust.log import known_keys, page_of, steps_of
from auditlog.trust.objects import Seen, Table
from auditlog.trust.progress import Tell, silent
from auditlog.trust.reading import next_keys, one_moment


def verifiable(using: str) -> list[Registration]:
    """The registered models whose tables are on the database."""
    tables = set(connections[using].introspection.table_names())
    return [
        part
        for part in registrations()
        if router.allow_migrate_model(using, part.model) and part.model._meta.db_table in tables
    ]


def named(name: str, there: list[Registration], using: str) -> Registration:
    """The registration of the model that people call ``name``; raises LookupError with a sentence."""
    model = live_model(name.lower())
    concrete = None if model is None else model._meta.concrete_model
    found = next((part for part in there if part.model is concrete), None)
    if found is None:
        what = "is not registered" if model else "is no model of this project"
        raise LookupError(
            f"{name} {what}, or has no table on {using!r}; 'manage.py auditlog_inventory' lists what is recorded."
        )
    return found


def tables_of(part: Registration) -> list[Registration]:
    """The registration itself and those of the parents whose primary key is the child's."""
    found, pk = [part], part.model._meta.pk
    while isinstance(pk, models.OneToOneField) and pk.remote_field.parent_link:
        parent = registration_for(pk.related_model)
        found += [parent] if parent else []
        pk = pk.related_model._meta.pk
    return found


@dataclass(frozen=True)
class Drift:
    """One run over a database."""

    using: str
    told: Told
    tell: Tell = silent

    @classmethod
    def of(cls, using: str, tell: Tell = silent) -> Drift:
        """Read what the log says about its own blind spots."""
        return cls(using, told(using), tell)

    def models(self, parts: Iterable[Registration]) -> Iterator[Finding]:
        """The findings about whole models."""
        for part in parts:
            table = self._table(part)
            if part.key_is_masked:
                yield from self._masked(table)
            else:
                yield from self._log(table)
                yield from self._rows(table)

    def object(self, part: Registration, key: str) -> Iterator[Finding] | None:
        """The findings about one object, by the key that people know; None where neither entry nor row is."""
        table = self._table(part)
        with one_moment(self.using):
            keys = object_keys(part.model, key)
            page = [table.seen(each, steps_of(self.using, part.labels, each)) for each in keys]
            table.with_rows(page)
            if part.key_is_masked:
                self._find_masked(table, page)
        told_of = [seen for seen in page if seen.state.last] or [seen for seen in page if seen.row]
        return self._object(table, told_of[0]) if told_of else None

    def _object(self, table: Table, seen: Seen) -> Iterator[Finding]:
        if seen.state.last is None:
            yield self._unrecorded(table, seen.key)
        yield from Comparison(table, self.told, seen).findings()

    def _table(self, part: Registration) -> Table:
        return Table(part, self.using, blindness(self.using, part, self.told))

    def _log(self, table: Table) -> Iterator[Finding]:
        """What the entries tell, compared with the rows."""
        for at in range(len(table.part.labels)):
            before: str | None = None
            while (page := self._page(table, at, before)) is not None:
                before, seen = page
                self.tell(table.part.label, len(seen))
                yield from self._compared(table, seen)

    def _page(self, table: Table, at: int, before: str | None) -> tuple[str, list[Seen]] | None:
        labels = table.part.labels
        with one_moment(self.using):
            objects = page_of(self.using, labels, at, before)
            if not objects:
                return None
            told_before = known_keys(self.using, labels[:at], [key for key, _ in objects]) if at else set()
            page = [table.seen(key, steps) for key, steps in objects if key not in told_before]
            return objects[-1][0], table.with_rows(page)

    def _compared(self, table: Table, page: Iterable[Seen]) -> Iterator[Finding]:
        for seen in page:
            yield from Comparison(table, self.told, seen).findings()

    def _rows(self, table: Table) -> Iterator[Finding]:
        """Rows that no entry tells of."""
        without = 0
        each_counts = table.blind.baselined and not table.blind.between("", table.blind.baselined)
        for page in self._live(table):
            self.tell(table.part.label, len(page))
            if each_counts:
                yield from (self._unrecorded(table, key) for key in page)
            else:
                without += len(page)
        if without:
            yield Finding(kind=findings.ROWS_UNRECORDED, model=table.part.label, found=without)

    def _live(self, table: Table) -> Iterator[list[str]]:
        """Pages of the keys of rows without entries."""
        part, after = table.part, None
        while True:
            with one_moment(self.using):
                pks = next_keys(self.using, part.model, after)
                keys = [part.key(pk) for pk in pks]
                known = known_keys(self.using, part.labels, keys)
            if not pks:
                return
            after = pks[-1]
            yield [key for key in keys if key not in known]

    def _unrecorded(self, table: Table, key: str) -> Finding:
        entry = table.blind.baselined
        at = entries_about(self.using).values_list("recorded_at", flat=True).filter(pk=entry).first()
        pause = self.told.pause(at) if at else None
        why = f"recording was paused: {pause.reason}" if pause else None
        return Finding(kind=findings.UNRECORDED, model=table.part.label, object=key, explained=why)

    def _masked(self, table: Table) -> Iterator[Finding]:
        """A model whose keys are masked: entries cannot be followed to rows, so rows are followed to entries.

        Eight bytes are kept of every row's key, to find out afterwards which entries have no row.
        """
        part, after, without = table.part, None, 0
        digests = array("Q")
        while True:
            with one_moment(self.using):
                pks = next_keys(self.using, part.model, after)
                page = self._masked_page(table, pks)
            if not pks:
                break
            after = pks[-1]
            self.tell(part.label, len(pks))
            digests.extend(_digest(seen.key) for seen in page)
            without += sum(seen.state.last is None for seen in page)
            yield from self._compared(table, page)
        if without:
            yield Finding(kind=findings.ROWS_UNRECORDED, model=part.label, found=without)
        yield from self._without_row(table, array("Q", sorted(digests)))

    def _masked_page(self, table: Table, pks: Iterable[Any]) -> list[Seen]:
        by_key = {table.part.key(pk): pk for pk in pks}
        page = [table.seen(key, steps_of(self.using, table.part.labels, key)) for key in by_key]
        table.add(page, by_key)
        return page

    def _without_row(self, table: Table, digests: array[int]) -> Iterator[Finding]:
        """Objects with masked keys that entries tell of and that have no row."""
        for at in range(len(table.part.labels)):
            before: str | None = None
            while (page := self._page(table, at, before)) is not None:
                before, every = page
                self.tell(table.part.label, len(every))
                for seen in every:
                    if seen.state.exists and not _holds(digests, _digest(seen.key)):
                        yield from self._compared(table, self._still_gone(table, seen.key))

    def _still_gone(self, table: Table, key: str) -> list[Seen]:
        """Look once more, for what was written since the rows were walked."""
        with one_moment(self.using):
            seen = table.seen(key, steps_of(self.using, table.part.labels, key))
            self._find_masked(table, [seen])
        return [seen] if seen.row is None else []

    def _find_masked(self, table: Table, page: list[Seen]) -> None:
        """Find the row of a masked key by walking the table."""
        wanted = {seen.key for seen in page}
        after = None
        while pks := next_keys(self.using, table.part.model, after):
            after = pks[-1]
            found = {key: pk for pk in pks if (key := table.part.key(pk)) in wanted}
            if found:
                table.add([seen for seen in page if seen.key in found], found)


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def _holds(digests: array[int], wanted: int) -> bool:
    at = bisect_left(digests, wanted)
    return at < len(digests) and digests[at] == wanted
