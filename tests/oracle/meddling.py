"""Receivers of a project that write in the middle of others' writes, or refuse them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from tests.oracle.operations import run
from tests.oracle.rows import assign, changes, zoo

_SIGNALS = (pre_save, post_save, pre_delete, post_delete, m2m_changed)
_OTHERS = ["save", "update", "relate", "save_twice", "create", "write_links", "save_stale", "delete"]


class Refusal(Exception):  # noqa: N818 - what a receiver of a project may raise
    """Raised by a receiver."""


@contextmanager
def meddling(rng: Random, using: str) -> Iterator[None]:
    """A receiver that writes any rows, often the very row of the signal; twice at most."""
    left = [2]

    def receiver(sender: type[models.Model], **kwargs: Any) -> None:
        if left[0] and kwargs.get("using") == using and sender._meta.app_label == "testapp":
            left[0] -= 1
            if rng.random() < 0.5:
                write_again(kwargs["instance"], rng, using)
            else:
                run(rng.choice(_OTHERS), rng, using)

    with _connected(receiver, rng):
        yield


@contextmanager
def refusing(rng: Random, using: str) -> Iterator[None]:
    """A receiver that raises :class:`Refusal`, the first or the second time."""
    left = [rng.randrange(2)]

    def receiver(sender: type[models.Model], **kwargs: Any) -> None:
        if kwargs.get("using") == using and sender._meta.app_label == "testapp":
            left[0] -= 1
            if left[0] < 0:
                raise Refusal

    with _connected(receiver, rng):
        yield


@contextmanager
def _connected(receiver: Callable[..., None], rng: Random) -> Iterator[None]:
    """Connect the receiver to a signal, before those of the audit log or after them."""
    signal = rng.choice(_SIGNALS)
    signal.connect(receiver, weak=False)
    if rng.random() < 0.5:
        signal.receivers.insert(0, signal.receivers.pop())
        signal.sender_receivers_cache.clear()
    try:
        yield
    finally:
        signal.disconnect(receiver)


def write_again(instance: models.Model, rng: Random, using: str) -> None:
    """Write the row of the instance in another way; where there is none of the zoo, nothing happens."""
    model = type(instance)
    rows = model._base_manager.using(using).filter(pk=instance.pk)
    other = rows.first() if instance.pk is not None and model._meta.concrete_model in zoo() else None
    if other is None:
        return
    given = changes(model, rng, using)
    way = rng.choice(["save", "update", "delete", "raw"])
    if way == "save":
        assign(other, given)
        other.save(using=using)
    elif way == "update" and given:
        rows.update(**given)
    elif way == "delete":
        other.delete(using=using)
    elif way == "raw" and not model._meta.parents:
        rows._raw_delete(using)
