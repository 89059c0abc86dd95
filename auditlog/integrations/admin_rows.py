"""Entries as admin pages show them: the texts for people, with their addresses in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.text import capfirst

from auditlog.integrations.admin_links import AdminLinks
from auditlog.models import Action, Entry
from auditlog.query.display import ChangeView, EntryView, present
from auditlog.query.live import live_model
from auditlog.query.texts import EMPTY

_BEGINNINGS = (Action.CREATE, Action.BASELINE)


@dataclass(frozen=True)
class Row:
    """One entry on a page; addresses are empty where there is nothing to open."""

    entry: Entry
    view: EntryView
    url: str = ""
    actor_url: str = ""
    object_url: str = ""
    timeline_url: str = ""
    version_url: str = ""

    @property
    def actor(self) -> str:
        """The actor's name at that moment, else what is left: the id."""
        return self.view.actor_name or (f"#{self.entry.actor_id}" if self.entry.actor_id else "")

    @property
    def model(self) -> str:
        """The model's name; of a removed model its label as it was."""
        name = self.view.model_name
        return name if name == self.entry.model else capfirst(name)

    @property
    def shows_old(self) -> bool:
        """Whether there was something before."""
        return self.entry.action not in _BEGINNINGS

    @property
    def shows_new(self) -> bool:
        """Whether there is something after."""
        return self.entry.action != Action.DELETE

    @cached_property
    def changes(self) -> tuple[ChangeView, ...]:
        """The changes in the order of the model's fields, removed ones last: PostgreSQL keeps no order of its own."""
        model = live_model(self.entry.model)
        names = [] if model is None else [each.name for each in (*model._meta.fields, *model._meta.many_to_many)]
        order = {name: place for place, name in enumerate(names)}
        return tuple(sorted(self.view.changes, key=lambda change: (order.get(change.field, len(order)), change.field)))

    @property
    def glance(self) -> tuple[ChangeView, ...]:
        """What tells the entry apart: of a whole row, created or deleted, neither empty fields nor the key."""
        if self.shows_old and self.shows_new:
            return self.changes
        model = live_model(self.entry.model)
        keys = {field.name for field in model._meta.pk_fields} if model is not None else set()
        return tuple(change for change in self.changes if change.field not in keys and not self._is_empty(change))

    def _is_empty(self, change: ChangeView) -> bool:
        text = change.new if self.shows_new else change.old
        return change.kind == "value" and text in ("", EMPTY)


def rows(entries: Sequence[Entry], links: AdminLinks) -> tuple[Row, ...]:
    """The entries with texts and addresses; the models among them cost queries, their number does not."""
    objects = links.to_objects(entries)
    return tuple(
        Row(
            entry=entry,
            view=view,
            url=links.to_entry(entry),
            actor_url=links.to_actor(entry),
            object_url=objects.get((entry.model, entry.object_id), ""),
            timeline_url=links.to_timeline(entry),
            version_url=links.to_version(entry),
        )
        for entry, view in zip(entries, present(entries), strict=True)
    )
