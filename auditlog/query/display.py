"""Entries as people read them: names of models and fields, labels instead of keys, values as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import models
from django.utils.translation import ngettext

from auditlog.models import Entry
from auditlog.query.labels import Reference, TargetLabels, find_labels
from auditlog.query.live import AnyField, live_field, live_model
from auditlog.query.texts import EMPTY, MASKED, text_of

_SUMMARY_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One change as texts; of a relation, the labels of what was added and removed."""

    field: str
    label: str
    kind: Literal["value", "masked", "relation"]
    old: str = ""
    new: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry as texts; ``summary`` names the changed fields, or the event, at a glance."""

    entry: Entry
    action_name: str
    model_name: str
    object_name: str
    actor_name: str
    changes: tuple[ChangeView, ...]
    summary: str


def present(entries: Iterable[Entry]) -> list[EntryView]:
    """What people read of these entries. Queries: one per model that foreign keys point to, one for what is gone."""
    listed = list(entries)
    using = listed[0]._state.db if listed else None
    labels = find_labels((pair for entry in listed for pair in references(entry)), using)
    return [entry_view(entry, labels) for entry in listed]


def references(entry: Entry) -> Iterator[Reference]:
    """The foreign keys among the changed fields, with the values they had and have."""
    model = live_model(entry.model)
    for name, change in entry.changes.items():
        field = live_field(model, name)
        if isinstance(field, models.ForeignKey) and is_pair(change):
            yield from ((field, value) for value in change if value is not None)


def is_pair(change: Any) -> bool:
    """Whether a stored change is ``[old, new]``."""
    return isinstance(change, list) and len(change) == 2  # noqa: PLR2004 - old and new


def entry_view(entry: Entry, labels: TargetLabels) -> EntryView:
    """One entry as texts, with the labels found for its page."""
    model = live_model(entry.model)
    changes = tuple(
        change_view(live_field(model, name), name, entry.changes[name], labels)
        for name in in_order(model, entry.changes)
    )
    return EntryView(
        entry=entry,
        action_name=entry.get_action_display(),
        model_name=entry.model if model is None else str(model._meta.verbose_name),
        object_name=entry.object_repr or entry.object_id,
        actor_name=entry.actor_repr,
        changes=changes,
        summary=entry.event or _summary([change.label for change in changes]),
    )


def in_order(model: type[models.Model] | None, names: Iterable[str]) -> list[str]:
    """Names of changed fields in the order of the model, which databases do not keep; removed fields last."""
    every = [] if model is None else [*model._meta.fields, *model._meta.many_to_many]
    places = {field.name: place for place, field in enumerate(every)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def change_view(field: AnyField | None, name: str, change: Any, labels: TargetLabels) -> ChangeView:
    """One stored change as texts; a shape that nobody knows is shown as the new value, never refused."""
    label = name if field is None else str(field.verbose_name)
    if isinstance(change, dict) and change.get("masked") is True:
        return ChangeView(field=name, label=label, kind="masked", old=MASKED, new=MASKED)
    if isinstance(change, dict) and change.keys() <= {"added", "removed"} and change:
        added, removed = (relation_labels(change.get(side)) for side in ("added", "removed"))
        return ChangeView(
            field=name,
            label=label,
            kind="relation",
            old=", ".join(removed),
            new=", ".join(added),
            added=added,
            removed=removed,
        )
    old, new = change if is_pair(change) else (None, change)
    return ChangeView(
        field=name, label=label, kind="value", old=_value(field, old, labels), new=_value(field, new, labels)
    )


def relation_labels(members: Any) -> tuple[str, ...]:
    """The labels of ``[[key, label], …]``, the key where there is no label."""
    pairs = (member if isinstance(member, list) else [member] for member in members or [])
    return tuple(str(pair[-1] or pair[0]) for pair in pairs if pair)


def _value(field: AnyField | None, value: Any, labels: TargetLabels) -> str:
    if value is not None and isinstance(field, models.ForeignKey):
        return labels.of(field, value)
    return text_of(field, value)


def _summary(names: Sequence[str]) -> str:
    more = len(names) - _SUMMARY_FIELDS
    shown = ", ".join(names[:_SUMMARY_FIELDS]) or EMPTY
    return (
        shown
        if more <= 0
        else shown + " " + ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
    )
