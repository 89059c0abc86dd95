"""Authors and their books, not registered in code: the settings choose."""

from __future__ import annotations

from django.db import models


class Author(models.Model):
    """Registered later than the book."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    """The first model of the project to be recorded."""

    title = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True)

    def __str__(self) -> str:
        return self.title
