"""Keys that a collation holds to be equal: the database finds the row of "a" by "A"."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.helpers import live, mark, replayed, told
from tests.testapp.models import Document

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "mysql", reason="only MariaDB's usual collations ignore case"),
]


def test_a_delete_by_another_spelling_of_the_key() -> None:
    Document.objects.create(path="a", body="x")
    since = mark()
    Document(path="A").delete()

    expected = {"path": ["a", None], "body": ["x", None]}
    assert told(since=since) == [("DELETE", "testapp.document", "a", expected)]


def test_a_save_by_another_spelling_of_the_key() -> None:
    Document.objects.create(path="a", body="x")
    since = mark()
    Document(path="A", body="y").save()

    assert told(since=since) == [("UPDATE", "testapp.document", "a", {"body": ["x", "y"]})]
    assert replayed(Document) == live(Document)
