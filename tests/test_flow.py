"""One change followed from the admin form to every way out: list, detail, History page, CSV, API, Python."""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

import auditlog
from auditlog.models import Action, Entry
from tests.testapp.models import Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ana", password="x"))
    return client


def test_a_change_in_the_admin_is_seen_on_every_way_out(ana: Client) -> None:
    tea = Product.objects.create(name="Tea", price="3.10", stock=5)
    form = {"name": "Tea", "price": "2.80", "stock": "5", "details": "{}"}
    answer = ana.post(
        f"/admin/testapp/product/{tea.pk}/change/", form, headers={"user-agent": "flow", "x-request-id": "r-7"}
    )

    assert answer.status_code == 302
    entry = Entry.objects.filter(action=Action.UPDATE).for_object(tea).get()
    assert (entry.changes, entry.actor_repr, entry.remote_addr) == ({"price": ["3.10", "2.80"]}, "ana", "127.0.0.1")
    assert {name: entry.context[name] for name in ("method", "user_agent", "request_id")} == {
        "method": "POST", "user_agent": "flow", "request_id": "r-7",
    }  # fmt: skip

    pages = (
        "/admin/auditlog/entry/",
        f"/admin/auditlog/entry/{entry.pk}/change/",
        f"/admin/testapp/product/{tea.pk}/history/",
    )
    for page in pages:
        text = ana.get(page).content.decode()
        assert [value for value in ("3.10", "2.80", "ana") if value not in text] == [], page

    out = io.StringIO()
    call_command(
        "auditlog_export", object=str(tea.pk), model="testapp.product", field="price", action="update", stdout=out
    )
    [row] = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["actor"], row["field"], row["old"], row["new"]) == ("ana", "price", "3.10", "2.80")

    [found] = ana.get(f"/api/objects/testapp.product/{tea.pk}/entries/", {"action": "update"}).json()["results"]
    assert (found["id"], found["changes"]) == (str(entry.pk), {"price": ["3.10", "2.80"]})

    assert next(e.pk for e in auditlog.timeline(tea)) == entry.pk


def test_a_failed_log_in_shows_the_typed_name_and_never_the_password(ana: Client) -> None:
    Client().post("/admin/login/", {"username": "<b>mallory</b>", "password": "open sesame"})

    entry = Entry.objects.get(action=Action.LOGIN_FAILED)
    assert (entry.actor_id, entry.object_repr) == (None, "<b>mallory</b>")
    text = ana.get("/admin/auditlog/entry/").content.decode()
    assert "&lt;b&gt;mallory&lt;/b&gt;" in text
    assert ("<b>mallory" in text, "open sesame" in text) == (False, False)
