"""The entries of an export, oldest first, in constant memory on every database and behind every connection pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditlog.models import Entry
from auditlog.query.querysets import EntryQuerySet

CHUNK = 2000
_COLUMNS = tuple(
    field.attname for field in Entry._meta.concrete_fields if field.name not in {"context", "salt", "redaction"}
)


@dataclass(frozen=True, slots=True)
class Source:
    """The entries that a queryset holds now: those that are written during the export are not part of it."""

    entries: EntryQuerySet
    last_id: int

    @classmethod
    def of(cls, entries: EntryQuerySet) -> Source:
        """Fix the end at the newest entry of the whole log."""
        newest = Entry.objects.using(entries.db).order_by("-id").values_list("id", flat=True).first()
        return cls(entries, newest or 0)

    def chunks(self, size: int = CHUNK) -> Iterator[list[Entry]]:
        """Lists of entries by ascending id, each read by one query that begins behind the one before."""
        after = 0
        while True:
            asked = self.entries.filter(id__gt=after, id__lte=self.last_id)
            found = list(asked.order_by("id").only(*_COLUMNS)[:size])
            if found:
                yield found
            if len(found) < size:
                return
            after = found[-1].pk
