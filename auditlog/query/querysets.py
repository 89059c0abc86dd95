"""The entry's queryset: methods named after questions; it refuses every write over existing entries."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import models

from auditlog.capture.registry import labels_of, object_key
from auditlog.exceptions import AppendOnlyError

if TYPE_CHECKING:
    from auditlog.models import Entry


class EntryQuerySet(models.QuerySet["Entry"]):
    """Entries, asked by questions; newest first unless ordered otherwise."""

    def for_object(self, obj: models.Model) -> Self:
        """Entries of one object, found by its model (former labels too) and primary key, also after it was deleted."""
        return self.filter(model__in=labels_of(obj.__class__), object_id=object_key(obj))

    def for_model(self, model: type[models.Model] | str) -> Self:
        """Entries of one model, given as class or as ``app_label.model_name``."""
        labels = (model.lower(),) if isinstance(model, str) else labels_of(model)
        return self.filter(model__in=labels)

    def by_actor(self, actor: models.Model | str) -> Self:
        """Entries of one actor: a user object, or a name as it was at that moment."""
        if isinstance(actor, str):
            return self.filter(actor_repr=actor)
        return self.filter(actor_id=actor.pk)

    def between(self, since: dt.datetime | None = None, until: dt.datetime | None = None) -> Self:
        """Entries recorded at or after ``since`` and before ``until``; either may be None."""
        found = self
        if since is not None:
            found = found.filter(recorded_at__gte=since)
        if until is not None:
            found = found.filter(recorded_at__lt=until)
        return found

    def changed(self, field: str) -> Self:
        """Entries in which the field of that name changed."""
        return self.filter(changes__has_key=field)

    def in_changeset(self, changeset: uuid.UUID | str) -> Self:
        """Entries of one request, command, task or transaction."""
        return self.filter(changeset=changeset)

    def _refuse(self, what: str) -> NoReturn:
        raise AppendOnlyError(what)

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused: entries are append-only."""
        self._refuse("updated")

    def delete(self) -> NoReturn:
        """Refused: entries are append-only."""
        self._refuse("deleted")

    def _raw_delete(self, using: str | None) -> NoReturn:
        self._refuse("deleted")

    def bulk_update(self, objs: Iterable[Entry], fields: Iterable[str], batch_size: int | None = None) -> NoReturn:
        """Refused: entries are append-only."""
        self._refuse("updated")

    def bulk_create(self, objs: Iterable[Entry], *args: Any, **kwargs: Any) -> list[Entry]:
        """Insert entries; refused with ``update_conflicts``, which would write over existing ones."""
        if kwargs.get("update_conflicts"):
            self._refuse("updated")
        return super().bulk_create(objs, *args, **kwargs)

    update.alters_data = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]
