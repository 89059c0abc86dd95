"""The difference of two snapshots, as it is stored in an entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auditlog.capture.value_base import Codec, Json


def diff(
    names: Sequence[str],
    codecs: Sequence[Codec],
    old: Sequence[Any] | None,
    new: Sequence[Any] | None,
    *,
    masked: frozenset[str] = frozenset(),
) -> dict[str, Json]:
    """The changes between two rows of canonical values, parallel to ``names``; None is a row that is not there.

    A row that came or went has all its fields; else only those that differ. A masked field keeps only the fact.
    """
    if old is None or new is None:
        return dict(_whole(names, codecs, old, new, masked))
    changes: dict[str, Json] = {}
    for name, codec, before, after in zip(names, codecs, old, new, strict=True):
        if before is after or codec.equal(before, after):
            continue
        changes[name] = {"masked": True} if name in masked else [codec.encode(before), codec.encode(after)]
    return changes


def _whole(
    names: Sequence[str],
    codecs: Sequence[Codec],
    old: Sequence[Any] | None,
    new: Sequence[Any] | None,
    masked: frozenset[str],
) -> Iterator[tuple[str, Json]]:
    row = old if new is None else new
    for name, codec, value in zip(names, codecs, row or (), strict=row is not None):
        if name not in masked:
            text = codec.encode(value)
            yield name, [None, text] if old is None else [text, None]
        elif value is not None and value != "":
            yield name, {"masked": True}
