"""The filters of all ways out: auditlog.query.parameters, moments and filters."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from auditlog.capture.registry import registry
from auditlog.models import Action, Entry
from auditlog.naming import key_text
from auditlog.query.filters import FilterError, Filters, apply, object_keys, parse
from tests.entry_factory import CHANGESET, NOON, make_entry
from tests.testapp.models import Account, Bistro, Document, Product, Seat, Ticket

MADRID = dt.timezone(dt.timedelta(hours=2))


def found(**params: str) -> list[str]:
    entries = apply(Entry.objects.order_by("id"), parse(params))
    return [entry.object_repr for entry in entries]


# --- reading parameters


@pytest.mark.django_db
def test_every_parameter_is_read_into_its_filter() -> None:
    params = {
        "model": "TestApp.Product",
        "object": " 42 ",
        "actor": "ana",
        "action": "Login-Failed",
        "field": "price",
        "since": "2026-01-01",
        "until": "2026-09-30T14:00:00+02:00",
        "changeset": str(CHANGESET),
        "q": "red lamp",
    }

    assert parse(params) == Filters(
        model="testapp.product",
        object="42",
        actor="ana",
        action=Action.LOGIN_FAILED,
        field="price",
        since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        until=dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC),
        changeset=CHANGESET,
        search="red lamp",
    )


@pytest.mark.django_db
def test_empty_values_and_the_callers_own_parameters_ask_for_nothing() -> None:
    assert parse({"model": "", "action": " ", "cursor": "x"}, also=["cursor"]) == Filters()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "parameter", "message"),
    [
        ({"modle": "x"}, "modle", "There is no such parameter. Did you mean “model”?"),
        ({"zzz": "x"}, "zzz", "There is no such parameter."),
        ({"pagesize": "5"}, "pagesize", "There is no such parameter. Did you mean “page_size”?"),
        (
            {"model": "testapp.produkt"},
            "model",
            "There is no model “testapp.produkt”; a model is written as app.model. Did you mean “testapp.product”?",
        ),
        ({"model": "%"}, "model", "There is no model “%”; a model is written as app.model."),
        (
            {"action": "updated"},
            "action",
            (
                "There is no action “updated”; the actions are create, update, delete, baseline, access, login, "
                "logout, login_failed, event, redaction, prune. Did you mean “update”?"
            ),
        ),
        (
            {"since": "2026-02-30"},
            "since",
            "“2026-02-30” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.",
        ),
        (
            {"until": "yesterday"},
            "until",
            "“yesterday” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.",
        ),
        (
            {"until": "9999-12-31"},
            "until",
            "“9999-12-31” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.",
        ),
        (
            {"since": "0001-01-01T00:00:00+10:00"},
            "since",
            "“0001-01-01T00:00:00+10:00” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.",
        ),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "This must be later than “since”."),
        ({"changeset": "7"}, "changeset", "“7” is not a changeset, which is a UUID."),
        ({"q": "x" * 201}, "q", "At most 200 characters can be searched for."),
        ({"search": "x" * 201}, "search", "At most 200 characters can be searched for."),
        ({"object": "a\x00b"}, "object", "The value holds characters that no entry can hold."),
        ({"actor": "a\udc80"}, "actor", "The value holds characters that no entry can hold."),
    ],
)
def test_what_is_wrong_is_said_by_name(params: dict[str, str], parameter: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(params, also=["cursor", "page_size"])

    assert (caught.value.parameter, caught.value.message) == (parameter, message)
    assert str(caught.value) == f"{parameter}: {message}"


@pytest.mark.django_db
def test_a_removed_model_is_known_by_the_entries_one_may_see() -> None:
    make_entry(model="gone.thing", object_repr="relic")

    assert found(model="gone.thing") == ["relic"]
    with pytest.raises(FilterError, match=r"There is no model “gone\.thing”"):
        parse({"model": "gone.thing"}, within=Entry.objects.none())


@pytest.mark.django_db
def test_the_label_of_a_proxy_asks_for_its_concrete_model() -> None:
    make_entry()

    assert found(model="testapp.discounted") == ["Lamp"]


@pytest.mark.django_db
def test_a_date_is_a_day_of_the_current_time_zone() -> None:
    with timezone.override(MADRID):
        filters = parse({"since": "2026-03-29", "until": "2026-03-29"})

    assert filters == Filters(
        since=dt.datetime(2026, 3, 28, 22, tzinfo=dt.UTC), until=dt.datetime(2026, 3, 29, 22, tzinfo=dt.UTC)
    )


@pytest.mark.django_db
def test_a_time_without_zone_is_one_of_the_current_time_zone() -> None:
    with timezone.override(MADRID):
        assert parse({"until": "2026-03-29 10:30"}) == Filters(until=dt.datetime(2026, 3, 29, 8, 30, tzinfo=dt.UTC))


@pytest.mark.django_db
@override_settings(USE_TZ=False)
def test_a_project_without_time_zones_compares_its_own_time() -> None:
    with timezone.override(MADRID):
        filters = parse({"since": "2026-03-29", "until": "2026-03-29T10:00:00+00:00"})

    assert filters == Filters(since=dt.datetime(2026, 3, 29), until=dt.datetime(2026, 3, 29, 12))  # noqa: DTZ001


# --- asking


@pytest.mark.django_db
def test_filters_narrow_by_model_object_action_and_changeset() -> None:
    other = uuid.uuid4()
    make_entry(object_repr="a")
    make_entry(object_repr="b", object_id="2", action=Action.CREATE)
    make_entry(object_repr="c", model="testapp.tag", changeset=other)

    assert found(model="testapp.product") == ["a", "b"]
    assert found(object="1") == ["a", "c"]
    assert found(model="testapp.product", object="1") == ["a"]
    assert found(action="create") == ["b"]
    assert found(changeset=str(other)) == ["c"]
    assert found() == ["a", "b", "c"]


@pytest.mark.django_db
def test_an_actor_is_found_by_name_and_id_also_after_deletion() -> None:
    ana = User.objects.create_user("ana")
    make_entry(object_repr="as ana", actor_id=ana.pk)
    make_entry(object_repr="as a command", actor_repr="command:import (os user ana)")
    key = str(ana.pk)
    User.objects.all().delete()

    assert found(model="testapp.product", actor="ana") == ["as ana"]
    assert found(model="testapp.product", actor=key) == ["as ana"]
    assert found(model="testapp.product", actor="command:import (os user ana)") == ["as a command"]
    assert found(actor="9" * 30) == []


@pytest.mark.django_db
def test_a_field_is_a_key_of_the_changes() -> None:
    make_entry(object_repr="price")
    make_entry(object_repr="tags", changes={"tags": {"added": [[1, "price"]], "removed": []}})
    make_entry(object_repr="odd", changes={"b.c": [1, 2], "0": [None, "price"]})

    assert found(field="price") == ["price"]
    assert found(field="tags") == ["tags"]
    assert found(field="b.c") == ["odd"]
    assert found(field="0") == ["odd"]
    assert found(field="added") == []


@pytest.mark.django_db
def test_until_with_a_date_includes_the_day_and_with_an_instant_excludes_it() -> None:
    make_entry(object_repr="before", recorded_at=NOON - dt.timedelta(days=1))
    make_entry(object_repr="noon")
    make_entry(object_repr="midnight", recorded_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))

    assert found(until="2026-03-01") == ["before", "noon"]
    assert found(since="2026-03-01", until="2026-03-01") == ["noon"]
    assert found(until=NOON.isoformat()) == ["before"]
    assert found(since=NOON.isoformat()) == ["noon", "midnight"]


@pytest.mark.django_db
def test_search_wants_every_word_anywhere_and_takes_wildcards_literally() -> None:
    make_entry(object_repr="Red Lamp 100%", reason="Price list")
    make_entry(object_repr="Red Chair", event="chair.moved")
    make_entry(object_repr="Blue", object_id="key-7", actor_repr="red_hand")

    assert found(q="red") == ["Red Lamp 100%", "Red Chair", "Blue"]
    assert found(q="LAMP list") == ["Red Lamp 100%"]
    assert found(q="100%") == ["Red Lamp 100%"]
    assert found(q="d_h") == ["Blue"]
    assert found(search="chair.moved") == ["Red Chair"]
    assert found(q="key-7") == ["Blue"]
    assert found(q="red green") == []


# --- keys of objects


@pytest.mark.parametrize(
    ("model", "text", "keys"),
    [
        (None, "7", ["7"]),
        (Product, "7", ["7"]),
        (Product, "007", ["007", "7"]),
        (Product, "seven", ["seven"]),
        (Bistro, "07", ["07", "7"]),
        (
            Ticket,
            "01890000000070008000000000000001",
            ["01890000-0000-7000-8000-000000000001", "01890000000070008000000000000001"],
        ),
        (Document, "a/b c", ["a/b c"]),
        (Document, "x" * 300, [key_text("x" * 300)]),
        (Seat, '["A",5]', ['["A", "5"]', '["A",5]']),
        (Seat, "A", ["A"]),
        (Seat, "5", ["5"]),
    ],
)
def test_keys_are_found_as_written_and_as_stored(model: Any, text: str, keys: list[str]) -> None:
    assert object_keys(model, text) == keys


def test_a_masked_key_is_found_by_its_value_and_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = key_text("abc", masked=True)
    monkeypatch.setitem(registry.by_model[Account].__dict__, "key_is_masked", True)

    assert object_keys(Account, "abc") == [digest]
    assert object_keys(Account, digest) == [digest]


@pytest.mark.django_db
def test_a_renamed_model_is_found_under_both_labels() -> None:
    make_entry(model="shop.article", object_repr="then")
    make_entry(model="testapp.product", object_repr="now")
    before = registry.by_model[Product]
    registry.by_model[Product] = type(before)(Product, type(before.options)(formerly=("shop.article",)))
    try:
        assert found(model="testapp.product") == ["then", "now"]
        assert found(model="shop.article") == ["then", "now"]
    finally:
        registry.by_model[Product] = before
