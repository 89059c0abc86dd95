"""One recorded model: the fields of its table, what is masked, and how values of each are compared and stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import models

from auditlog.capture.options import Options
from auditlog.capture.secrets import is_secret, without_marks
from auditlog.capture.values import Codec, codec_for
from auditlog.naming import key_text, model_label


@dataclass(frozen=True, slots=True)
class Table:
    """The recorded fields of one table on one kind of database; parallel tuples."""

    names: tuple[str, ...]
    attnames: tuple[str, ...]
    codecs: tuple[Codec, ...]
    computed: bool
    """Whether what is stored may differ from what was assigned, so that a written row is always read again."""
    keys: tuple[int, ...]
    """Where the fields of the primary key stand."""
    generated: frozenset[str]
    """Names of the columns that the database computes from others."""

    def pk_of(self, row: Sequence[Any]) -> Any:
        """The primary key within a row of these fields; a tuple for a composite key."""
        parts = tuple(row[at] for at in self.keys)
        return parts if len(parts) > 1 else parts[0]

    def narrowed(self, names: Collection[str]) -> Table:
        """Only the fields of these names, the key, and what the database computes."""
        keys = {self.names[at] for at in self.keys}
        kept = [at for at, name in enumerate(self.names) if name in names or name in keys or name in self.generated]
        return Table(
            tuple(self.names[at] for at in kept),
            tuple(self.attnames[at] for at in kept),
            tuple(self.codecs[at] for at in kept),
            self.computed,
            tuple(kept.index(at) for at in self.keys),
            self.generated,
        )


@dataclass(eq=False)
class Registration:
    """One recorded model: its table's fields, what is masked and how it is captured."""

    model: type[models.Model]
    options: Options
    others: Mapping[type[models.Model], Registration] = field(default_factory=dict, repr=False)
    """All registrations: whether a foreign key is masked depends on the model that it points at."""
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
        every = (*self.fields, *self.model._meta.local_many_to_many)
        return frozenset(f.name for f in every if is_masked(f, self.others))

    @cached_property
    def key_is_masked(self) -> bool:
        """Whether the primary key itself is masked; entries then hold a digest of it."""
        return has_masked_key(self.model, self.others)

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

    @property
    def is_silent(self) -> bool:
        """Whether no signal tells us of saves and deletes: Django sends none, or no receiver of ours is connected."""
        return bool(self.model._meta.auto_created) or is_historical(self.model)

    @cached_property
    def quiet(self) -> frozenset[str]:
        """Names of the fields that write no entry when nothing else changed."""
        automatic = {f.name for f in self.fields if getattr(f, "auto_now", False) or f.name == "last_login"}
        return frozenset(automatic | set(self.options.quiet))

    def forget_masks(self) -> None:
        """Decide anew what is masked: another model was registered, or is no longer."""
        for name in ("masked", "key_is_masked"):
            self.__dict__.pop(name, None)

    def table(self, vendor: str) -> Table:
        """The recorded fields with their codecs for databases of that vendor."""
        if vendor not in self._tables:
            self._tables[vendor] = Table(
                tuple(f.name for f in self.fields),
                tuple(f.attname for f in self.fields),
                tuple(codec_for(f, vendor) for f in self.fields),
                any(_is_computed(f) for f in self.fields),
                tuple(self.fields.index(f) for f in self.model._meta.pk_fields),
                frozenset(f.name for f in self.fields if getattr(f, "generated", False)),
            )
        return self._tables[vendor]

    def pk_of(self, row: Sequence[Any]) -> Any:
        """The primary key within a row of this table's recorded fields; a tuple for a composite key."""
        parts = tuple(row[self.fields.index(f)] for f in self.model._meta.pk_fields)
        return parts if len(parts) > 1 else parts[0]

    def key(self, pk: Any) -> str:
        """The primary key as entries store it."""
        return key_text(pk, masked=self.key_is_masked)


def is_historical(model: type[models.Model]) -> bool:
    """Whether the class is one that a migration made of its state, not the project's own."""
    return model.__module__ == "__fake__"


_WRITERS = ("pre_save", "get_prep_value", "get_db_prep_value", "get_db_prep_save", "from_db_value")


def _is_computed(field: models.Field[Any, Any]) -> bool:
    """Generated columns, and fields of other packages that change the value on its way to the database or back."""
    if getattr(field, "generated", False):
        return True
    return any(not _owner(type(field), name).startswith("django.") for name in _WRITERS)


def _owner(kind: type, name: str) -> str:
    """The module of the class that defines the method; Django's own for a method that nobody defines."""
    return next((base.__module__ for base in kind.__mro__ if name in base.__dict__), "django.")


def is_masked(field: models.Field[Any, Any], registered: Mapping[type[models.Model], Registration]) -> bool:
    """Whether the field is masked by choice or by its name; a foreign key where the key it points at is masked."""
    registration = registered.get(field.model)
    if registration is not None:
        named, off = without_marks(registration.options.mask)
        if field.name in named or field.name in off:
            return field.name in named
    if field.is_relation:
        target = None if field.many_to_many else getattr(field, "target_field", None)
        return target is not None and is_masked(target, registered)
    return is_secret(field)


def has_masked_key(model: type[models.Model], registered: Mapping[type[models.Model], Registration]) -> bool:
    """Whether the primary key of the model, or that of a parent, is masked."""
    tables = (model, *model._meta.get_parent_list())
    return any(is_masked(f, registered) for table in tables for f in table._meta.pk_fields)
