"""Cakes, orders and tasks, with a save() and a manager method of their own, and the loaf of the race."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.utils.text import slugify


# shown in the docs from here: manager
class SoldOutError(Exception):
    """There are fewer pieces than were asked for."""


class CakeManager(models.Manager["Cake"]):
    """Cakes, and the one way to sell them."""

    def sell(self, pk: int, pieces: int) -> Cake:
        """Take pieces from the stock; raises SoldOutError when there are too few."""
        with transaction.atomic():
            cake = self.select_for_update().get(pk=pk)  # nobody else sells this cake meanwhile
            if cake.stock < pieces:
                raise SoldOutError(f"Only {cake.stock} pieces of {cake} are left.")
            cake.stock -= pieces
            cake.save(update_fields=["stock"])
        return cake


# shown until here


# shown in the docs from here: save
class Cake(models.Model):
    """A cake; its slug always follows its name."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, editable=False)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    stock = models.PositiveIntegerField(default=0)

    objects = CakeManager()

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the cake and the slug of its name."""
        self.slug = slugify(self.name)
        fields = kwargs.get("update_fields")
        if fields is not None and "name" in fields:
            kwargs["update_fields"] = {"slug", *fields}
        super().save(*args, **kwargs)


# shown until here


class Order(models.Model):
    """An order of some pieces of one cake."""

    cake = models.ForeignKey(Cake, on_delete=models.PROTECT)
    pieces = models.PositiveIntegerField(default=1)


class Task(models.Model):
    """Something the baker has to do."""

    text = models.CharField(max_length=200)


class Loaf(models.Model):
    """A loaf of bread, whose price two people change at the same moment."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)


class PriceNote(models.Model):
    """What a receiver that reads without a lock believes about a change of price."""

    loaf = models.ForeignKey(Loaf, on_delete=models.CASCADE)
    old = models.DecimalField(max_digits=8, decimal_places=2)
    new = models.DecimalField(max_digits=8, decimal_places=2)
