"""Findings: what does not fit between the log and the tables, one line each; pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from auditlog.capture.value_base import Json

CHANGED = "changed outside the log"
MISSING = "missing row"
RETURNED = "deleted row is back"
UNRECORDED = "row without entries"
ROWS_UNRECORDED = "rows without entries"
GAP = "gap in the chain"
MORE_GAPS = "more gaps in the chain"
LINK_MISSING = "link missing"
LINK_UNRECORDED = "link outside the log"

HIDDEN = "••••"
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the log and the tables do not tell alike."""

    kind: str
    model: str
    object: str | None = None
    """The key as entries hold it; None for a finding about the whole model."""
    field: str | None = None
    expected: Json = None
    found: Json = None
    entry: int | None = None
    """The entry that told what was expected; in a gap, the entry that does not follow."""
    explained: str | None = None
    """Why this is no drift: what happened in between says itself that it was not recorded."""

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_text(self) -> str:
        """One line for people."""
        subject = " ".join(text for text in (self.model, self.object, self.field) if text)
        if self.kind == ROWS_UNRECORDED:
            return (
                f"{subject}: {self.found} {self.kind}; 'manage.py auditlog_baseline --model {self.model}' writes them"
            )
        line = f"{subject}: {self.kind}"
        if self.kind not in (MISSING, RETURNED, UNRECORDED):
            line += f", expected {_short(self.expected)}, found {_short(self.found)}"
        if self.entry is not None:
            line += f" (entry {self.entry})"
        return f"{line} - explained: {self.explained}" if self.explained else line


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
