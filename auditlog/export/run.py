"""One export from question to file: what the command does, for callers of any kind."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from auditlog.export.files import atomic_file
from auditlog.export.progress import with_progress
from auditlog.export.rows import Per
from auditlog.export.source import Source
from auditlog.export.writer import Written, write_csv
from auditlog.query.querysets import EntryQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported and in which form."""

    entries: EntryQuerySet
    per: Per = "change"
    bom: bool = False

    def to_file(self, path: Path, *, bar: TextIO | None = None) -> Written:
        """Write a file that appears only when it is whole; raises OSError."""
        with atomic_file(path) as stream:
            return self.to_stream(stream, bar=bar)

    def to_stream(self, stream: TextIO, *, bar: TextIO | None = None) -> Written:
        """Write into a text stream; raises BrokenPipeError when its reader went away."""
        source = Source.of(self.entries)
        chunks = with_progress(source.chunks(), last_id=source.last_id, file=bar)
        return write_csv(stream, chunks, per=self.per, bom=self.bom)


@contextmanager
def utf8(stream: TextIO) -> Iterator[TextIO]:
    """``stream`` as UTF-8 with its line ends untouched, whatever the terminal's encoding is."""
    binary = getattr(stream, "buffer", None)
    if binary is None:  # a stream of text only, such as StringIO
        yield stream
        return
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="", write_through=False)
    try:
        yield text
    finally:
        text.detach()
