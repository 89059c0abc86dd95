"""Runs Django's own tests bare and with every model recorded; exit code 1 where they differ for no known reason."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

from tests import pgtemp
from tests.django_suite.compare import Report, differing, read, reasons
from tests.django_suite.source import ROOT, tests_of

PARTS = tomllib.loads(Path(__file__).with_name("labels.toml").read_text(encoding="utf-8"))
MODES = ("bare", "recorded")
FEWEST_TESTS, FEWEST_ENTRIES = 5000, 50_000
"""A run of all labels below these has not tested what it should."""


def main() -> int:
    """Run the tests and print the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.django_suite", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time (default 2)")
    parser.add_argument("--labels", nargs="+", help="only these labels of Django's tests")
    options = parser.parse_args()
    parts = {"chosen": options.labels} if options.labels else {name: text.split() for name, text in PARTS.items()}
    tests = tests_of(django.__version__)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="django-suite-")))
        environment = {**os.environ, "SUITE_DB": options.database}
        if options.database == "postgres":
            environment["PGSOCK"] = stack.enter_context(pgtemp.server())
        with ThreadPoolExecutor(options.workers) as pool:
            jobs = [
                pool.submit(_run, mode, part, labels, tests, folder, environment)
                for part, labels in parts.items()
                for mode in MODES
            ]
        ended = [job.result() for job in jobs]
        if not all(ended):
            return 1
        bare, recorded = (read(folder / f"{mode}-{part}.jsonl" for part in parts) for mode in MODES)
    return _told(bare, recorded, options.database, whole=not options.labels)


def _run(mode: str, part: str, labels: list[str], tests: Path, folder: Path, environment: dict[str, str]) -> bool:
    """Run the labels in one mode; False, with its output, where the runner itself broke."""
    name = f"{mode}-{part}"
    there = [label for label in labels if (tests / label).is_dir()]
    arguments = ["runtests.py", "--settings=tests.django_suite.settings", "--parallel=1", "--noinput", *there]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=tests, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={
            **environment, "PYTHONPATH": str(ROOT), "SUITE_MODE": mode, "SUITE_NAME": name.replace("-", "_"),
            "SUITE_REPORT": str(folder / f"{name}.jsonl"),
        },
    )  # fmt: skip
    ran = (folder / f"{name}.jsonl").exists() and "\nRan " in done.stdout
    if not ran:
        sys.stdout.write(f"{name} did not run to its end:\n{done.stdout[-6000:]}\n")
    return ran


def _told(bare: Report, recorded: Report, database: str, *, whole: bool) -> int:
    """Print the comparison; 1 where a difference is unknown, or a known one did not come, or too little was run."""
    version = ".".join(map(str, django.VERSION[:2]))
    known = reasons(database, version)
    found = dict(differing(bare, recorded))
    unknown = {test: what for test, what in found.items() if test not in known}
    gone = [test for test in known if test not in found] if whole else []
    say = sys.stdout.write
    say(f"Django {django.__version__}, {database}: {len(bare.outcomes)} tests, {recorded.entries} entries written, ")
    say(f"{len(found)} tests differ, {len(unknown)} of them for no known reason\n")
    for reason, count in Counter(known[test] for test in found if test in known).most_common():
        say(f"  {count:4} {reason}\n")
    for test, what in unknown.items():
        say(f"UNKNOWN {test}: {what[:600]}\n")
    for test in gone:
        say(f"GONE {test}: known to differ, but does not\n")
    few = whole and (len(bare.outcomes) < FEWEST_TESTS or recorded.entries < FEWEST_ENTRIES)
    if few:
        say(f"TOO FEW: at least {FEWEST_TESTS} tests and {FEWEST_ENTRIES} entries are expected\n")
    return int(bool(unknown or gone or few))


if __name__ == "__main__":
    sys.exit(main())
