"""Keyset pages, newest first: no OFFSET and no COUNT, so that the millionth page costs what the first one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext as _

from auditlog.exceptions import AuditlogError
from auditlog.models import Entry
from auditlog.query.querysets import EntryQuerySet

Direction = Literal["older", "newer"]
_signer = Signer(salt="auditlog.query.pages")


class CursorError(AuditlogError):
    """The cursor was not made by this project."""

    def __init__(self) -> None:
        super().__init__(_("This is not a cursor of this log: use one from the answer's “next” or “previous”."))


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, with the cursors of the next (older) and the previous (newer) page, if there is one."""

    entries: tuple[Entry, ...]
    next: str | None
    previous: str | None


def page(queryset: EntryQuerySet, *, size: int, cursor: str | None = None) -> Page:
    """One page of at most ``size`` entries; raises :class:`CursorError` for a cursor that is not ours.

    A cursor holds a direction and an id and nothing else. Entries that arrive meanwhile change no page that is reached
    by going on, and are found by going back.
    """
    if size < 1:
        raise ValueError("A page holds at least one entry.")
    if not cursor:
        return _older(queryset, size, None)
    direction, key = _read(cursor)
    return _older(queryset, size, key) if direction == "older" else _newer(queryset, size, key)


def _older(queryset: EntryQuerySet, size: int, key: int | None) -> Page:
    found = queryset if key is None else queryset.filter(id__lt=key)
    entries = tuple(found.order_by("-id")[: size + 1])
    shown = entries[:size]
    # a page behind the last entry is empty and leads back to that entry
    return Page(
        shown,
        next=_cursor("older", shown[-1].pk) if len(entries) > size else None,
        previous=None if key is None else _cursor("newer", shown[0].pk if shown else key - 1),
    )


def _newer(queryset: EntryQuerySet, size: int, key: int) -> Page:
    entries = tuple(queryset.filter(id__gt=key).order_by("id")[: size + 1])
    shown = entries[:size][::-1]
    return Page(
        shown,
        next=_cursor("older", shown[-1].pk if shown else key + 1),
        previous=_cursor("newer", shown[0].pk) if len(entries) > size else None,
    )


def _cursor(direction: Direction, key: int) -> str:
    return _signer.sign_object([direction, key])


def _read(cursor: str) -> tuple[Direction, int]:
    try:
        direction, key = _signer.unsign_object(cursor)
    except BadSignature as error:
        raise CursorError from error
    return direction, key
