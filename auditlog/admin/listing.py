"""What the address of the list asks for: its filters as typed, and the page of entries that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.http import urlencode

from auditlog.conf import settings
from auditlog.models import Entry
from auditlog.query.filters import FilterError, apply, parse
from auditlog.query.pages import CursorError, page
from auditlog.query.querysets import EntryQuerySet

PARAMETERS = ("q", "action", "model", "object", "actor", "field", "since", "until", "changeset")


@dataclass(frozen=True)
class Listing:
    """One page of the list; with an ``error`` it shows no entries, because it would show the wrong ones."""

    values: Mapping[str, str]
    entries: Sequence[Entry] = ()
    newer: str = ""
    older: str = ""
    error: str = ""
    wrong: str = ""
    """The parameter that is wrong."""


def read_listing(parameters: Mapping[str, str], visible: EntryQuerySet) -> Listing:
    """The page that these parameters of the address ask for; parameters of the admin's own are left alone."""
    values = {name: text for name in PARAMETERS if (text := parameters.get(name, "").strip())}
    try:
        asked = apply(visible, parse(values, within=visible))
        found = page(asked, size=settings.PAGE_SIZE, cursor=parameters.get("cursor"))
    except FilterError as error:
        return Listing(values, error=error.message, wrong=error.parameter)
    except CursorError as error:
        return Listing(values, error=str(error), wrong="cursor")
    return Listing(values, found.entries, _address(values, found.previous), _address(values, found.next))


def _address(values: Mapping[str, str], cursor: str | None) -> str:
    return "?" + urlencode({**values, "cursor": cursor}) if cursor else ""
