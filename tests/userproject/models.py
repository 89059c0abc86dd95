"""Authors, books and their genres."""

from __future__ import annotations

from django.db import models


class Author(models.Model):
    """The target of a cascade."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Genre(models.Model):
    """The far end of a many-to-many relation; nothing else points at it."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    """What the project sells."""

    title = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True)
    genres = models.ManyToManyField(Genre)

    def __str__(self) -> str:
        return self.title


class Note(models.Model):
    """Nothing points at it and it points at nothing: Django deletes it without reading it."""

    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text
