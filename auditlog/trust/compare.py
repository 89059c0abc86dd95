"""Compares what the log tells of one object with its row and its links; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditlog.capture.value_base import Json
from auditlog.trust import findings
from auditlog.trust.blindness import Told
from auditlog.trust.findings import HIDDEN, Finding
from auditlog.trust.objects import Seen, Table
from auditlog.trust.replay import Gap, Links, Step


@dataclass(frozen=True)
class Comparison:
    """The findings about one object."""

    table: Table
    told: Told
    seen: Seen

    def findings(self) -> Iterator[Finding]:
        """Everything that does not fit."""
        for gap in self.seen.gaps:
            yield self._gap(gap)
        if self.seen.more_gaps:
            yield self._finding(findings.MORE_GAPS, found=self.seen.more_gaps)
        last = self.seen.state.last
        if last is None or self.table.blind.between("", last.id):
            return
        if self.seen.state.exists and self.seen.row is not None:
            yield from self._fields()
            yield from self._links()
        elif self.seen.state.exists != (self.seen.row is not None):
            kind = findings.MISSING if self.seen.state.exists else findings.RETURNED
            yield self._finding(kind, entry=last.id, explained=self._pause(last.at))

    def _finding(self, kind: str, **about: Any) -> Finding:
        return Finding(kind=kind, model=self.table.part.label, object=self.seen.key, **about)

    def _pause(self, since: Any, until: Any = None) -> str | None:
        pause = self.told.pause(since, until)
        if pause is None:
            return None
        end = "never ended" if pause.end is None else f"until {pause.end.isoformat()}"
        return f"recording was paused from {pause.begin.isoformat()}, {end}: {pause.reason}"

    def _gap(self, gap: Gap) -> Finding:
        why = self._pause(gap.before.at, gap.at)
        expected, found = self._shown(gap.field, gap.expected, gap.found)
        return self._finding(
            findings.GAP, field=gap.field or None, expected=expected, found=found, entry=gap.id, explained=why
        )

    def _shown(self, name: str, *values: Json) -> list[Json]:
        """The values, unless the field is masked by now."""
        return [HIDDEN if name in self.table.part.masked else value for value in values]

    def _fields(self) -> Iterator[Finding]:
        state, blind = self.seen.state, self.table.blind
        for name, live in self.table.live(self.seen.row or ()):
            known = state.fields.get(name)
            if known is None or known.masked or name in self.table.part.quiet or blind.between(name, known.id):
                continue
            if not self.table.equal(name, known.value, live):
                expected, found = self._shown(name, known.value, live)
                why = self._pause(known.at)
                yield self._finding(
                    findings.CHANGED, field=name, expected=expected, found=found, entry=known.id, explained=why
                )

    def _links(self) -> Iterator[Finding]:
        for name, live in self.seen.links.items():
            if name in self.table.part.masked:
                continue
            links = self.seen.state.links.get(name, Links())
            whole = self._whole(name, links)
            sure = {key: told for key, told in links.keys.items() if not self._unsure(name, links, told[1])}
            for key in sorted(key for key, told in sure.items() if told[0] and key not in live):
                yield self._link(findings.LINK_MISSING, name, key, *sure[key][1:])
            for key in sorted(key for key in live if (key in sure and not sure[key][0]) or (whole and key not in sure)):
                entry, at = sure[key][1:] if key in sure else (whole.id, whole.at) if whole else (0, None)
                yield self._link(findings.LINK_UNRECORDED, name, key, entry, at)

    def _whole(self, name: str, links: Links) -> Step | None:
        """The entry from which on all links are known, if nothing made them unknown since."""
        whole = self.seen.state.whole
        return None if whole is None or self._unsure(name, links, whole.id) else whole

    def _unsure(self, name: str, links: Links, entry: int) -> bool:
        return links.masked_at >= entry or self.table.blind.between(name, entry)

    def _link(self, kind: str, name: str, key: str, entry: int, at: Any) -> Finding:
        there, gone = f"linked to {key}", f"not linked to {key}"
        expected, found = (there, gone) if kind == findings.LINK_MISSING else (gone, there)
        why = self._pause(at)
        return self._finding(kind, field=name, expected=expected, found=found, entry=entry, explained=why)
