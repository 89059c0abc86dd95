"""A receiver that reads the old value without a lock, as many projects have it."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from tests.notes.bakery.models import Loaf, PriceNote


def remember_old_price(sender: type[Loaf], instance: Any, **kwargs: Any) -> None:
    """For pre_save. Wrong: another save may change the row between this SELECT and our UPDATE."""
    instance.old_price = Loaf.objects.values_list("price", flat=True).get(pk=instance.pk)


def note_price(sender: type[Loaf], instance: Any, **kwargs: Any) -> None:
    """For post_save: write down what was remembered."""
    PriceNote.objects.create(loaf=instance, old=instance.old_price, new=instance.price)
