"""A cache that is emptied after a change was committed, and only then."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from django.core.cache import cache
from django.dispatch import receiver

from auditlog.signals import recorded
from tests.notes.bakery.models import Cake

MENU = "bakery.menu"


def menu() -> list[str]:
    """The names of all cakes, from the cache if they are there."""
    names: list[str] | None = cache.get(MENU)
    if names is None:
        names = list(Cake.objects.order_by("name").values_list("name", flat=True))
        cache.set(MENU, names, timeout=60)
    return names


@receiver(recorded, sender=Cake, dispatch_uid="bakery.forget_menu")
def forget_menu(sender: type[Cake], **kwargs: Any) -> None:
    """Cakes were created, changed or deleted, and the transaction is committed."""
    cache.delete(MENU)
