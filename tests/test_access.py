"""Who may see what: auditlog.query.access."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User

from auditlog.models import Action, Entry
from auditlog.query.access import may_see_log, visible_to
from tests.entry_factory import make_entry, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries() -> dict[str, Entry]:
    return {
        "product": make_entry(),
        "place": make_entry(model="testapp.place"),
        "removed": make_entry(model="gone.thing"),
        "event": make_entry(model="", object_id="", object_repr="", action=Action.EVENT, event="night.closed"),
    }


def seen(user: User | AnonymousUser, entries: dict[str, Entry]) -> set[str]:
    keys = set(visible_to(Entry.objects.all(), user).values_list("pk", flat=True))
    return {name for name, entry in entries.items() if entry.pk in keys}


def test_view_entry_shows_the_models_the_user_may_view(entries: dict[str, Entry]) -> None:
    user = make_user("ana", "auditlog.view_entry", "testapp.view_product")

    assert seen(user, entries) == {"product"}


def test_who_may_change_a_model_may_view_it(entries: dict[str, Entry]) -> None:
    user = make_user("ana", "auditlog.view_entry", "testapp.change_place")

    assert seen(user, entries) == {"place"}


def test_permission_on_the_model_alone_shows_nothing(entries: dict[str, Entry]) -> None:
    assert seen(make_user("ana", "testapp.view_product"), entries) == set()


def test_view_all_entries_shows_removed_models_and_events(entries: dict[str, Entry]) -> None:
    user = make_user("auditor", "auditlog.view_all_entries")

    assert seen(user, entries) == {"product", "place", "removed", "event"}


def test_superuser_sees_all_and_anonymous_nothing(entries: dict[str, Entry]) -> None:
    assert seen(make_user("root", is_superuser=True), entries) == {"product", "place", "removed", "event"}
    assert seen(AnonymousUser(), entries) == set()


@pytest.mark.parametrize(
    ("permissions", "values", "allowed"),
    [
        (["auditlog.view_entry"], {}, True),
        (["auditlog.view_all_entries"], {}, True),
        ([], {"is_superuser": True}, True),
        ([], {}, False),
        (["testapp.view_product"], {}, False),
        (["auditlog.view_entry"], {"is_staff": False}, False),
        (["auditlog.view_entry"], {"is_active": False}, False),
        ([], {"is_superuser": True, "is_staff": False}, False),
        ([], {"is_superuser": True, "is_active": False}, False),
    ],
)
def test_the_log_is_open_to_active_staff_with_a_permission(
    permissions: list[str], values: dict[str, bool], allowed: bool
) -> None:
    assert may_see_log(make_user("ana", *permissions, **values)) is allowed


def test_the_log_is_closed_to_anonymous() -> None:
    assert may_see_log(AnonymousUser()) is False
