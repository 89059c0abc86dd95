"""Locks of many-to-many operations: nobody may link or unlink a pair between our reading it and Django's writing it.

The rule: first the row of the instance (``FOR NO KEY UPDATE``), then the *pairs* that the operation names, in one order
for all; only then are the through rows read, themselves locked. Two operations from opposite ends have one pair in
common and nothing else, so that they wait for each other without a circle; locking the rows of the other end would make
``product.tags.add(tag)`` and ``tag.products.set([product])`` lock the same two rows in opposite order.

A pair that is not linked yet has no row to lock; on PostgreSQL its lock is an advisory one, held until the transaction
ends. ``clear`` names no pairs: it locks its instance ``FOR UPDATE``, which the foreign keys of new links wait for.
Databases without advisory locks lock the owning rows instead, in key order, and may report more deadlocks.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

from django.db import connections, models

from auditlog.capture.relations import Links, Relation, links_in
from auditlog.capture.snapshot import locked

_PAIRS = 100
"""Above this an operation locks the relation as a whole: every lock takes a place in the server's shared memory."""


def lock_links(
    relation: Relation, instance: models.Model, reverse: bool, keys: Collection[Any] | None, scope: models.Q, using: str
) -> None:
    """Take the locks of one operation on ``instance``; ``keys`` are those of the other end, None for ``clear``."""
    connection = connections[using]
    if not connection.features.has_select_for_update:
        return
    near, far = (relation.target, relation.source) if reverse else (relation.source, relation.target)
    own = getattr(instance, near.target_field.attname)
    if connection.vendor != "postgresql":
        known = links_in(relation, scope, using)
        _lock_rows(relation.source.target_field, {owner for owner, _ in known} | ({*keys} if keys else set()), using)
        return
    _lock_rows(near.target_field, {own}, using, no_key=keys is not None)
    others = [far.target_field.to_python(key) for key in keys or ()]
    pairs = {(other, own) if reverse else (own, other) for other in others}
    if relation.field.remote_field.symmetrical:
        pairs |= {(target, owner) for owner, target in pairs}
    if pairs:
        _lock_pairs(relation, pairs, using)


def _lock_rows(field: models.Field[Any, Any], values: Collection[Any], using: str, *, no_key: bool = True) -> None:
    rows: models.QuerySet[Any] = models.QuerySet(field.model, using=using)
    rows = rows.filter(**{f"{field.attname}__in": list(values)}).order_by("pk")
    list(locked(rows, using, no_key=no_key).values_list("pk"))


def _lock_pairs(relation: Relation, pairs: Links, using: str) -> None:
    table = relation.through._meta.db_table
    whole = _number(table)
    numbers = sorted({_number(f"{table}\0{owner}\0{target}") for owner, target in pairs})
    with connections[using].cursor() as cursor:
        if len(numbers) > _PAIRS:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [whole])
            return
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [whole])
        cursor.execute("SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number", [numbers])


def _number(text: str) -> int:
    """A number of 64 bits for an advisory lock; the prefix keeps apart what a project locks by itself."""
    return int.from_bytes(blake2b(f"auditlog\0{text}".encode(), digest_size=8).digest(), "big", signed=True)
