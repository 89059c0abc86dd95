"""``manage.py auditlog_export``: entries as CSV, to a file or to standard output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from auditlog.export.run import Export, utf8
from auditlog.models import Entry
from auditlog.query.filters import FilterError, apply, parse
from auditlog.query.querysets import EntryQuerySet

BAD_USAGE, INTERRUPTED, READER_GONE = 2, 130, 141
FILTERS = {
    "model": "entries of this model, app.model",
    "object": "entries of the object with this key",
    "actor": "entries of the actor with this name (at that moment) or id",
    "action": "create, update, delete, baseline, access, login, logout, login_failed, event, redaction or prune",
    "field": "entries in which the field of this name changed",
    "since": "entries from this date or time on; dates are days of the project's time zone",
    "until": "entries up to the end of this date, or before this time",
    "changeset": "entries of this changeset (UUID)",
}


class Command(BaseCommand):
    """Exports entries; 141 is the exit code when the reader of standard output went away."""

    help = "Export audit entries as CSV, oldest first. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it like this

    def add_arguments(self, parser: CommandParser) -> None:
        """The filters of all ways out, and the form of the file."""
        parser.add_argument(
            "--output", "-o", default="-", metavar="FILE", help="the file to write; - is standard output"
        )
        for name, help_text in FILTERS.items():
            parser.add_argument(f"--{name}", default="", help=help_text)
        parser.add_argument("--per", choices=("change", "entry"), default="change", help="what one row stands for")
        parser.add_argument("--bom", action="store_true", help="begin with a byte order mark, for spreadsheets")
        parser.add_argument("--database", choices=tuple(connections), help="the database that holds the entries")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Export, and turn what goes wrong into one sentence and an exit code."""
        try:
            export = Export(entries=self._entries(options), per=options["per"], bom=options["bom"])
            self._write(export, options["output"], options["verbosity"])
        except KeyboardInterrupt:
            self.stderr.write("Interrupted; no file was written.")
            raise SystemExit(INTERRUPTED) from None
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror or error}.") from error
        except DatabaseError as error:
            what = str(error).partition("\n")[0]
            raise CommandError(f"The entries cannot be read: {what}. Has 'manage.py migrate' been run?") from error

    def _entries(self, options: dict[str, Any]) -> EntryQuerySet:
        every = Entry.objects.using(options["database"]) if options["database"] else Entry.objects.all()
        try:
            return apply(every, parse({name: options[name] for name in FILTERS}, within=every))
        except FilterError as error:
            raise CommandError(f"--{error.parameter}: {error.message}", returncode=BAD_USAGE) from error

    def _write(self, export: Export, output: str, verbosity: int) -> None:
        # the streams within Django's wrappers, which end every write with a line break
        out, err = cast("TextIO", self.stdout._out), cast("TextIO", self.stderr._out)  # noqa: SLF001
        if output == "-":
            self._stream(export, out, err if err.isatty() and not out.isatty() else None)
            return
        written = export.to_file(Path(output), bar=err if err.isatty() else None)
        if verbosity > 0:
            self.stdout.write(f"{written.entries} entries in {written.rows} rows written to {output}.")

    def _stream(self, export: Export, out: TextIO, bar: TextIO | None) -> None:
        try:
            with utf8(out) as stream:
                export.to_stream(stream, bar=bar)
        except BrokenPipeError:
            _silence(out)
            raise SystemExit(READER_GONE) from None


def _silence(stream: TextIO) -> None:
    """Let the interpreter flush at its end into nothing, instead of reporting the broken pipe again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
