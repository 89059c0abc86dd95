"""The tables as the log alone tells them, against the tables as they are."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.db import connections, models

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registry
from auditlog.capture.relations import Relation
from auditlog.capture.snapshot import stored_rows
from auditlog.capture.values import codec_for
from auditlog.models import Action, Entry

State = dict[str, dict[str, dict[str, Any]]]
"""Model label -> object id -> field -> JSON value."""


def differences(models_: list[type[models.Model]], using: str) -> list[str]:
    """What replaying all entries from nothing does not explain, and where an old value is not the last new one."""
    state: State = defaultdict(dict)
    links: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    wrong: list[str] = []
    for entry in Entry.objects.using(using).order_by("id").values_list("id", "action", "model", "object_id", "changes"):
        wrong += _applied(state, links, *entry)
    for model in models_:
        part = registry.by_model[model]
        wrong += _rows(part, state[part.label], using)
        for field in part.m2m:
            relation = Relation(part, field)
            if relation.through not in registry.by_model:
                wrong += _links(relation, links, using)
    return wrong


def _applied(
    state: State, links: dict[Any, set[str]], pk: int, action: int, model: str, key: str, changes: dict[str, Any]
) -> list[str]:
    wrong, row = [], state[model].get(key)
    if (row is None) != (action == Action.CREATE) and not _only_links(changes):
        wrong.append(
            f"entry {pk}: {Action(action).name} of {model} {key}, which {'is not' if row is None else 'is'} there"
        )
    row = state[model].setdefault(key, {}) if not _only_links(changes) else row or {}
    for name, change in changes.items():
        if isinstance(change, list):
            if name in row and row[name] != change[0] and name not in _quiet(model) and action != Action.CREATE:
                wrong.append(f"entry {pk}: {model} {key} {name} was {row[name]!r}, not {change[0]!r}")
            row[name] = change[1]
        elif "added" in change:
            wrong += _linked(links[model, key, name], change, f"entry {pk}: {model} {key} {name}")
    if action == Action.DELETE:
        state[model].pop(key, None)
    return wrong


def _quiet(model: str) -> frozenset[str]:
    """Fields whose changes alone write no entry: the law of the chain exempts them."""
    part = registry.by_model.get(apps.get_model(model))
    return frozenset() if part is None else part.quiet


def _only_links(changes: dict[str, Any]) -> bool:
    return bool(changes) and all(isinstance(change, dict) and "added" in change for change in changes.values())


def _linked(known: set[str], change: dict[str, Any], where: str) -> list[str]:
    added, removed = ({str(key) for key, _ in change[side]} for side in ("added", "removed"))
    wrong = [f"{where}: {key} added twice" for key in added & known]
    wrong += [f"{where}: {key} removed, but not there" for key in removed - known]
    known |= added
    known -= removed
    return wrong


def _rows(part: Registration, replayed: dict[str, dict[str, Any]], using: str) -> list[str]:
    table = part.table(connections[using].vendor)
    keys = part.model._base_manager.using(using).order_by().values_list("pk", flat=True)
    live = {part.key(table.pk_of(row)): row for row in stored_rows(using, part, keys, lock=False).values()}
    wrong = [f"{part.label} {key}: in the table, not in the log" for key in live.keys() - replayed.keys()]
    wrong += [f"{part.label} {key}: in the log, not in the table" for key in replayed.keys() - live.keys()]
    for key in live.keys() & replayed.keys():
        for name, codec, value in zip(table.names, table.codecs, live[key], strict=True):
            if name in part.masked | part.quiet:
                continue
            told = replayed[key].get(name)
            if not codec.equal(codec.canonical(codec.decode(told)), value):
                wrong.append(f"{part.label} {key} {name}: {told!r} in the log, {codec.encode(value)!r} in the table")
    return wrong


def _links(relation: Relation, links: dict[tuple[str, str, str], set[str]], using: str) -> list[str]:
    part, name = relation.registration, relation.field.name
    codec = codec_for(relation.target.target_field, connections[using].vendor)
    live: dict[str, set[str]] = defaultdict(set)
    pairs = relation.through._base_manager.using(using).values_list(relation.source.attname, relation.target.attname)
    owners = dict(part.model._base_manager.using(using).values_list(relation.source.target_field.attname, "pk"))
    for owner, target in pairs:
        live[part.key(owners[owner])].add(str(codec.encode(target)))
    told = {key[1]: known for key, known in links.items() if key[0] == part.label and key[2] == name and known}
    pairs_of = ((key, told.get(key, set()), live.get(key, set())) for key in told.keys() | live.keys())
    return [
        f"{part.label} {key} {name}: {sorted(known)} in the log, {sorted(held)} in the table"
        for key, known, held in pairs_of
        if known != held
    ]
