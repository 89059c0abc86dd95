"""Parameters as people and programs write them, read into :class:`Filters`; what is wrong is said by name."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from auditlog.exceptions import AuditlogError
from auditlog.models import Action, Entry
from auditlog.query.live import known_labels
from auditlog.query.moments import moment
from auditlog.query.querysets import EntryQuerySet

ACTIONS = {action.name.lower(): action for action in Action}
SEARCH_LENGTH = 200
# NUL and lone surrogates: text that no database stores, and that drivers refuse with an error of their own
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Reader = Callable[[str, EntryQuerySet], Any]


class FilterError(AuditlogError):
    """A parameter is unknown or its value cannot be right; names the parameter and says how it should look."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What was asked for; an empty value asks for nothing."""

    model: str = ""
    object: str = ""
    actor: str = ""
    action: Action | None = None
    field: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    changeset: uuid.UUID | None = None
    search: str = ""


def parse(params: Mapping[str, str], *, within: EntryQuerySet | None = None, also: Iterable[str] = ()) -> Filters:
    """The filters that ``params`` ask for; raises :class:`FilterError`. Empty values ask for nothing.

    ``also`` names parameters that the caller reads itself. A model that is not installed is accepted if ``within`` (all
    entries by default) holds entries of it.
    """
    others = frozenset(also)
    entries = Entry.objects.all() if within is None else within
    given: dict[str, Any] = {}
    for name, value in params.items():
        if name in others:
            continue
        if name not in _READERS:
            raise FilterError(name, _("There is no such parameter.") + nearest(name, [*_READERS, *others]))
        if _UNSTORABLE.search(value):
            raise FilterError(name, _("The value holds characters that no entry can hold."))
        if value.strip():
            target, reader = _READERS[name]
            given[target] = reader(value.strip(), entries)
    filters = Filters(**given)
    if filters.since and filters.until and filters.since >= filters.until:
        raise FilterError("until", _("This must be later than “since”."))
    return filters


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence that names the known word most like ``word``; empty when none is."""
    close = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.5)
    return " " + _("Did you mean “%(word)s”?") % {"word": close[0]} if close else ""


def _model(text: str, entries: EntryQuerySet) -> str:
    labels = known_labels()
    if text.lower() in labels:
        return labels[text.lower()]
    if entries.filter(model=text).exists():
        return text
    message = _("There is no model “%(label)s”; a model is written as app.model.") % {"label": text}
    raise FilterError("model", message + nearest(text, labels))


def _action(text: str, _entries: EntryQuerySet) -> Action:
    name = text.lower().replace("-", "_").replace(" ", "_")
    if name not in ACTIONS:
        message = _("There is no action “%(name)s”; the actions are %(known)s.")
        raise FilterError("action", message % {"name": text, "known": ", ".join(ACTIONS)} + nearest(name, ACTIONS))
    return ACTIONS[name]


def _moment(name: str, *, end: bool) -> Reader:
    def read(text: str, _entries: EntryQuerySet) -> dt.datetime:
        instant = moment(text, end=end)
        if instant is None:
            message = _("“%(text)s” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.")
            raise FilterError(name, message % {"text": text})
        return instant

    return read


def _changeset(text: str, _entries: EntryQuerySet) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        message = _("“%(text)s” is not a changeset, which is a UUID.") % {"text": text}
        raise FilterError("changeset", message) from error


def _search(name: str) -> Reader:
    def read(text: str, _entries: EntryQuerySet) -> str:
        if len(text) > SEARCH_LENGTH:
            raise FilterError(name, _("At most %(count)d characters can be searched for.") % {"count": SEARCH_LENGTH})
        return text

    return read


def _text(text: str, _entries: EntryQuerySet) -> str:
    return text


_READERS: dict[str, tuple[str, Reader]] = {
    "model": ("model", _model),
    "object": ("object", _text),
    "actor": ("actor", _text),
    "action": ("action", _action),
    "field": ("field", _text),
    "since": ("since", _moment("since", end=False)),
    "until": ("until", _moment("until", end=True)),
    "changeset": ("changeset", _changeset),
    "q": ("search", _search("q")),
    "search": ("search", _search("search")),
}
"""Parameter name -> the filter it sets and how its text is read."""
