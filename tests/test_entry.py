"""The entry is append-only through the ORM, and says what to use instead."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import models, transaction

from auditlog.exceptions import AppendOnlyError
from auditlog.models import Action, Entry

pytestmark = pytest.mark.django_db

REFUSED = r"append-only and cannot be (updated|deleted|saved over)\. Record a correction with auditlog\.record\(\)"


def make(**values: Any) -> Entry:
    given = {"action": Action.EVENT, "recorded_at": dt.datetime.now(dt.UTC), "changeset": uuid.uuid4(), **values}
    return Entry.objects.create(**given)


@pytest.fixture
def entry() -> Entry:
    return make(event="old")


def _changed(entry: Entry) -> Entry:
    entry.event = "new"
    return entry


def test_the_action_numbers_never_change() -> None:
    assert {action.name: action.value for action in Action} == {
        "CREATE": 1, "UPDATE": 2, "DELETE": 3, "BASELINE": 4, "ACCESS": 5, "LOGIN": 6, "LOGOUT": 7, "LOGIN_FAILED": 8,
        "EVENT": 9, "REDACTION": 10, "PRUNE": 11,
    }  # fmt: skip


@pytest.mark.parametrize(
    "write",
    [
        lambda entry: entry.save(),
        lambda entry: Entry(pk=entry.pk, action=1, recorded_at=entry.recorded_at, changeset=entry.changeset).save(),
        lambda entry: models.Model.save_base(_changed(entry), raw=True),
        lambda entry: entry.delete(),
        lambda entry: Entry.objects.update(event="new"),
        lambda entry: Entry._base_manager.filter(pk=entry.pk).update(event="new"),
        lambda entry: Entry.objects.all().delete(),
        lambda entry: models.QuerySet(Entry).delete(),
        lambda entry: Entry.objects.all()._raw_delete("default"),
        lambda entry: Entry.objects.bulk_update([entry], ["event"]),
        lambda entry: Entry.objects.bulk_create([entry], update_conflicts=True, update_fields=["event"]),
        lambda entry: Entry.objects.update_or_create(pk=entry.pk, defaults={"event": "new"}),
    ],
    ids=[
        "save", "save by hand", "raw save", "delete", "update", "base manager", "queryset delete", "plain queryset",
        "raw delete", "bulk_update", "bulk_create", "update_or_create",
    ],
)  # fmt: skip
def test_writing_over_an_entry_is_refused(entry: Entry, write: Any) -> None:
    with transaction.atomic(), pytest.raises(AppendOnlyError, match=REFUSED):
        write(entry)

    assert [e.event for e in Entry.objects.all()] == ["old"]


def test_a_fixture_may_bring_entries_with_free_ids_only(entry: Entry) -> None:
    text = serializers.serialize("json", [entry])
    [taken] = serializers.deserialize("json", text.replace('"event": "old"', '"event": "new"'))
    [free] = serializers.deserialize("json", text.replace(f'"pk": {entry.pk}', f'"pk": {entry.pk + 7}'))
    with pytest.raises(AppendOnlyError, match="--exclude auditlog"), transaction.atomic():
        taken.save()
    free.save()

    assert list(Entry.objects.order_by("id").values_list("pk", "event")) == [(entry.pk, "old"), (entry.pk + 7, "old")]


@pytest.mark.parametrize("microsecond", [0, 345, 345_678])
def test_a_fixture_may_bring_the_entry_that_is_there(microsecond: int) -> None:
    """Tests with ``serialized_rollback`` load what the migrations wrote where it may still stand."""
    entry = make(event="old", recorded_at=dt.datetime(2026, 3, 1, 12, 0, 0, microsecond, dt.UTC))
    before = list(Entry.objects.values())
    [same] = serializers.deserialize("json", serializers.serialize("json", [entry]))
    same.save()

    assert list(Entry.objects.values()) == before


def test_it_names_itself() -> None:
    assert (
        str(make(action=Action.UPDATE, model="shop.product", object_id="7", object_repr="Tea"))
        == "update shop.product Tea"
    )
    assert str(make(event="invoice.sent")) == "event invoice.sent"


@pytest.mark.django_db(transaction=True)
def test_flush_still_works() -> None:
    make()
    call_command("flush", interactive=False, verbosity=0)

    assert Entry.objects.count() == 0
