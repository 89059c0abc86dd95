"""The staff API over HTTP: auditlog.api."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from auditlog.api.parameters import FILTERS, PAGING
from auditlog.api.serializers import EntrySerializer
from auditlog.models import Action
from tests.entry_factory import CHANGESET, NOON, make_entry, make_user
from tests.testapp.models import Bistro, Franchise

pytestmark = pytest.mark.django_db

LIST = "/api/entries/"


@pytest.fixture
def auditor() -> User:
    return make_user("auditor", "auditlog.view_all_entries")


@pytest.fixture
def client(auditor: User) -> APIClient:
    """Logged in by a session, as a browser is; the log is empty but for what the test makes."""
    client = APIClient()
    client.force_login(auditor)
    return client


@pytest.fixture
def made(client: APIClient) -> None:
    """Three entries of a changeset of their own, by which a test can tell them from those of its users."""
    make_entry(object_repr="first")
    make_entry(object_repr="second", object_id="2", action=Action.CREATE, reason="new in stock")
    make_entry(object_repr="third", model="testapp.tag", changes={"name": ["a", "b"]})


def labels(client: APIClient, path: str = LIST, **params: Any) -> list[str]:
    response = client.get(path, {"changeset": str(CHANGESET), **params})
    assert response.status_code == 200, response.json()
    return [entry["object_repr"] for entry in response.json()["results"]]


# --- who may ask


def test_anonymous_gets_401_or_403() -> None:
    assert APIClient().get(LIST).status_code in (401, 403)
    assert APIClient().get("/api/entries/1/").status_code in (401, 403)
    assert APIClient().get("/api/objects/testapp.product/1/entries/").status_code in (401, 403)


@pytest.mark.parametrize(
    ("permissions", "values", "status"),
    [
        (["auditlog.view_entry"], {}, 200),
        (["auditlog.view_all_entries"], {}, 200),
        ([], {"is_superuser": True}, 200),
        ([], {}, 403),
        (["auditlog.view_all_entries"], {"is_staff": False}, 403),
    ],
)
def test_the_api_is_for_staff_with_a_permission(permissions: list[str], values: dict[str, bool], status: int) -> None:
    client = APIClient()
    client.force_login(make_user("ana", *permissions, **values))

    assert client.get(LIST).status_code == status
    assert client.get("/api/objects/testapp.product/1/entries/").status_code == status


def test_a_token_opens_the_api_without_code_in_the_project(auditor: User) -> None:
    make_entry()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=auditor).key}")

    assert labels(client) == ["Lamp"]
    client.credentials(HTTP_AUTHORIZATION="Token wrong")
    assert client.get(LIST).status_code in (401, 403)


def test_staff_see_the_entries_of_models_they_may_view() -> None:
    shown, hidden = make_entry(object_repr="shown"), make_entry(object_repr="hidden", model="testapp.tag")
    client = APIClient()
    client.force_login(make_user("ana", "auditlog.view_entry", "testapp.view_product"))

    assert labels(client) == ["shown"]
    assert client.get(f"/api/entries/{shown.pk}/").status_code == 200
    assert client.get(f"/api/entries/{hidden.pk}/").status_code == 404
    assert labels(client, "/api/objects/testapp.tag/1/entries/") == []


def test_a_model_that_is_gone_is_no_secret_to_auditors_only(client: APIClient) -> None:
    make_entry(model="gone.thing", object_repr="relic")
    ana = APIClient()
    ana.force_login(make_user("ana", "auditlog.view_entry"))

    assert labels(client, model="gone.thing") == ["relic"]
    assert ana.get(LIST, {"model": "gone.thing"}).status_code == 400


@pytest.mark.parametrize("path", [LIST, "/api/entries/1/", "/api/objects/testapp.product/1/entries/"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(client: APIClient, path: str, method: str) -> None:
    assert getattr(client, method)(path, {}, format="json").status_code == 405


def test_answers_are_not_cached(client: APIClient) -> None:
    assert "no-store" in client.get(LIST)["Cache-Control"]


# --- what an entry looks like


def test_an_entry_is_json_with_ids_as_strings(client: APIClient) -> None:
    ana = User.objects.create_user("ana")
    entry = make_entry(
        id=2**53 + 1, actor_id=ana.pk, remote_addr="2001:db8::1", reason="why", context={"path": "/x"}, event=""
    )
    User.objects.filter(pk=ana.pk).delete()
    expected = {
        "id": "9007199254740993",
        "recorded_at": "2026-03-01T12:00:00.123456Z",
        "action": "update",
        "event": "",
        "model": "testapp.product",
        "object_id": "1",
        "object_repr": "Lamp",
        "actor": {"id": str(ana.pk), "name": "ana"},
        "changeset": str(CHANGESET),
        "remote_addr": "2001:db8::1",
        "reason": "why",
        "context": {"path": "/x"},
        "changes": {"price": ["10.00", "12.00"]},
    }

    assert client.get(f"/api/entries/{entry.pk}/").json() == expected
    assert client.get(LIST, {"changeset": str(CHANGESET)}).json() == {
        "next": None,
        "previous": None,
        "results": [expected],
    }


def test_an_event_about_nothing_by_nobody(client: APIClient) -> None:
    entry = make_entry(
        action=Action.EVENT, event="night.closed", model="", object_id="", object_repr="", actor_repr="", changes={}
    )

    found = client.get(f"/api/entries/{entry.pk}/").json()

    assert (found["action"], found["event"], found["model"]) == ("event", "night.closed", "")
    assert (found["actor"], found["remote_addr"], found["changes"]) == ({"id": None, "name": ""}, None, {})


@pytest.mark.parametrize("key", [10**12, 10**30])
def test_an_entry_that_is_not_there_is_404(client: APIClient, key: int) -> None:
    assert client.get(f"/api/entries/{key}/").status_code == 404


def test_the_browsable_page_escapes_what_is_stored(client: APIClient) -> None:
    entry = make_entry(object_repr="<script>alert(1)</script>", reason="<img src=x onerror=alert(1)>")

    for path in (LIST, f"/api/entries/{entry.pk}/"):
        page = client.get(path, HTTP_ACCEPT="text/html").content.decode()
        assert "alert(1)" in page
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page


# --- filters


def test_filters_are_those_of_the_command_and_q(client: APIClient, made: None) -> None:
    assert labels(client) == ["third", "second", "first"]
    assert labels(client, model="testapp.product") == ["second", "first"]
    assert labels(client, object="2") == ["second"]
    assert labels(client, actor="ana") == ["third", "second", "first"]
    assert labels(client, actor="bob") == []
    assert labels(client, action="create") == ["second"]
    assert labels(client, field="name") == ["third"]
    assert labels(client, since=NOON.date().isoformat()) == ["third", "second", "first"]
    assert labels(client, until="2026-02-28") == []
    assert labels(client, q="STOCK new") == ["second"]
    assert labels(client, changeset=str(uuid.uuid4())) == []


@pytest.mark.parametrize("odd", ['"', "'", "\\", "$.x", "%", "a.b[0]", "é", '$"', "]", '\\"'])
def test_odd_values_are_only_values(client: APIClient, made: None, odd: str) -> None:
    for name in ("field", "object", "actor", "q"):
        assert client.get(LIST, {name: odd}).status_code == 200, name


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("modle=x", {"modle": ["There is no such parameter. Did you mean “model”?"]}),
        ("pagesize=5", {"pagesize": ["There is no such parameter. Did you mean “page_size”?"]}),
        (
            "model=testapp.tagg",
            {
                "model": [
                    "There is no model “testapp.tagg”; a model is written as app.model. Did you mean “testapp.tag”?"
                ]
            },
        ),
        (
            "since=soon",
            {"since": ["“soon” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00."]},
        ),
        ("changeset=5", {"changeset": ["“5” is not a changeset, which is a UUID."]}),
        ("object=%00", {"object": ["The value holds characters that no entry can hold."]}),
        ("actor=a&actor=b", {"actor": ["This is given more than once."]}),
        ("page_size=0", {"page_size": ["“0” is not a number from 1 to 1000."]}),
        ("page_size=1001", {"page_size": ["“1001” is not a number from 1 to 1000."]}),
        ("page_size=-1", {"page_size": ["“-1” is not a number from 1 to 1000."]}),
        ("page_size=9999999999999", {"page_size": ["“9999999999999” is not a number from 1 to 1000."]}),
        (
            "cursor=x",
            {"cursor": ["This is not a cursor of this log: use one from the answer's “next” or “previous”."]},
        ),
    ],
)
def test_a_bad_parameter_is_named_by_a_400(client: APIClient, query: str, answer: dict[str, list[str]]) -> None:
    response = client.get(f"{LIST}?{query}")

    assert (response.status_code, response.json()) == (400, answer)


@pytest.mark.parametrize("name", ["model", "object"])
def test_a_timeline_takes_no_filter_that_its_address_settles(client: APIClient, name: str) -> None:
    response = client.get("/api/objects/testapp.product/1/entries/", {name: "testapp.product"})

    assert (response.status_code, response.json()) == (400, {name: ["The address says this already."]})


# --- pages


def test_pages_are_followed_by_their_links(client: APIClient) -> None:
    for label in "abcde":
        make_entry(object_repr=label)
    address: str | None = f"{LIST}?changeset={CHANGESET}&page_size=2"
    seen, back = [], None

    while address:
        answer = client.get(address).json()
        seen.append([entry["object_repr"] for entry in answer["results"]])
        back, address = answer["previous"], answer["next"]

    assert seen == [["e", "d"], ["c", "b"], ["a"]]
    assert back is not None
    assert back.startswith(f"http://testserver{LIST}?changeset={CHANGESET}&")
    assert [entry["object_repr"] for entry in client.get(back).json()["results"]] == ["c", "b"]


@override_settings(AUDITLOG={"PAGE_SIZE": 2})
def test_the_size_of_a_page_is_a_setting(client: APIClient, made: None) -> None:
    assert labels(client) == ["third", "second"]
    assert labels(client, page_size="3") == ["third", "second", "first"]


@pytest.mark.parametrize(
    "permissions", [["auditlog.view_all_entries"], ["auditlog.view_entry", "testapp.view_product"]]
)
def test_a_page_of_a_hundred_costs_three_queries(permissions: list[str]) -> None:
    actor = User.objects.create_user("ana")
    for number in range(101):
        make_entry(object_id=str(number), actor_id=actor.pk)
    client = APIClient()
    client.force_authenticate(make_user("auditor", *permissions))

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(LIST, {"page_size": "100", "model": "testapp.product"}).json()

    assert len(answer["results"]) == 100
    assert answer["next"] is not None
    assert len(queries) == 3  # the user's own permissions, those of his groups, the page


# --- timelines


@pytest.mark.parametrize("key", ["1", "a/b", "/a", "a//b/", "a b?c#d", "é/entries", '["A", "5"]', "100%"])
def test_a_timeline_is_found_by_any_key(client: APIClient, key: str) -> None:
    make_entry(model="gone.thing", object_id=key, object_repr="this")
    make_entry(model="gone.thing", object_id="other")

    assert labels(client, f"/api/objects/gone.thing/{quote(key)}/entries/") == ["this"]


def test_a_timeline_joins_the_parents_of_the_object(client: APIClient) -> None:
    bistro = Bistro.objects.create(name="Lhardy", wine="red")

    answer = client.get(f"/api/objects/testapp.bistro/{bistro.pk}/entries/").json()

    assert sorted(entry["model"] for entry in answer["results"]) == [
        "testapp.bistro",
        "testapp.place",
        "testapp.restaurant",
    ]


def test_a_timeline_joins_parents_with_a_key_of_their_own_while_the_object_is_there(client: APIClient) -> None:
    franchise = Franchise.objects.create(code="MAD", name="Lhardy")
    address = "/api/objects/testapp.franchise/MAD/entries/"

    there = [entry["model"] for entry in client.get(address).json()["results"]]
    franchise.delete()
    gone = [entry["model"] for entry in client.get(address).json()["results"]]

    assert sorted(there) == ["testapp.franchise", "testapp.place"]
    assert gone == ["testapp.franchise", "testapp.franchise"]


# --- the description


def test_openapi_is_valid_and_without_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, urlconf="tests.urls")

    assert "/api/entries/{id}/:" in capsys.readouterr().out


def test_openapi_names_parameters_and_answers() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    paths = {path: [each["name"] for each in found["get"]["parameters"]] for path, found in schema["paths"].items()
             if path.startswith(("/api/entries", "/api/objects"))}  # fmt: skip
    filters = ["action", "actor", "changeset", "cursor", "field"]

    assert paths == {
        LIST: [*filters, "model", "object", "page_size", "q", "since", "until"],
        "/api/entries/{id}/": ["id"],
        "/api/objects/{model}/{object_id}/entries/": [
            *filters,
            "model",
            "object_id",
            "page_size",
            "q",
            "since",
            "until",
        ],
    }
    entry = schema["components"]["schemas"]["Entry"]
    assert sorted(entry["required"]) == sorted(entry["properties"])
    assert entry["properties"]["id"]["type"] == "string"


def test_the_docs_name_every_parameter_and_field() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "api.md").read_text()
    table = page.partition("## Parameters")[2].partition("## An entry")[0]
    named = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    example = json.loads(page.partition("```json")[2].partition("```")[0])

    assert sorted(named) == sorted([*FILTERS, *PAGING])
    assert list(example) == list(EntrySerializer().fields)
