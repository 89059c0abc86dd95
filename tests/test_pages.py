"""Keyset pages: auditlog.query.pages."""

from __future__ import annotations

import pytest
from django.core.signing import Signer
from django.db import connection
from django.test.utils import CaptureQueriesContext

from auditlog.models import Entry
from auditlog.query.pages import CursorError, Page, page
from tests.entry_factory import make_entry

pytestmark = pytest.mark.django_db


def names(found: Page) -> list[str]:
    return [entry.object_repr for entry in found.entries]


def add(*labels: str) -> None:
    for label in labels:
        make_entry(object_repr=label)


def test_pages_go_from_the_newest_to_the_oldest() -> None:
    add("a", "b", "c", "d", "e")

    first = page(Entry.objects.all(), size=2)
    second = page(Entry.objects.all(), size=2, cursor=first.next)
    third = page(Entry.objects.all(), size=2, cursor=second.next)

    assert [names(first), names(second), names(third)] == [["e", "d"], ["c", "b"], ["a"]]
    assert (first.previous, third.next) == (None, None)


def test_pages_go_back_to_the_newest() -> None:
    add("a", "b", "c", "d", "e")
    third = page(Entry.objects.all(), size=2, cursor=page(Entry.objects.all(), size=4).next)

    second = page(Entry.objects.all(), size=2, cursor=third.previous)
    first = page(Entry.objects.all(), size=2, cursor=second.previous)

    assert [names(third), names(second), names(first)] == [["a"], ["c", "b"], ["e", "d"]]
    assert first.previous is None
    assert names(page(Entry.objects.all(), size=2, cursor=first.next)) == ["c", "b"]


def test_entries_that_arrive_meanwhile_move_no_page() -> None:
    add("a", "b", "c", "d")
    first = page(Entry.objects.all(), size=2)

    add("e", "f", "g")

    second = page(Entry.objects.all(), size=2, cursor=first.next)
    newer = page(Entry.objects.all(), size=10, cursor=page(Entry.objects.all(), size=3, cursor=first.next).previous)
    assert names(second) == ["b", "a"]
    assert names(newer) == ["g", "f", "e", "d", "c"]


def test_a_page_exactly_full_has_no_next() -> None:
    add("a", "b")

    found = page(Entry.objects.all(), size=2)

    assert (names(found), found.next, found.previous) == (["b", "a"], None, None)


def test_no_entries_is_an_empty_page() -> None:
    assert page(Entry.objects.all(), size=2) == Page((), None, None)


def test_an_empty_page_leads_back_to_where_it_came_from() -> None:
    add("a", "b", "c")
    middle = page(Entry.objects.all(), size=1, cursor=page(Entry.objects.all(), size=1).next)
    assert names(middle) == ["b"]

    behind = page(Entry.objects.filter(object_repr__gte="b"), size=1, cursor=middle.next)
    before = page(Entry.objects.filter(object_repr__lte="b"), size=1, cursor=middle.previous)

    assert (names(behind), behind.next) == ([], None)
    assert names(page(Entry.objects.filter(object_repr__gte="b"), size=1, cursor=behind.previous)) == ["b"]
    assert (names(before), before.previous) == ([], None)
    assert names(page(Entry.objects.filter(object_repr__lte="b"), size=1, cursor=before.next)) == ["b"]


def test_a_page_is_one_query_without_count_and_offset() -> None:
    add("a", "b", "c")
    cursor = page(Entry.objects.all(), size=1).next

    with CaptureQueriesContext(connection) as queries:
        page(Entry.objects.all(), size=1, cursor=cursor)

    assert len(queries) == 1
    sql = queries[0]["sql"].upper()
    assert ("COUNT(" in sql, "OFFSET" in sql, "LIMIT 2" in sql) == (False, False, True)


@pytest.mark.parametrize("cursor", ["nonsense", "older:5", "\x00", Signer(salt="other").sign_object(["older", 5])])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError, match="not a cursor of this log"):
        page(Entry.objects.all(), size=2, cursor=cursor)


def test_a_page_holds_at_least_one_entry() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        page(Entry.objects.all(), size=0)
