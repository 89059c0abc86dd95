"""All six signals of an object's life, and what is known when each is sent."""

from __future__ import annotations

# shown in the docs from here
from typing import Any

from django.db.models.signals import post_delete, post_init, post_save, pre_delete, pre_init, pre_save
from django.dispatch import receiver

from tests.notes.library.models import Book

journal: list[tuple[str, Any]] = []


@receiver(pre_init, sender=Book)
def before_init(sender: type[Book], kwargs: dict[str, Any], **rest: Any) -> None:
    """There is no object yet, only the arguments it will be made from."""
    journal.append(("pre_init", kwargs.get("title")))


@receiver(post_init, sender=Book)
def after_init(sender: type[Book], instance: Book, **kwargs: Any) -> None:
    """The object is in memory: a new one has no key yet, a loaded one has."""
    journal.append(("post_init", instance.pk))


@receiver(pre_save, sender=Book)
def before_save(sender: type[Book], instance: Book, **kwargs: Any) -> None:
    """Nothing is written yet: the last moment to change a value or to look at the stored row."""
    journal.append(("pre_save", instance.pk))


@receiver(post_save, sender=Book)
def after_save(sender: type[Book], instance: Book, created: bool, **kwargs: Any) -> None:
    """The row is written and has its key; an open transaction may still be rolled back."""
    journal.append(("post_save", created))


@receiver(pre_delete, sender=Book)
def before_delete(sender: type[Book], instance: Book, **kwargs: Any) -> None:
    """The row is still there."""
    journal.append(("pre_delete", Book.objects.filter(pk=instance.pk).exists()))


@receiver(post_delete, sender=Book)
def after_delete(sender: type[Book], instance: Book, **kwargs: Any) -> None:
    """The row is gone; the object in memory still has its key and its values."""
    journal.append(("post_delete", Book.objects.filter(pk=instance.pk).exists()))
