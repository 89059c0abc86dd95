"""What became of each test without the log and with it, and whether the difference is known."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.django_suite.parts import Part

KNOWN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test."""

    outcome: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of a run, by test, the number of entries that it wrote, and of models that were recorded."""

    outcomes: Mapping[str, Outcome]
    entries: int = 0
    models: int = 0


def read(paths: Iterable[Path]) -> Report:
    """Read the reports of the runner; of several outcomes of one test (its subtests') the first not ok counts."""
    outcomes: dict[str, Outcome] = {}
    sums: Counter[str] = Counter()
    for path in paths:
        for told in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if "entries" in told:
                sums.update(told)
            elif outcomes.get(told["test"], Outcome("ok")).outcome == "ok":
                outcomes[told["test"]] = Outcome(told["outcome"], told.get("error", ""))
    return Report(outcomes, sums["entries"], sums["models"])


def reasons(database: str, version: str) -> dict[str, str]:
    """The tests that are known to differ on this database and version of Django, each with the reason."""
    line = version.rpartition(".")[0]
    return {
        test: group["reason"]
        for group in KNOWN["difference"]
        for test in group["tests"]
        if database in group.get("databases", [database]) and line in group.get("versions", [line])
    }


@dataclass
class Comparison:
    """A run of Django alone and one with the log, on one database and version of Django."""

    bare: Report
    recorded: Report
    database: str
    version: str
    parts: tuple[Part, ...]
    known: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Only those known differences count that the labels can show."""
        labels = {label for part in self.parts for label in part.labels}
        every = reasons(self.database, self.version)
        self.known = {test: why for test, why in every.items() if test.partition(".")[0] in labels}

    @cached_property
    def found(self) -> dict[str, str]:
        """The tests whose outcome differs, with what is different."""
        return dict(_differing(self.bare, self.recorded))

    @property
    def unknown(self) -> dict[str, str]:
        """Those that differ for no known reason."""
        return {test: what for test, what in self.found.items() if test not in self.known}

    @property
    def gone(self) -> list[str]:
        """Those that should differ and do not."""
        return [test for test in self.known if test not in self.found]

    @property
    def is_too_small(self) -> bool:
        """Whether too little was run, or written, to say anything."""
        tests = sum(part.fewest_tests for part in self.parts)
        entries = sum(part.fewest_entries for part in self.parts)
        return len(self.bare.outcomes) < tests or self.recorded.entries < entries

    @property
    def has_failed(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.unknown or self.gone or self.is_too_small)

    def told(self) -> str:
        """The comparison as text."""
        counted = Counter(outcome.outcome for outcome in self.bare.outcomes.values())
        alone = f"{counted['skipped']} skipped, {counted['failed']} failed by Django alone"
        ran = f"{len(self.bare.outcomes)} tests ({alone})"
        written = f"{self.recorded.models} models registered, {self.recorded.entries} entries written"
        lines = [
            f"Django {self.version}, {self.database}: {ran}, {written}",
            f"{len(self.found)} tests end differently, {len(self.unknown)} of them for no known reason",
        ]
        for reason, count in Counter(self.known[test] for test in self.found if test in self.known).most_common():
            lines.append(f"{count:6} {reason}")
        lines += [f"UNKNOWN {test}: {what[:600]}" for test, what in self.unknown.items()]
        lines += [f"GONE {test}: known to differ, but does not" for test in self.gone]
        lines += ["TOO FEW tests or entries: see labels.toml"] if self.is_too_small else []
        return "\n".join([*lines, ""])


def _differing(bare: Report, recorded: Report) -> Iterator[tuple[str, str]]:
    for test in dict.fromkeys([*bare.outcomes, *recorded.outcomes]):
        before, now = (report.outcomes.get(test, Outcome("not run")) for report in (bare, recorded))
        if before.outcome != now.outcome and test not in KNOWN["unsteady"]:
            yield test, f"{before.outcome}, recorded: {now.outcome} {now.error}".strip()
