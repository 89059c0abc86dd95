"""``manage.py demo --entries``: the made-up past is a log that could have been recorded."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection

from auditlog.models import Action, Entry
from project.shop.demo import growth, growth_plan

CYCLE = growth_plan.CYCLE
ON_MARIADB = connection.vendor == "mysql"
WHERE = "a log can be grown on SQLite and PostgreSQL"
pytestmark = pytest.mark.django_db


@pytest.fixture
def grown() -> list[Entry]:
    """Eight cycles of the plan."""
    if ON_MARIADB:
        pytest.skip(WHERE)
    growth.grow(8 * CYCLE, str)
    return list(Entry.objects.order_by("id"))


def test_the_plan_has_a_thousand_places_twelve_models_and_thirty_fields() -> None:
    slots = growth_plan.slots()
    fields = [(model.label, field.name) for model in growth_plan.MODELS for field in model.fields]
    assert [slot.slot for slot in slots] == list(range(CYCLE))
    assert (len(growth_plan.MODELS), len(set(fields))) == (12, 30)


@pytest.mark.skipif(not ON_MARIADB, reason="about databases without the statements: run with DB=mariadb")
def test_other_databases_are_refused() -> None:
    with pytest.raises(CommandError, match=r"^--entries can grow a log on SQLite and PostgreSQL, not on MariaDB\.$"):
        growth.grow(1500, str)


@pytest.mark.skipif(ON_MARIADB, reason=WHERE)
def test_it_grows_to_the_number_asked_for_and_no_further() -> None:
    said: list[str] = []
    assert growth.grow(1500, said.append) == 1500
    assert growth.grow(2000, said.append) == 500
    assert growth.grow(1000, said.append) == 0
    assert Entry.objects.count() == 2000
    assert said[-1] == "The log holds 2,000 entries already."


def test_every_old_value_is_the_new_value_before_it(grown: list[Entry]) -> None:
    last: dict[tuple[str, str, str], Any] = {}
    broken = []
    for entry in grown:
        for name, (old, new) in entry.changes.items():
            key = (entry.model, entry.object_id, name)
            if last.get(key) != old:
                broken.append((entry.pk, name))
            last[key] = new
    assert broken == []
    assert len(last) > CYCLE


def test_a_change_changes_something(grown: list[Entry]) -> None:
    same = [entry.pk for entry in grown for old, new in entry.changes.values() if old == new]
    empty = [entry.pk for entry in grown if entry.action in (1, 2, 3) and not entry.changes]
    assert (same, empty) == ([], [])


def test_creations_come_first_and_deletions_last(grown: list[Entry]) -> None:
    lives: dict[tuple[str, str], list[int]] = {}
    for entry in grown:
        if entry.action in (Action.CREATE, Action.UPDATE, Action.DELETE):
            lives.setdefault((entry.model, entry.object_id), []).append(entry.action)
    assert {life[0] for life in lives.values()} == {Action.CREATE}
    assert {action for life in lives.values() for action in life[1:-1]} == {Action.UPDATE}
    assert Counter(life[-1] for life in lives.values())[Action.DELETE] > 0


def test_the_actions_are_mixed_as_planned(grown: list[Entry]) -> None:
    kinds = Counter(entry.action for entry in grown)
    others = {action: kinds[action] for action in kinds if action > Action.DELETE}
    assert others == {
        Action.ACCESS: 120,
        Action.LOGIN: 144,
        Action.LOGOUT: 72,
        Action.LOGIN_FAILED: 24,
        Action.EVENT: 40,
    }


def test_two_years_in_the_order_of_the_ids(grown: list[Entry]) -> None:
    times = [entry.recorded_at for entry in grown]
    assert times == sorted(set(times))
    assert dt.timedelta(days=725) < times[-1] - times[0] < dt.timedelta(days=731)


def test_a_changeset_has_one_actor_and_at_most_fifty_entries(grown: list[Entry]) -> None:
    sets: dict[Any, list[Entry]] = {}
    for entry in grown:
        sets.setdefault(entry.changeset, []).append(entry)
    sizes = {len(entries) for entries in sets.values()}
    assert (min(sizes), max(sizes)) == (1, 50)
    assert {len({entry.actor_id for entry in entries} - {None}) for entries in sets.values()} <= {0, 1}
    assert {changeset.version for changeset in sets} == {7}


def test_many_actors_some_busier_than_others(grown: list[Entry]) -> None:
    busy = Counter(entry.actor_repr for entry in grown if entry.actor_id).most_common()
    assert len({name for _pick, _actor, name, _address in growth_plan.actors()}) == growth_plan.ACTORS
    assert len(busy) > 150
    assert busy[0][1] > 5 * busy[len(busy) // 2][1]


def test_grown_entries_say_that_they_are_made_up(grown: list[Entry]) -> None:
    expected = {"method": "POST", "path": "/admin/", "generated": "demo --entries"}
    assert [entry.pk for entry in grown if entry.context != expected] == []
