"""A signal is a list of functions that are called one after the other, now, in this thread."""

from __future__ import annotations

# shown in the docs from here
import threading
from typing import Any

from django.dispatch import Signal, receiver

shop_closed = Signal()
steps: list[tuple[str, int]] = []


@receiver(shop_closed)
def count_the_money(sender: object, **kwargs: Any) -> None:
    """The first receiver."""
    steps.append(("money counted", threading.get_ident()))


@receiver(shop_closed)
def switch_off_the_light(sender: object, **kwargs: Any) -> None:
    """The second receiver: called when the first has returned."""
    steps.append(("light off", threading.get_ident()))


def close_shop() -> None:
    """Send the signal; the next line runs when every receiver has returned."""
    steps.append(("closing", threading.get_ident()))
    shop_closed.send(sender=None)
    steps.append(("closed", threading.get_ident()))
