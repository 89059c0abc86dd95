"""Tests that a project had before it installed the audit log: every number is what bare Django needs."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.test import TestCase, TransactionTestCase

from tests.userproject.models import Author, Book, Genre, Note


class CountsInATransaction(TestCase):
    """As most tests run: within a transaction that is rolled back."""

    author: Author
    book: Book
    genre: Genre
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.author = Author.objects.create(name="Cervantes")
        cls.book = Book.objects.create(title="Galatea", author=cls.author)
        cls.genre = Genre.objects.create(name="pastoral")
        cls.user = User.objects.create_user("ana")
        Note.objects.bulk_create([Note(text="a"), Note(text="b")])

    def test_create(self) -> None:
        with self.assertNumQueries(1):
            Book.objects.create(title="Persiles", author=self.author)

    def test_save(self) -> None:
        with self.assertNumQueries(1):
            self.book.save()

    def test_update(self) -> None:
        with self.assertNumQueries(1):
            Book.objects.update(price=10)

    def test_bulk_create(self) -> None:
        with self.assertNumQueries(1):
            Genre.objects.bulk_create([Genre(name="satire"), Genre(name="epic")])

    def test_delete_an_instance_without_relations(self) -> None:
        note = Note.objects.get(text="a")
        with self.assertNumQueries(1):
            note.delete()

    def test_delete_a_queryset_without_relations(self) -> None:
        with self.assertNumQueries(1):
            Note.objects.all().delete()

    def test_delete_with_a_cascade(self) -> None:
        with self.assertNumQueries(4):  # books, their genres, the books, the author
            self.author.delete()

    def test_relations(self) -> None:
        with self.assertNumQueries(1):
            self.book.genres.add(self.genre)
        with self.assertNumQueries(2):
            self.book.genres.set([])
        with self.assertNumQueries(1):
            self.book.genres.clear()

    def test_a_request(self) -> None:
        self.client.force_login(self.user)
        with self.assertNumQueries(4):  # session, user, book, update
            answer = self.client.post(f"/books/{self.book.pk}/price/", {"price": "12.00"})

        assert answer.status_code == 204

    def test_log_in_and_out(self) -> None:
        with self.assertNumQueries(1):  # the time of the last log-in
            user_logged_in.send(sender=User, request=None, user=self.user)
        with self.assertNumQueries(0):
            user_logged_out.send(sender=User, request=None, user=self.user)


class CountsInAutocommit(TransactionTestCase):
    """Where nothing is wrapped in a transaction, BEGIN would count."""

    def test_create_save_and_delete(self) -> None:
        with self.assertNumQueries(1):
            note = Note.objects.create(text="a")
        with self.assertNumQueries(1):
            note.save()
        with self.assertNumQueries(1):
            note.delete()
