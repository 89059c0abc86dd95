"""A progress bar for people at a terminal; without tqdm (extra ``export``) there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

try:
    from tqdm import tqdm
except ImportError:  # the extra is not installed
    tqdm = None  # type: ignore[assignment,misc]


class Tell(Protocol):
    """Says that ``done`` more objects of the model ``label`` were worked on."""

    def __call__(self, label: str, done: int) -> None:
        """Move the bar."""


def silent(label: str, done: int) -> None:
    """No bar."""


@contextmanager
def progress(file: TextIO | None, *, total: int | None = None) -> Iterator[Tell]:
    """A bar on ``file`` (None: nobody looks) that counts objects."""
    if file is None or tqdm is None:
        yield silent
        return
    with tqdm(file=file, unit=" objects", unit_scale=True, total=total, dynamic_ncols=True) as bar:

        def tell(label: str, done: int) -> None:
            bar.set_description(label, refresh=False)
            bar.update(done)

        yield tell
