"""Models made by other packages."""

from __future__ import annotations

from django.db import models
from mptt.models import MPTTModel, TreeForeignKey
from polymorphic.models import PolymorphicModel
from treebeard.mp_tree import MP_Node


class Category(MP_Node):  # type: ignore[misc] # treebeard ships no types
    """A tree whose moves are updates by the ORM."""

    name = models.CharField(max_length=50)


class Section(MPTTModel):  # type: ignore[misc] # mptt ships no types
    """A tree whose moves are SQL by a cursor."""

    name = models.CharField(max_length=50)
    parent = TreeForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")


class Vehicle(PolymorphicModel):
    """The parent of a multi-table tree whose managers give the children."""

    name = models.CharField(max_length=50)


class Truck(Vehicle):
    """A child, found by the manager of its parent."""

    load = models.IntegerField(default=0)
