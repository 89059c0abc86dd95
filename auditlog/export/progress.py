"""The progress bar, for people at a terminal; without tqdm (extra ``export``) there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from auditlog.models import Entry

try:
    from tqdm import tqdm
except ImportError:  # the extra is not installed
    tqdm = None  # type: ignore[assignment,misc]


def with_progress(chunks: Iterable[list[Entry]], *, last_id: int, file: TextIO | None) -> Iterator[list[Entry]]:
    """``chunks`` as they are, with a bar on ``file`` (None: nobody looks) that follows the ids to ``last_id``.

    The way from the first id to the last is known without counting entries.
    """
    if file is None or tqdm is None:
        yield from chunks
        return
    with tqdm(file=file, unit=" ids", unit_scale=True) as bar:
        origin: int | None = None
        for chunk in chunks:
            if origin is None:
                origin = chunk[0].pk - 1
                bar.reset(total=last_id - origin)
            yield chunk
            bar.update(chunk[-1].pk - origin - bar.n)
