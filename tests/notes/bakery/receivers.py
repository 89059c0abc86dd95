"""A receiver that changes several models."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from tests.notes.bakery.models import Cake, Order, Task


@receiver(post_save, sender=Order, dispatch_uid="bakery.fill_order")
def fill_order(sender: type[Order], instance: Order, created: bool, raw: bool, **kwargs: Any) -> None:
    """Take the pieces of a new order from the stock, and tell the baker when it is empty."""
    if not created or raw:  # raw: a fixture is being loaded, and brings the other rows itself
        return
    cake = Cake.objects.sell(instance.cake_id, instance.pieces)
    if cake.stock == 0:
        Task.objects.create(text=f"Bake {cake}")
