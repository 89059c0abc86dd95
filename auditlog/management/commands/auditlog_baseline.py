"""``manage.py auditlog_baseline``: first entries of rows that existed before recording began."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.template.defaultfilters import filesizeformat

from auditlog.conf import settings
from auditlog.exceptions import RecordingError
from auditlog.trust.baseline import Baseline, Estimate, estimate
from auditlog.trust.drift import named, verifiable
from auditlog.trust.progress import progress
from auditlog.trust.reading import CHUNK
from auditlog.trust.registrations import record_changes

BAD_USAGE, INTERRUPTED = 2, 130


class Command(BaseCommand):
    """Exit codes: 0 done, 1 failed, 2 wrong usage or not confirmed, 130 interrupted."""

    help = (
        "Write first entries (action: baseline) of rows that have no entry yet. Prints rows, bytes and time first and "
        "wants --yes. A run that was broken off is continued by the next."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - other databases of the project need not be there

    def add_arguments(self, parser: CommandParser) -> None:
        """Which rows, and in which steps."""
        parser.add_argument("--model", nargs="+", default=[], metavar="app.model", help="only these models")
        parser.add_argument(
            "--using", choices=tuple(connections), default=DEFAULT_DB_ALIAS, help="the database of the rows"
        )
        parser.add_argument("--yes", action="store_true", help="write, without being asked")
        parser.add_argument("--chunk", type=int, default=CHUNK, metavar="N", help="rows of one transaction")
        parser.add_argument(
            "--partly", action="store_true", help="also rows that have entries, but none that names every field"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Estimate, ask, write."""
        if options["chunk"] < 1:
            raise CommandError(f"--chunk must be 1 or more, not {options['chunk']}.", returncode=BAD_USAGE)
        if not settings.ENABLED:
            raise CommandError("Recording is switched off: set AUDITLOG['ENABLED'] to True.", returncode=BAD_USAGE)
        try:
            baselines = self._baselines(options)
            self._announce([estimate(each) for each in baselines])
            self._confirm(yes=options["yes"])
            self._write(baselines, options["using"])
        except KeyboardInterrupt:
            self.stderr.write("Interrupted; what was written stays, and the next run goes on from there.")
            raise SystemExit(INTERRUPTED) from None
        except (RecordingError, DatabaseError) as error:
            what = str(error).partition("\n")[0]
            raise CommandError(
                f"The entries cannot be written: {what} Has 'manage.py migrate' been run on {options['using']!r}?"
            ) from error

    def _baselines(self, options: dict[str, Any]) -> list[Baseline]:
        there = verifiable(options["using"])
        try:
            parts = [named(name, there, options["using"]) for name in options["model"]] or there
        except LookupError as error:
            raise CommandError(str(error.args[0]), returncode=BAD_USAGE) from error
        return [Baseline(part, options["using"], options["chunk"], options["partly"]) for part in parts]

    def _announce(self, estimates: list[Estimate]) -> None:
        """Print what will be written."""
        rows = sum(each.rows for each in estimates)
        for each in estimates:
            if each.rows:
                size = filesizeformat(each.bytes)
                self.stdout.write(f"{each.model}: about {each.rows} rows, {size}, {each.seconds:.1f} s")
        size, seconds = filesizeformat(sum(e.bytes for e in estimates)), sum(e.seconds for e in estimates)
        self.stdout.write(f"Estimated: {rows} entries, {size}, {seconds:.1f} s (measured on a sample).")

    def _confirm(self, *, yes: bool) -> None:
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nothing was written: repeat with --yes to write these entries.", returncode=BAD_USAGE)
        if input("Write these entries? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was written.", returncode=BAD_USAGE)

    def _write(self, baselines: list[Baseline], using: str) -> None:
        err = cast("TextIO", self.stderr._out)  # noqa: SLF001
        written = 0
        record_changes(using)
        with progress(err if err.isatty() else None) as tell:
            for baseline in baselines:
                for looked_at, entries in baseline.write():
                    written += entries
                    tell(baseline.part.label, looked_at)
                baseline.finish()
        self.stdout.write(f"{written} entries written.")
