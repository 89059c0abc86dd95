"""The registrations: which models are recorded, and which of their fields.

One registration stands for one table. Registering a model of a multi-table tree registers its parents and children
too, because Django sends no signal for the parents of the class saved nor for a child when its parent row is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar, overload

from django.db import models

from auditlog.capture.secrets import is_secret, key_is_secret, reveals, without_marks
from auditlog.capture.values import Codec, codec_for, storable
from auditlog.exceptions import RegistrationError
from auditlog.naming import key_text, model_label

REPR_LENGTH = 200

Model = type[models.Model]
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a project chose for one model; the arguments of :func:`register`."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    m2m: tuple[str, ...] | None = None
    quiet: tuple[str, ...] = ()
    repr: Any = None
    reason: Literal["optional", "required"] | None = None
    snapshot: Literal["locked", "loaded"] = "locked"
    transaction: Literal["own", "caller"] = "own"
    on_error: Literal["raise", "log"] = "raise"
    formerly: tuple[str, ...] = ()
    derived: bool = False
    """Registered only as the parent or child of a registered model."""


@dataclass(frozen=True, slots=True)
class Table:
    """The recorded fields of one table on one kind of database; parallel tuples."""

    names: tuple[str, ...]
    attnames: tuple[str, ...]
    codecs: tuple[Codec, ...]
    computed: bool
    """Whether what is stored may differ from what was assigned, so that a written row is always read again."""


@dataclass(eq=False)
class Registration:
    """One recorded model: its table's fields, what is masked and how it is captured."""

    model: Model
    options: Options
    _tables: dict[str, Table] = field(default_factory=dict, repr=False)

    @cached_property
    def label(self) -> str:
        """``app_label.model_name``."""
        return model_label(self.model)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label and those the model had before it was renamed (``formerly=``)."""
        return (self.label, *(name.lower() for name in self.options.formerly))

    @cached_property
    def fields(self) -> tuple[models.Field[Any, Any], ...]:
        """The recorded fields of this model's own table, in the order of the table; the primary key is always one."""
        options = self.options
        return tuple(
            candidate
            for candidate in self.model._meta.local_concrete_fields
            if candidate.primary_key
            or candidate in self.model._meta.pk_fields
            or (
                candidate.name not in options.exclude and (options.include is None or candidate.name in options.include)
            )
        )

    @cached_property
    def excluded(self) -> frozenset[str]:
        """Names of the fields of this table that are not recorded."""
        return frozenset(f.name for f in self.model._meta.local_concrete_fields) - {f.name for f in self.fields}

    @cached_property
    def masked(self) -> frozenset[str]:
        """Names of the fields of which only the fact of a change is recorded."""
        named, off = without_marks(self.options.mask)
        every = (*self.fields, *self.model._meta.local_many_to_many)
        return frozenset(f.name for f in every if f.name in named or (is_secret(f) and f.name not in off))

    @cached_property
    def key_is_masked(self) -> bool:
        """Whether the primary key itself is masked; entries then hold a digest of it."""
        return any(f.name in self.masked for f in self.model._meta.pk_fields) or _parent_key_is_masked(self.model)

    @cached_property
    def m2m(self) -> tuple[models.ManyToManyField[Any, Any], ...]:
        """The recorded many-to-many fields that this model declares."""
        options = self.options
        chosen = options.m2m if options.m2m is not None else options.include
        return tuple(
            f
            for f in self.model._meta.local_many_to_many
            if f.name not in options.exclude and (chosen is None or f.name in chosen)
        )

    @cached_property
    def quiet(self) -> frozenset[str]:
        """Names of the fields that write no entry when nothing else changed."""
        automatic = {f.name for f in self.fields if getattr(f, "auto_now", False) or f.name == "last_login"}
        return frozenset(automatic | set(self.options.quiet))

    def table(self, vendor: str) -> Table:
        """The recorded fields with their codecs for databases of that vendor."""
        if vendor not in self._tables:
            self._tables[vendor] = Table(
                tuple(f.name for f in self.fields),
                tuple(f.attname for f in self.fields),
                tuple(codec_for(f, vendor) for f in self.fields),
                any(_is_computed(f) for f in self.fields),
            )
        return self._tables[vendor]

    def pk_of(self, row: Sequence[Any]) -> Any:
        """The primary key within a row of this table's recorded fields; a tuple for a composite key."""
        parts = tuple(row[self.fields.index(f)] for f in self.model._meta.pk_fields)
        return parts if len(parts) > 1 else parts[0]

    def key(self, pk: Any) -> str:
        """The primary key as entries store it."""
        return key_text(pk, masked=self.key_is_masked)


_WRITERS = ("pre_save", "get_prep_value", "get_db_prep_value", "get_db_prep_save", "from_db_value")


def _is_computed(field: models.Field[Any, Any]) -> bool:
    """Generated columns, and fields of other packages that change the value on its way to the database or back."""
    if getattr(field, "generated", False):
        return True
    return any(not _owner(type(field), name).startswith("django.") for name in _WRITERS)


def _owner(kind: type, name: str) -> str:
    """The module of the class that defines the method; Django's own for a method that nobody defines."""
    return next((base.__module__ for base in kind.__mro__ if name in base.__dict__), "django.")


class Registry:
    """All registrations, by concrete model, and who wants to know when one comes or goes."""

    def __init__(self) -> None:
        self.by_model: dict[Model, Registration] = {}
        self._observers: list[tuple[Callable[[Registration], None], Callable[[Registration], None]]] = []

    def observe(self, added: Callable[[Registration], None], removed: Callable[[Registration], None]) -> None:
        """Call ``added`` for every registration, now and later, and ``removed`` when one is taken back."""
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
        registration = self.by_model[model] = Registration(model, options)
        for added, _ in self._observers:
            added(registration)

    def remove(self, model: Model) -> None:
        """Take one registration back."""
        registration = self.by_model.pop(model)
        for _, removed in self._observers:
            removed(registration)


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
        registry.add(relative, replace(chosen, derived=True, include=None, exclude=(), m2m=None, quiet=(), formerly=()))
    return model


def make_options(options: dict[str, Any]) -> Options:
    """Check and normalise the arguments of :func:`register`; raises :class:`RegistrationError`."""
    allowed = set(Options.__dataclass_fields__) - {"derived"}
    if unknown := sorted(set(options) - allowed):
        raise RegistrationError(
            f"auditlog.register() has no argument {', '.join(unknown)}; it takes {', '.join(sorted(allowed))}."
        )
    for name, values in _CHOICES.items():
        if name in options and options[name] not in values:
            known = " or ".join(repr(value) for value in values)
            raise RegistrationError(f"auditlog.register({name}=...) must be {known}, not {options[name]!r}.")
    return Options(**{name: _as_tuple(name, value) for name, value in options.items()})


_CHOICES: dict[str, tuple[Any, ...]] = {
    "snapshot": ("locked", "loaded"),
    "transaction": ("own", "caller"),
    "on_error": ("raise", "log"),
    "reason": (None, "optional", "required"),
}
_LISTS = frozenset({"include", "exclude", "mask", "m2m", "quiet", "formerly"})


def _as_tuple(name: str, value: Any) -> Any:
    if name not in _LISTS or value is None:
        return value
    if isinstance(value, str):
        raise RegistrationError(f"auditlog.register({name}=...) takes a list of names, not the text {value!r}.")
    return tuple(value)


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


def chain(model: Model) -> Iterable[Registration]:
    """The registrations of the tables that a save of ``model`` may write: its own, then its parents'."""
    concrete = model._meta.concrete_model or model
    for table in (concrete, *concrete._meta.get_parent_list()):
        if table in registry.by_model:
            yield registry.by_model[table]


def key_is_masked(model: Model) -> bool:
    """Whether entries hold a digest instead of the model's primary key."""
    registration = registration_for(model)
    return registration.key_is_masked if registration is not None else key_is_secret(model)


def _parent_key_is_masked(model: Model) -> bool:
    return any(key_is_secret(parent) for parent in model._meta.get_parent_list())


def object_key(obj: models.Model) -> str:
    """The primary key of ``obj`` as entries store it."""
    return key_text(obj.pk, masked=key_is_masked(obj.__class__))


def labels_of(model: Model) -> tuple[str, ...]:
    """The label of the model and those it had before."""
    registration = registration_for(model)
    return registration.labels if registration is not None else (model_label(model),)


def label_of(obj: models.Model) -> str:
    """``str(obj)`` cut at 200 characters; empty where it fails or would show a part of a masked value."""
    if key_is_masked(obj.__class__):
        return ""
    try:
        text = storable(str(obj))
    except Exception:  # noqa: BLE001 - whatever a project's __str__ raises must not hurt its save
        return ""
    if any(reveals(text, secret) for secret in _secrets(obj)):
        return ""
    return text[:REPR_LENGTH]


def _secrets(obj: models.Model) -> Iterator[str]:
    registration = registration_for(obj.__class__)
    for each in obj._meta.concrete_fields:
        hidden = each.name in registration.masked if registration is not None else is_secret(each)
        value = obj.__dict__.get(each.attname)
        if hidden and value not in (None, ""):
            yield str(value)
