"""Writes entries as CSV into a text stream."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from auditlog.export.rows import COLUMNS, Per, rows_of
from auditlog.models import Entry

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Written:
    """How much was exported."""

    entries: int
    rows: int


def write_csv(stream: TextIO, chunks: Iterable[list[Entry]], *, per: Per = "change", bom: bool = False) -> Written:
    """Write the header and the rows of every entry; ``bom`` lets spreadsheets know that the file is UTF-8."""
    if bom:
        stream.write(BOM)
    writer = csv.writer(stream)
    writer.writerow(COLUMNS[per])
    entries = rows = 0
    for chunk in chunks:
        table = [row for entry in chunk for row in rows_of(entry, per)]
        writer.writerows(table)
        entries += len(chunk)
        rows += len(table)
    stream.flush()
    return Written(entries, rows)
