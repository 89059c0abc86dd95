"""What became of each test without the log and with it, and whether the difference is known."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KNOWN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test."""

    outcome: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of a run, by test, and the number of entries that it wrote."""

    outcomes: Mapping[str, Outcome]
    entries: int


def read(paths: Iterable[Path]) -> Report:
    """Read the reports of the runner; of several outcomes of one test (its subtests') the first not ok counts."""
    outcomes: dict[str, Outcome] = {}
    entries = 0
    for path in paths:
        for told in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if "entries" in told:
                entries += told["entries"]
            elif outcomes.get(told["test"], Outcome("ok")).outcome == "ok":
                outcomes[told["test"]] = Outcome(told["outcome"], told.get("error", ""))
    return Report(outcomes, entries)


def reasons(database: str, version: str) -> dict[str, str]:
    """The tests that are known to differ on this database and version of Django, each with the reason."""
    return {
        test: group["reason"]
        for group in KNOWN["difference"]
        for test in group["tests"]
        if database in group.get("databases", [database]) and version in group.get("versions", [version])
    }


def differing(bare: Report, recorded: Report) -> Iterator[tuple[str, str]]:
    """The tests whose outcome differs, with what is different."""
    for test in dict.fromkeys([*bare.outcomes, *recorded.outcomes]):
        before, now = (report.outcomes.get(test, Outcome("not run")) for report in (bare, recorded))
        if before.outcome != now.outcome and test not in KNOWN["unsteady"]:
            yield test, f"{before.outcome}, recorded: {now.outcome} {now.error}".strip()
