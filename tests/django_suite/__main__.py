"""Runs Django's own tests bare and with every model recorded; exit code 1 where they differ for no known reason."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

from tests.django_suite.compare import Comparison, read
from tests.django_suite.parts import PARTS, Part, chosen
from tests.django_suite.server import NoCompletePostgresError, server
from tests.django_suite.source import ROOT, tests_of

MODES = ("bare", "recorded")


def main() -> int:
    """Run the tests and print the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.django_suite", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="only these parts of labels.toml")
    parser.add_argument("--labels", nargs="+", default=[], help="only these labels of Django's tests")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time (default 2)")
    options = parser.parse_args()
    parts = chosen(options.part, options.labels)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="django-suite-")))
        environment = {**os.environ, "SUITE_DB": options.database}
        if options.database == "postgres":
            environment["PGSOCK"] = stack.enter_context(server())
        if not _run_all(parts, folder, environment, options.workers):
            return 1
        bare, recorded = (read(folder / f"{mode}-{part}.jsonl" for part in parts) for mode in MODES)
    comparison = Comparison(bare, recorded, options.database, django.get_version(), tuple(parts.values()))
    sys.stdout.write(comparison.told())
    return int(comparison.has_failed)


def _run_all(parts: Mapping[str, Part], folder: Path, environment: dict[str, str], workers: int) -> bool:
    tests = tests_of(django.get_version())
    with ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_run, f"{mode}-{name}", part, tests, folder, {**environment, "SUITE_MODE": mode})
            for name, part in parts.items()
            for mode in MODES
        ]
    return all(job.result() for job in jobs)  # the pool has waited for all of them


def _run(name: str, part: Part, tests: Path, folder: Path, environment: dict[str, str]) -> bool:
    """Run the labels in one mode; False, with its output, where the runner itself broke."""
    there = [label for label in part.labels if (tests / label.partition(".")[0]).is_dir()]
    arguments = ["runtests.py", "--settings=tests.django_suite.settings", "--parallel=1", "--noinput", *there]
    report = folder / f"{name}.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=tests, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={
            **environment, "PYTHONPATH": str(ROOT), "SUITE_NAME": name.replace("-", "_"), "SUITE_REPORT": str(report),
        },
    )  # fmt: skip
    ran = report.exists() and "\nRan " in done.stdout
    if not ran:
        sys.stdout.write(f"{name} did not run to its end:\n{done.stdout[-6000:]}\n")
    return ran


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoCompletePostgresError as error:
        sys.exit(str(error))
