"""The example of docs/testing.md for pytest; run with ``-p auditlog.pytest_plugin``."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from auditlog.testing import assert_recorded, recorded
from tests.userproject.models import Book


def test_creating_a_book(auditlog_entries: Any) -> None:  # recording is on for this test
    book = Book.objects.create(title="Galatea", price=10)

    (entry,) = auditlog_entries
    assert entry.changes["price"] == [None, "10.00"]
    assert_recorded(book, among=auditlog_entries)

    auditlog_entries.clear()
    with recorded() as later:
        book.delete()
    assert list(later) == list(auditlog_entries)
