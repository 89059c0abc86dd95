"""The registrations: which models are recorded, and which of their fields.

One registration stands for one table. Registering a model of a multi-table tree registers its parents and children
too, because Django sends no signal for the parents of the class saved nor for a child when its parent row is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar, overload

from django.db import models

from auditlog.capture.options import Options, make_options
from auditlog.capture.registration import Registration, has_masked_key, is_masked
from auditlog.capture.secrets import reveals, shows, without_marks
from auditlog.capture.texts import no_trace, unwrapped, within_reach
from auditlog.capture.values import storable
from auditlog.naming import key_text, model_label

REPR_LENGTH = 200

Model = type[models.Model]
M = TypeVar("M", bound=models.Model)


class Registry:
    """All registrations, by concrete model, and who wants to know when one comes or goes."""

    def __init__(self) -> None:
        self.by_model: dict[Model, Registration] = {}
        self.links: dict[Model, Registration] = {}
        """Through tables of recorded many-to-many relations, kept by :mod:`auditlog.capture.m2m`."""
        self._observers: list[tuple[Callable[[Registration], None], Callable[[Registration], None]]] = []

    def observe(self, added: Callable[[Registration], None], removed: Callable[[Registration], None]) -> None:
        """Call ``added`` for every registration, now and later, and ``removed`` when one is taken back."""
        if (added, removed) not in self._observers:  # start-up comes again when a test changes INSTALLED_APPS
            self._observers.append((added, removed))
        for registration in tuple(self.by_model.values()):
            added(registration)

    def add(self, model: Model, options: Options) -> None:
        """Register one table; a registration made on purpose replaces a derived one, never the other way round."""
        known = self.by_model.get(model)
        if known is not None and options.derived:
            return
        if known is not None:
            self.remove(model)
        registration = self.by_model[model] = Registration(model, options, self.by_model)
        self._forget_masks()
        for added, _ in self._observers:
            added(registration)

    def remove(self, model: Model) -> None:
        """Take one registration back."""
        registration = self.by_model.pop(model)
        self._forget_masks()
        for _, removed in self._observers:
            removed(registration)

    def _forget_masks(self) -> None:
        for registration in tuple(self.by_model.values()):
            registration.forget_masks()


registry = Registry()


@overload
def register(model: type[M], **options: Any) -> type[M]: ...
@overload
def register(model: None = None, **options: Any) -> Callable[[type[M]], type[M]]: ...
def register(model: type[M] | None = None, **options: Any) -> type[M] | Callable[[type[M]], type[M]]:
    """Record a model, as a call or as a class decorator; registering again replaces the options.

    ``include``/``exclude``: names of the fields to record or to leave out. ``mask``: names whose values are hidden, in
    addition to those that look like secrets; ``"-name"`` takes a default mask off. ``m2m``: the many-to-many fields to
    record (all by default). ``quiet``: names that write no entry when nothing else changed. ``snapshot``: ``"locked"``
    (the stored row, race-free) or ``"loaded"`` (what was loaded, no query). ``transaction``: ``"own"`` or ``"caller"``.
    ``on_error``: ``"raise"`` or ``"log"``. ``reason="required"`` refuses changes without one. ``formerly``: labels the
    model had before it was renamed. ``repr``: the expression that labels rows in set-based writes.

    Raises :class:`RegistrationError` for an unknown argument; wrong field names are reported by ``manage.py check``.
    """
    if model is None:
        return lambda decorated: register(decorated, **options)
    chosen = make_options(options)
    concrete = model._meta.concrete_model or model
    registry.add(concrete, chosen)
    for relative in relatives(concrete):
        registry.add(relative, _derived(chosen, relative, is_parent=issubclass(concrete, relative)))
    return model


def _derived(options: Options, relative: Model, *, is_parent: bool) -> Options:
    """The options of a parent or child of a registered model: what was said of its own fields holds there too."""
    names = {each.name for each in (*relative._meta.local_fields, *relative._meta.local_many_to_many)}

    def own(chosen: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in chosen if name.removeprefix("-") in names)

    include = own(options.include) if is_parent and options.include is not None else None
    m2m = own(options.m2m) if is_parent and options.m2m is not None else None
    exclude, quiet = own(options.exclude), own(options.quiet)
    return replace(options, derived=True, formerly=(), include=include, m2m=m2m, exclude=exclude, quiet=quiet)


def relatives(model: Model) -> Iterator[Model]:
    """The concrete parents and children of ``model`` in its multi-table tree."""
    yield from model._meta.get_parent_list()
    for child in descendants(model):
        if not child._meta.proxy and not child._meta.abstract:
            yield child


def descendants(model: Model) -> Iterator[Model]:
    """Every subclass, proxies included."""
    for child in model.__subclasses__():
        yield child
        yield from descendants(child)


def classes_of(model: Model) -> tuple[Model, ...]:
    """The concrete model and its proxies: every class that Django sends as ``sender`` for this table."""
    proxies = (child for child in descendants(model) if child._meta.proxy and child._meta.concrete_model is model)
    return (model, *dict.fromkeys(proxies))


def unregister(model: Model) -> None:
    """Record this model no longer; its relatives stay registered. Raises KeyError if it was not registered."""
    registry.remove(model._meta.concrete_model or model)


def registration_for(model: Model) -> Registration | None:
    """The registration of the model's table, or None."""
    return registry.by_model.get(model._meta.concrete_model or model)


def registrations() -> tuple[Registration, ...]:
    """All registrations, ordered by label."""
    return tuple(sorted(registry.by_model.values(), key=lambda registration: registration.label))


def key_is_masked(model: Model) -> bool:
    """Whether entries hold a digest instead of the model's primary key."""
    registration = registration_for(model)
    return registration.key_is_masked if registration is not None else has_masked_key(model, registry.by_model)


def object_key(obj: models.Model) -> str:
    """The primary key of ``obj`` as entries store it."""
    return key_text(obj.pk, masked=key_is_masked(obj.__class__))


def labels_of(model: Model) -> tuple[str, ...]:
    """The label of the model and those it had before."""
    registration = registration_for(model)
    return registration.labels if registration is not None else (model_label(model),)


def label_of(obj: models.Model) -> str:
    """``str(obj)`` cut at 200 characters; empty where it fails or would show a part of a masked value.

    It leaves no trace: what ``__str__`` loads is taken back, and a failing query of its does not end the transaction.
    """
    obj = unwrapped(obj)
    if key_is_masked(obj.__class__):
        return ""
    with no_trace(obj):
        try:
            text = storable(str(obj))
        except Exception:  # noqa: BLE001 - whatever a project's __str__ raises must not hurt its save
            return ""
        if any(_tells(text, each) for each in within_reach(obj)):
            return ""
    return text[:REPR_LENGTH]


def _tells(text: str, obj: models.Model) -> bool:
    """Whether ``text`` holds a part of a masked value of ``obj``, or the whole of one that a project left out."""
    for each in obj._meta.concrete_fields:
        value = obj.__dict__.get(each.attname)
        if value is None:
            continue
        if is_masked(each, registry.by_model):
            if reveals(text, str(value)):
                return True
        elif _is_left_out(each) and shows(text, str(value)):
            return True
    return False


def _is_left_out(field: models.Field[Any, Any]) -> bool:
    registration = registry.by_model.get(field.model)
    if registration is None or field.name not in registration.options.exclude:
        return False
    return field.name not in without_marks(registration.options.mask)[1]
