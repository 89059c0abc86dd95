"""Migrations: each runs in a context of its own, and says which fields of recorded models it changed.

A schema change (a new column with a default, another type, a dropped model) alters rows without any write that could
be recorded. One EVENT entry ``migration`` per migration names the fields, so that drift and history know that their
state is unknown from then on. It stands in the migration's own transaction and never fails it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

from auditlog import contexts
from auditlog.conf import settings
from auditlog.databases import entries_about
from auditlog.exceptions import RecordingError
from auditlog.models import Action, Entry
from auditlog.recording import Draft, record_entries

logger = logging.getLogger("auditlog")

EVENT = "migration"
Change = list[str | None]
Changes = dict[str, Change]
"""``{"shop.product.price": ["IntegerField", "DecimalField"]}``; ``{"shop.product": ["shop.product", None]}``."""

_OF_FIELDS = (ops.AddField, ops.AlterField, ops.RemoveField, ops.RenameField)
_ALTERING = (*_OF_FIELDS, ops.RenameModel, ops.DeleteModel, ops.CreateModel, ops.AlterOrderWithRespectTo)


def install() -> None:
    """Wrap ``Migration.apply`` and ``unapply``; a second time changes nothing."""
    if not hasattr(Migration.apply, "auditlog_original"):
        Migration.apply = _recorded(Migration.apply, forwards=True)  # type: ignore[method-assign]
        Migration.unapply = _recorded(Migration.unapply, forwards=False)  # type: ignore[method-assign]


def uninstall() -> None:
    """Put Django's own methods back, unless another package has wrapped ours."""
    for name in ("apply", "unapply"):
        original = getattr(getattr(Migration, name), "auditlog_original", None)
        if original is not None:
            setattr(Migration, name, original)


def _recorded(original: Callable[..., ProjectState], *, forwards: bool) -> Callable[..., ProjectState]:
    @wraps(original)
    def run(
        self: Migration, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        if collect_sql:
            return original(self, project_state, schema_editor, collect_sql)
        name = f"{self.app_label}.{self.name}"
        changes = altered(self, project_state, forwards=forwards) if settings.ENABLED else {}
        with contexts.context(actor=f"migration:{name}", migration=name):
            after = original(self, project_state, schema_editor, collect_sql)
            _tell(self, changes, schema_editor.connection.alias, forwards=forwards)
        return after

    run.auditlog_original = original  # type: ignore[attr-defined]
    return run


def _tell(migration: Migration, changes: Changes, using: str, *, forwards: bool) -> None:
    """Write the entry of one migration, if it altered models of which the log tells something."""
    if not changes or Entry._meta.db_table not in connections[using].introspection.table_names():
        return
    facts = {
        "operations": [type(each).__name__ for each in migration.operations],
        "direction": "forwards" if forwards else "backwards",
    }
    try:
        with transaction.atomic(using):
            changes = dict(_known(changes, using))
            if changes:
                record_entries(using, [Draft(Action.EVENT, changes=changes, event=EVENT, facts=facts)])
    except (RecordingError, DatabaseError):
        logger.exception("auditlog: what migration %s.%s altered was not recorded", migration.app_label, migration.name)


def _known(changes: Changes, using: str) -> Iterator[tuple[str, Change]]:
    """The changes of models that entries name, under this label or one that this very migration gave or took."""
    labels = {name: ".".join(name.split(".")[:2]) for name in changes}
    entries = entries_about(using)
    known = {label: entries.filter(model=label).exists() for label in set(labels.values())}
    for name, (old, new) in changes.items():
        if name == labels[name] and old and new:  # a renamed model: the fields of one are the fields of the other
            known[old] = known[new] = known.get(old, False) or known.get(new, False)
    yield from ((name, change) for name, change in changes.items() if known[labels[name]])


def altered(migration: Migration, before: ProjectState, *, forwards: bool = True) -> Changes:
    """The models and fields of which the migration alters stored values; ``before`` is the state it begins with.

    Undone (``forwards=False``) it takes away what it made.
    """
    every = list(_flat(migration.operations))
    if not any(isinstance(each, _ALTERING) for each in every):
        return {}
    changes: Changes = {}
    # models only: rendering classes would take seconds in a large project
    state = ProjectState({key: model.clone() for key, model in before.models.items()}, before.real_apps)
    for operation in every:
        for name, (old, new) in _of(operation, migration.app_label, state, forwards=forwards):
            changes[name] = [changes[name][0] if name in changes else old, new]
        operation.state_forwards(migration.app_label, state)
    return changes if forwards else {name: [new, old] for name, (old, new) in changes.items()}


def _flat(every: Iterable[Operation]) -> Iterator[Operation]:
    """The operations that tell what becomes of the models, in order; of raw SQL what it says to do to the state."""
    for operation in every:
        if isinstance(operation, ops.SeparateDatabaseAndState):
            yield from _flat(operation.state_operations or operation.database_operations)
        elif isinstance(operation, ops.RunSQL):
            yield from _flat(operation.state_operations)
        else:
            yield operation


def _of(operation: Operation, app: str, state: ProjectState, *, forwards: bool) -> Iterator[tuple[str, Change]]:
    if isinstance(operation, ops.RenameModel):
        old, new = f"{app}.{operation.old_name_lower}", f"{app}.{operation.new_name_lower}"
        yield old, [old, new]
    elif isinstance(operation, ops.DeleteModel):
        yield f"{app}.{operation.name_lower}", [f"{app}.{operation.name_lower}", None]
    elif isinstance(operation, ops.CreateModel) and not forwards:
        yield f"{app}.{operation.name_lower}", [None, f"{app}.{operation.name_lower}"]
    elif isinstance(operation, ops.AlterOrderWithRespectTo):
        yield f"{app}.{operation.name_lower}._order", [None, "OrderWrt"]
    elif isinstance(operation, _OF_FIELDS):
        model: Any = state.models[app, operation.model_name_lower]
        for name, change in _of_field(operation, model.fields, forwards=forwards):
            yield f"{app}.{operation.model_name_lower}.{name}", change


def _of_field(operation: Any, fields: dict[str, Any], *, forwards: bool) -> Iterator[tuple[str, Change]]:
    if isinstance(operation, ops.RenameField):
        kind = _kind(fields[operation.old_name])
        yield operation.old_name, [kind, None]
        yield operation.new_name, [None, kind]
    elif isinstance(operation, ops.RemoveField):
        yield operation.name, [_kind(fields[operation.name]), None]
    elif isinstance(operation, ops.AlterField):
        yield operation.name, [_kind(fields[operation.name]), _kind(operation.field)]
    elif not forwards or _fills(operation.field):
        yield operation.name, [None, _kind(operation.field)]


def _fills(field: Any) -> bool:
    """Whether adding the column gives existing rows a value."""
    if field.many_to_many:
        return False
    has_default = field.has_default() or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return bool(has_default or not field.null or getattr(field, "generated", False))


def _kind(field: Field[Any, Any]) -> str:
    """The kind of field as a person calls it."""
    return type(field).__name__
