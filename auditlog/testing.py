"""For the tests of projects: recording off and on, what a block recorded, and assertions about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload
from unittest import TestCase

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.db import DEFAULT_DB_ALIAS, models
from django.test.utils import TestContextDecorator, override_settings

from auditlog.capture.registry import key_is_masked, labels_of, registration_for
from auditlog.conf import settings
from auditlog.facts import json_safe
from auditlog.models import Action, Entry
from auditlog.naming import key_text, model_label

__all__ = ["assert_nothing_unrecorded", "assert_recorded", "disabled", "enabled", "recorded"]

C = TypeVar("C", bound=type)

_LISTED = 10
"""Entries that a failed assertion shows."""


class _Overriding(TestContextDecorator):
    """Some keys of ``AUDITLOG`` for a block, a test function (sync or async), or all tests of a class."""

    def __init__(self, **keys: Any) -> None:
        super().__init__()
        self._keys = keys
        self._open: list[override_settings] = []

    def enable(self) -> None:
        """Set the keys; the project's others stay."""
        override = override_settings(AUDITLOG={**getattr(django_settings, "AUDITLOG", {}), **self._keys})
        override.enable()
        self._open.append(override)

    def disable(self) -> None:
        """Give back what was set before."""
        self._open.pop().disable()

    def decorate_class(self, cls: C) -> C:
        """All tests of a class; of a TestCase also ``setUpClass`` and ``setUpTestData``."""
        if not issubclass(cls, TestCase):
            for name in [name for name in vars(cls) if name.startswith("test")]:
                setattr(cls, name, self.decorate_callable(vars(cls)[name]))
            return cls
        original: Callable[[type], None] = cls.setUpClass.__func__  # type: ignore[attr-defined] # it is a class method

        def set_up_class(inner: type[TestCase]) -> None:
            self.enable()
            inner.addClassCleanup(self.disable)
            original(inner)

        cls.setUpClass = classmethod(set_up_class)  # type: ignore[assignment,method-assign]
        return cls


def disabled() -> TestContextDecorator:
    """Record nothing: a ``with`` block, or a decorator of test functions, sync and async, and of test classes."""
    return _Overriding(ENABLED=False)


def enabled() -> TestContextDecorator:
    """Record, where the settings of the tests say ``AUDITLOG = {"ENABLED": False}``; used like :func:`disabled`."""
    return _Overriding(ENABLED=True)


def assert_nothing_unrecorded() -> TestContextDecorator:
    """Refuse every statement that writes a recorded table past the log; used like :func:`disabled`.

    Recording is on within. Such a statement raises :class:`auditlog.exceptions.UnrecordedWriteError` and is not
    executed.
    """
    return _Overriding(ENABLED=True, UNRECORDED_WRITES="raise")


class recorded(Sequence[Entry]):  # noqa: N801 - a function to those who use it
    """The entries that a block wrote, oldest first, as a sequence: ``with recorded() as entries``.

    Within the block it asks the database anew each time; after the block it holds what was found at its end. ``using``
    names the databases to look at, one or several. With ``async with`` in async tests; read it after the block there.
    """

    def __init__(self, *, using: str | Collection[str] = DEFAULT_DB_ALIAS) -> None:
        self._marks = dict.fromkeys([using] if isinstance(using, str) else using, 0)
        self._kept: list[Entry] | None = None

    def __enter__(self) -> recorded:
        self._kept = None
        self.clear()
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:  # an error may have left a transaction that answers no question any more
            self._kept = self._found()

    async def __aenter__(self) -> recorded:
        return await sync_to_async(self.__enter__)()

    async def __aexit__(self, *error: object) -> None:
        await sync_to_async(self.__exit__)(*error)

    def clear(self) -> None:
        """Forget what was written until now."""
        for using in self._marks:
            newest = Entry.objects.using(using).order_by("-pk").values_list("pk", flat=True).first()
            self._marks[using] = newest or 0
        if self._kept is not None:
            self._kept = []

    def _found(self) -> list[Entry]:
        if self._kept is not None:
            return self._kept
        every = (Entry.objects.using(using).filter(pk__gt=mark).order_by("pk") for using, mark in self._marks.items())
        return [entry for entries in every for entry in entries]

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self._found()[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def __repr__(self) -> str:
        return f"<recorded: {self._found()!r}>"


def assert_recorded(
    target: models.Model | type[models.Model],
    *,
    pk: Any = None,
    action: Action | None = None,
    changes: Mapping[str, Any] | Collection[str] | None = None,
    actor: models.Model | str | None = None,
    count: int | None = None,
    among: Collection[Entry] | None = None,
    using: str | None = None,
) -> list[Entry]:
    """Assert that entries about an object, or about objects of a model, were recorded; gives them, oldest first.

    A deleted object has no key any more: keep it, and give the model and ``pk``. Each further argument narrows what is
    looked for: ``action``; ``changes``, the names of changed fields or a mapping of some of them to ``[old, new]``;
    ``actor``, a user or a name. ``count`` demands that many, 0 none; without it one is enough. ``among`` looks only at
    these entries, such as those of :class:`recorded`; otherwise the whole log of the object's database is asked.

    Raises AssertionError that tells what was recorded instead, and ValueError for an object without key.
    """
    about = _about(target, pk, among, using)
    found = [each for each in about if _matches(each, action, changes, actor)]
    if len(found) == count or (count is None and found):
        return found
    asked = {"action": action and action.label, "changes": changes, "actor": actor and str(actor)}
    wanted = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    number = "at least 1 entry" if count is None else f"{count} entries" if count != 1 else "1 entry"
    subject = _name(target, pk) + (f" with {wanted}" if wanted else "")
    raise AssertionError(
        f"Expected {number} about {subject}; {len(found)} of the {len(about)} about it match."
        f"{_listed(about)}{_why_nothing(target)}"
    )


def _about(target: Any, pk: Any, among: Collection[Entry] | None, using: str | None) -> list[Entry]:
    """The entries about the target; those that are given are searched without asking the database."""
    model, pk = _split(target, pk)
    key = None if pk is None else key_text(pk, masked=key_is_masked(model))
    if among is not None:
        labels = labels_of(model)
        return [each for each in among if each.model in labels and key in {None, each.object_id}]
    alias = using or (None if model is target else target._state.db) or DEFAULT_DB_ALIAS
    entries = Entry.objects.using(alias).for_model(model).order_by("pk")
    return list(entries if key is None else entries.filter(object_id=key))


def _matches(entry: Entry, action: Action | None, changes: Any, actor: models.Model | str | None) -> bool:
    if action is not None and entry.action != action:
        return False
    if isinstance(actor, str) and entry.actor_repr != actor:
        return False
    if isinstance(actor, models.Model) and entry.actor_id != actor.pk:
        return False
    if changes is None:
        return True
    if isinstance(changes, Mapping):
        return all(name in entry.changes and entry.changes[name] == json_safe(pair) for name, pair in changes.items())
    return set([changes] if isinstance(changes, str) else changes) <= set(entry.changes)


def _split(target: Any, pk: Any) -> tuple[type[models.Model], Any]:
    """The model and the key that are meant; no key for all objects of the model."""
    if isinstance(target, type):
        return target, pk
    if target.pk is None:
        raise ValueError(
            "assert_recorded() finds entries by the primary key, and this object has none (any more): keep the key "
            f"before it is deleted and write assert_recorded({type(target).__name__}, pk=...)."
        )
    return target.__class__, target.pk


def _name(target: Any, pk: Any) -> str:
    model, pk = _split(target, pk)
    return model_label(model) if pk is None else f"{model_label(model)} {pk}"


def _listed(entries: Sequence[Entry]) -> str:
    lines = [
        f"\n  #{entry.pk} {Action(entry.action).label} {entry.event} by {entry.actor_repr or 'nobody'}: {entry.changes}"
        for entry in entries[:_LISTED]
    ]
    more = len(entries) - _LISTED
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def _why_nothing(target: Any) -> str:
    if not settings.ENABLED:
        return "\nRecording is off (AUDITLOG['ENABLED']); auditlog.testing.enabled() turns it on."
    if registration_for(target if isinstance(target, type) else target.__class__) is None:
        return "\nThe model is not registered."
    return ""
