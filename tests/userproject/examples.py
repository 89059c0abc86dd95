"""The examples of docs/testing.md, as tests of the project; the settings say that recording is off."""

from __future__ import annotations

# shown in the docs from here: chosen
from django.test import TestCase, TransactionTestCase

from auditlog.models import Action, Entry
from auditlog.testing import assert_recorded, disabled, enabled, recorded
from tests.userproject.models import Author, Book


class PriceTests(TestCase):
    def test_price(self) -> None:  # nothing is recorded: the settings say so
        Book.objects.create(title="Galatea")
        assert Entry.objects.count() == 0

    @enabled()
    def test_price_is_recorded(self) -> None:  # for one test
        book = Book.objects.create(title="Galatea", price=10)
        book.price = 12
        book.save()
        assert_recorded(book, action=Action.UPDATE, changes={"price": ["10.00", "12.00"]}, count=1)

    def test_only_this_part(self) -> None:  # for a block
        with enabled():
            book = Book.objects.create(title="Galatea")
        book.save()
        assert_recorded(book, count=1, action=Action.CREATE)


@enabled()
class AuditTests(TestCase):  # for all tests of a class, and for what setUpTestData writes
    author: Author

    @classmethod
    def setUpTestData(cls) -> None:
        cls.author = Author.objects.create(name="Cervantes")

    def test_set_up_is_recorded(self) -> None:
        assert_recorded(self.author, action=Action.CREATE, changes=["name"])

    async def test_async(self) -> None:
        async with recorded() as entries:
            await Book.objects.acreate(title="Galatea")
        assert_recorded(Book, count=1, among=entries)

    @disabled()
    def test_without(self) -> None:
        Book.objects.create(title="Galatea")
        assert_recorded(Book, count=0)


# shown until here


# shown in the docs from here: recorded
class BasketTests(TransactionTestCase):  # with real commits, and so with real entries
    @enabled()
    def test_the_order_of_things(self) -> None:
        with recorded() as entries:
            author = Author.objects.create(name="Cervantes")
            entries.clear()  # what came before is not of interest
            book = Book.objects.create(title="Galatea", author=author)
            key = book.pk  # a deleted object has none
            author.delete()  # and its books

        assert_recorded(Book, pk=key, count=2, among=entries)
        assert entries[0].object_repr == "Galatea"
        assert {entry.action for entry in entries} == {Action.CREATE, Action.DELETE}


# shown until here


# shown in the docs from here: unrecorded
from django.db import connection  # noqa: E402 - the page shows it with its example

from auditlog.exceptions import UnrecordedWriteError  # noqa: E402
from auditlog.testing import assert_nothing_unrecorded  # noqa: E402


class CheckoutTests(TestCase):
    def test_nothing_is_written_past_the_log(self) -> None:
        with assert_nothing_unrecorded():
            Book.objects.create(title="Galatea").save()

    def test_a_cursor_is_noticed(self) -> None:
        with assert_nothing_unrecorded(), self.assertRaises(UnrecordedWriteError):  # noqa: PT027
            connection.cursor().execute("UPDATE userproject_book SET price = 0")


# shown until here
