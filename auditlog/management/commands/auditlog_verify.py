"""``manage.py auditlog_verify --drift``: compare the log with the tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from auditlog.capture.registration import Registration
from auditlog.trust.drift import Drift, named, tables_of, verifiable
from auditlog.trust.findings import ROWS_UNRECORDED, Finding
from auditlog.trust.progress import progress

DRIFT, BAD_USAGE, INTERRUPTED = 1, 2, 130


class Command(BaseCommand):
    """Exit codes: 0 no drift, 1 drift, 2 wrong usage, 130 interrupted."""

    help = (
        "Compare the last known state in the log with the tables, and the chain inside the log. "
        "Exit codes: 0 no drift, 1 drift, 2 wrong usage, 130 interrupted."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it like this

    def add_arguments(self, parser: CommandParser) -> None:
        """What to compare, and how to tell it."""
        parser.add_argument("--drift", action="store_true", help="compare the log with the tables")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--model", nargs="+", default=[], metavar="app.model", help="only these models")
        which.add_argument("--object", default="", metavar="app.model:pk", help="only this object")
        parser.add_argument(
            "--using", choices=tuple(connections), default=DEFAULT_DB_ALIAS, help="the database of the rows"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or JSON Lines")
        parser.add_argument("--strict", action="store_true", help="rows without entries count as drift")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the findings and set the exit code."""
        if not options["drift"]:
            raise CommandError("Say what to verify: --drift compares the log with the tables.", returncode=BAD_USAGE)
        try:
            found = self._print(options)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except DatabaseError as error:
            what = str(error).partition("\n")[0]
            raise CommandError(
                f"The log and the tables cannot be compared: {what} Has 'manage.py migrate' been run on "
                f"{options['using']!r}?",
                returncode=BAD_USAGE,
            ) from error
        if found:
            raise SystemExit(DRIFT)

    def _print(self, options: dict[str, Any]) -> int:
        """Print the findings one by one; returns how many are drift."""
        drift = explained = 0
        out, err = cast("TextIO", self.stdout._out), cast("TextIO", self.stderr._out)  # noqa: SLF001
        with progress(err if err.isatty() and not out.isatty() else None) as tell:
            for finding in self._findings(Drift.of(options["using"], tell), options):
                counts = finding.explained is None and (finding.kind != ROWS_UNRECORDED or options["strict"])
                drift += counts
                explained += finding.explained is not None
                if finding.explained is None or options["verbosity"] > 1:
                    self.stdout.write(finding.as_json() if options["format"] == "json" else finding.as_text())
        if options["format"] == "text" and options["verbosity"] > 0:
            more = f"; {explained} differences are explained by pauses (--verbosity 2 lists them)" if explained else ""
            self.stdout.write(f"{drift or 'No'} finding{'' if drift == 1 else 's'} of drift{more}.")
        return drift

    def _findings(self, drift: Drift, options: dict[str, Any]) -> Iterator[Finding]:
        if not options["object"]:
            return drift.models(self._parts(options["model"], options["using"]))
        label, colon, key = options["object"].partition(":")
        if not (colon and key):
            raise CommandError(
                f"--object {options['object']!r} must be app.model:primary-key, such as shop.product:42.",
                returncode=BAD_USAGE,
            )
        (part,) = self._parts([label], options["using"])
        found = drift.object(part, key)
        if found is None:
            raise CommandError(
                f"There is neither an entry nor a row of {part.label} with the key {key!r}.", returncode=BAD_USAGE
            )
        return self._with_parents(drift, part, key, found)

    def _with_parents(self, drift: Drift, part: Registration, key: str, found: Iterator[Finding]) -> Iterator[Finding]:
        yield from found
        for parent in tables_of(part)[1:]:
            yield from drift.object(parent, key) or ()

    def _parts(self, names: list[str], using: str) -> list[Registration]:
        """The registrations of the models named; of all where none is."""
        there = verifiable(using)
        try:
            return [named(name, there, using) for name in names] if names else there
        except LookupError as error:
            raise CommandError(str(error.args[0]), returncode=BAD_USAGE) from error
