"""Which of Django's tests are run, and how much has to come of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """Labels that one process runs, and the fewest tests and entries that a run of them must have."""

    labels: tuple[str, ...]
    fewest_tests: int = 1
    fewest_entries: int = 1


def _parts() -> dict[str, Part]:
    found = tomllib.loads(Path(__file__).with_name("labels.toml").read_text(encoding="utf-8"))
    return {
        name: Part(tuple(part["labels"].split()), part["fewest_tests"], part["fewest_entries"])
        for name, part in found.items()
    }


PARTS = _parts()


def chosen(names: Sequence[str], labels: Sequence[str]) -> Mapping[str, Part]:
    """The parts of these names; instead of them, where labels are given, these labels."""
    return {"chosen": Part(tuple(labels))} if labels else {name: PARTS[name] for name in names}
