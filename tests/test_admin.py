"""Browsing in the admin: auditlog.admin."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from auditlog.models import Action, Entry
from tests.entry_factory import CHANGESET, make_entry, make_user
from tests.html_pages import ids, link, links, table, tags
from tests.testapp.models import Category, Document, Product

pytestmark = pytest.mark.django_db

LIST = "/admin/auditlog/entry/"
ATTACK = "<script>alert('x')</script>"


@pytest.fixture
def root(client: Client) -> User:
    """A logged-in superuser."""
    user = User.objects.create_superuser("root", password="secret")
    client.force_login(user)
    return user


def logged_in(client: Client, *permissions: str, **values: Any) -> User:
    user = make_user("staff", *permissions, **values)
    client.force_login(user)
    return user


def get(client: Client, address: str = LIST, status: int = 200, **parameters: Any) -> str:
    response = client.get(address, parameters)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def products(client: Client, **parameters: Any) -> list[tuple[str, ...]]:
    return table(get(client, **{"model": "testapp.product", **parameters}))


ROW = ("March 1, 2026, noon", "ana", "~update", "Product", "Lamp timeline of Lamp", "price 10.00 → 12.00")


def test_a_row_says_who_changed_what_when(client: Client, root: User) -> None:
    entry = make_entry(changes={"price": ["10.00", "12.00"], "stock": [5, 4]})

    html = get(client, model="testapp.product")

    assert table(html) == [(*ROW[:5], "price 10.00 → 12.00 stock 5 → 4")]
    assert '<time datetime="2026-03-01T12:00:00.123456+00:00" title="2026-03-01 12:00:00 UTC">' in html
    assert link(html, ROW[0]) == f"{LIST}{entry.pk}/change/"
    assert link(html, "ana") == f"{LIST}?actor=ana"
    assert link(html, "timeline of Lamp") == f"{LIST}?model=testapp.product&object=1"


def test_a_row_of_the_last_minutes_says_how_long_ago(client: Client, root: User) -> None:
    product = Product.objects.create(name="Lamp")

    html = get(client, model="testapp.product", object=product.pk)

    assert [row[0] for row in table(html)] == ["just now"]


@pytest.mark.parametrize(
    ("action", "symbol", "changes", "seen"),
    [
        ("create", "+", {"id": [None, 1], "name": [None, "Lamp"], "manual": [None, ""]}, "name Lamp"),
        ("delete", "−", {"id": [1, None], "name": ["Lamp", None]}, "name Lamp"),  # noqa: RUF001 - the minus sign
        ("baseline", "=", {"name": [None, "Lamp"]}, "name Lamp"),
        ("access", "○", {}, ""),
        ("update", "~", {"tags": {"added": [[1, "red"]], "removed": [[2, "blue"]]}}, "tags −blue +red"),  # noqa: RUF001
        ("update", "~", {"name": {"masked": True}}, "name changed (hidden)"),
        ("update", "~", {"gone": ["a", "b"]}, "gone a → b"),
    ],
)
def test_each_kind_of_change_at_a_glance(
    client: Client, root: User, action: str, symbol: str, changes: dict[str, Any], seen: str
) -> None:
    make_entry(action=Action[action.upper()], changes=changes)

    assert [(row[2], row[5]) for row in products(client)] == [(symbol + action, seen)]


def test_every_action_has_its_badge(client: Client, root: User) -> None:
    for action in Action:
        make_entry(action=action, event="invoice.sent" if action == Action.EVENT else "")

    badges = [row[2] for row in reversed(products(client))]

    assert badges == [
        "+create", "~update", "−delete", "=baseline", "○access", "→login", "←logout", "!login failed",  # noqa: RUF001
        "*invoice.sent", "■redaction", "▽prune",
    ]  # fmt: skip


def test_many_changed_fields_are_cut_with_their_number(client: Client, root: User) -> None:
    make_entry(changes={f"f{number}": [1, 2] for number in range(8)})

    (row,) = products(client)

    assert row[5] == "f0 1 → 2 f1 1 → 2 f2 1 → 2 f3 1 → 2 f4 1 → 2 and 3 more fields"


def test_a_living_object_links_to_its_change_page(client: Client, root: User) -> None:
    product = Product.objects.create(name="Lamp")
    document = Document.objects.create(path="a/b_c")

    html = get(client)

    assert link(html, "Lamp") == f"/admin/testapp/product/{product.pk}/change/"
    assert link(html, "Document object (a/b_c)") == reverse("admin:testapp_document_change", args=("a_2Fb_5Fc",))
    assert client.get(link(html, "Document object (a/b_c)")).context["original"] == document


@pytest.mark.parametrize(
    "values",
    [
        {"object_id": "77"},  # deleted
        {"object_id": "no number"},
        {"object_id": "9" * 30},
        {"model": "testapp.supplier"},  # no admin
        {"model": "gone.model"},
    ],
)
def test_what_cannot_be_opened_is_plain_text(client: Client, root: User, values: dict[str, str]) -> None:
    Product.objects.create(pk=1, name="Other")
    make_entry(**values)

    html = get(client, q="Lamp")

    assert [row[4] for row in table(html)] == ["Lamp timeline of Lamp"]
    assert [address for text, address in links(html) if text == "Lamp"] == []


def test_an_object_the_user_may_not_open_is_plain_text(client: Client) -> None:
    logged_in(client, "auditlog.view_all_entries")
    Product.objects.create(pk=1, name="Lamp")

    html = get(client, model="testapp.product")

    assert [address for text, address in links(html) if text == "Lamp"] == []


def test_entries_of_a_deleted_user_keep_his_name(client: Client, root: User) -> None:
    ana = make_user("ana")
    make_entry(actor=ana)
    ana.delete()

    assert products(client) == [ROW]
    assert products(client, actor="ana") == [ROW]
    entry = Entry.objects.get(model="testapp.product")
    assert "ana" in get(client, f"{LIST}{entry.pk}/change/")


def test_an_entry_of_nobody_and_of_a_nameless_user(client: Client, root: User) -> None:
    make_entry(actor_repr="")
    make_entry(actor_repr="", actor_id=4711)

    assert [row[1] for row in products(client)] == ["#4711", "nobody"]


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (dt.timedelta(seconds=20), "just now"),
        (dt.timedelta(minutes=5), "5\N{NO-BREAK SPACE}minutes ago"),
        (dt.timedelta(hours=3), "3\N{NO-BREAK SPACE}hours ago"),
    ],
)
def test_times_are_told_as_people_do(client: Client, root: User, age: dt.timedelta, text: str) -> None:
    make_entry(recorded_at=timezone.now() - age)

    assert f">{text}</time>" in get(client, model="testapp.product")


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"action": "create"}, ["a"]),
    ({"model": "testapp.product"}, ["c", "a"]),
    ({"model": "testapp.product", "object": "3"}, ["c"]),
    ({"actor": "bo"}, ["c"]),
    ({"field": "stock"}, ["b"]),
    ({"since": "2026-03-02", "until": "2026-03-02"}, ["b"]),
    ({"changeset": str(CHANGESET)}, ["c", "b"]),
    ({"q": "LAMP ana"}, ["b", "a"]),
    ({"action": "update", "actor": "bo", "field": "price"}, ["c"]),
]


@pytest.mark.parametrize(("parameters", "found"), FILTERS)
def test_filters(client: Client, root: User, parameters: dict[str, str], found: list[str]) -> None:
    day = dt.timedelta(days=1)
    start = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    other = uuid.UUID(int=7)
    make_entry(object_repr="Lamp a", object_id="1", action=Action.CREATE, recorded_at=start, changeset=other)
    make_entry(
        object_repr="Lamp b", object_id="2", model="testapp.tag", changes={"stock": [1, 2]}, recorded_at=start + day
    )
    make_entry(object_repr="Lamp c", object_id="3", actor_repr="bo", recorded_at=start + 2 * day)

    rows = table(get(client, LIST, 200, **{"q": "lamp", **parameters}))

    assert [row[4].split()[1] for row in rows] == found


def test_filters_in_force_are_shown_with_the_way_to_remove_each(client: Client, root: User) -> None:
    make_entry()

    html = get(client, actor="ana", action="update", object="1", cursor="")

    chips = [(text, address) for text, address in links(html) if text.startswith("✕")]
    assert chips == [
        ("✕ Remove the filter Action: update", "?object=1&actor=ana"),
        ("✕ Remove the filter Object: 1", "?action=update&actor=ana"),
        ("✕ Remove the filter Actor: ana", "?action=update&object=1"),
    ]
    assert '<option value="update" selected>Update</option>' in html
    assert '<input type="hidden" name="object" value="1">' in html


BAD = [
    ("action", "dance", "There is no action “dance”"),
    ("model", "shop.nothing", "There is no model “shop.nothing”"),
    ("since", "soon", "“soon” is not a date"),
    ("until", "2026-02-30", "“2026-02-30” is not a date"),
    ("changeset", "x", "“x” is not a changeset"),
    ("q", "x" * 201, "At most 200 characters"),
    ("actor", "a\x00b", "The value holds characters that no entry can hold."),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_a_bad_filter_is_named_on_the_page(client: Client, root: User, name: str, value: str, message: str) -> None:
    make_entry()

    response = client.get(LIST, {name: value})

    html = response.content.decode()
    assert response.status_code == 400
    assert f"The filter “{name}” cannot be used: {message}" in html
    assert table(html) == []
    assert 'class="auditlog-filters"' in html


def test_a_cursor_that_is_not_ours_is_named_on_the_page(client: Client, root: User) -> None:
    html = get(client, status=400, cursor="x")

    assert "This is not a cursor of this log" in html


@pytest.mark.parametrize("hostile", ["a" * 5000, "%", "'; --", "💥", "-1", "9" * 400, "{}", "[]", "a=b&c"])
@pytest.mark.parametrize("name", ["q", "action", "model", "object", "actor", "field", "since", "until", "cursor"])
def test_no_value_of_a_filter_is_an_error_of_the_server(client: Client, root: User, name: str, hostile: str) -> None:
    assert client.get(LIST, {name: hostile}).status_code in (200, 400)


def test_parameters_of_the_admin_itself_are_left_alone(client: Client, root: User) -> None:
    make_entry()

    assert table(get(client, model="testapp.product", _popup="1", e="1")) == [ROW]


def test_the_list_without_entries_says_so(client: Client, root: User) -> None:
    assert "No entry matches these filters." in get(client, model="testapp.product")


@override_settings(AUDITLOG={"PAGE_SIZE": 2})
def test_pages_lead_to_older_and_newer_entries_with_the_same_filters(client: Client, root: User) -> None:
    for name in "abcde":
        make_entry(object_repr=name)

    first = get(client, model="testapp.product")
    second = get(client, LIST + link(first, "older →"))
    third = get(client, LIST + link(second, "older →"))
    back = get(client, LIST + link(third, "← newer"))

    seen = [[row[4][0] for row in table(page)] for page in (first, second, third, back)]
    assert seen == [["e", "d"], ["c", "b"], ["a"], ["c", "b"]]
    assert "← newer" not in dict(links(first))
    assert "older →" not in dict(links(third))
    assert parse_qs(urlsplit(link(second, "← newer")).query)["model"] == ["testapp.product"]


def test_a_page_costs_the_same_queries_however_long_it_is(client: Client, root: User) -> None:
    """No COUNT, no OFFSET, no query per row."""
    category = Category.objects.create(name="Light")
    for number in range(3):
        product = Product.objects.create(name=f"Lamp {number}", category=category)
    get(client)  # content types and the like are read once
    few = queries(client)
    for number in range(30):
        product = Product.objects.create(name=f"Lamp {number}", category=category)
    assert product.pk

    many = queries(client)

    assert len(many) == len(few)
    about_entries = [sql for sql in many if "auditlog_entry" in sql]
    assert len(about_entries) == 1
    assert [sql for sql in many if "COUNT(" in sql or "OFFSET" in sql] == []
    # session, user, entries, and for each model: do the objects still live, what are foreign keys called
    assert len(many) <= 7


def queries(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        get(client, q="Lamp")
    return [query["sql"] for query in captured.captured_queries]


def test_the_choices_of_the_filters_read_no_table(client: Client) -> None:
    logged_in(client, "auditlog.view_entry", "testapp.view_product", "testapp.view_tag")

    html = get(client)

    offered = html[html.index('id="auditlog-model"') : html.index('id="auditlog-actor"')]
    assert [part.split('"')[0] for part in offered.split('<option value="')[1:]] == [
        "", "testapp.product", "testapp.tag",
    ]  # fmt: skip


def test_fields_of_the_chosen_model_are_suggested(client: Client, root: User) -> None:
    html = get(client, model="testapp.account")

    suggested = html[html.index("<datalist") : html.index("</datalist>")]
    assert [part.split('"')[0] for part in suggested.split('<option value="')[1:]] == [
        "id", "owner", "api_key", "phone",
    ]  # fmt: skip


def test_a_removed_model_stays_chosen(client: Client, root: User) -> None:
    make_entry(model="gone.model")

    html = get(client, model="gone.model")

    assert '<option value="gone.model" selected>gone.model</option>' in html
    assert [row[3] for row in table(html)] == ["gone.model"]


def test_the_detail_page_shows_old_and_new_side_by_side(client: Client, root: User) -> None:
    entry = make_entry(
        changes={
            "price": ["10.00", "12.00"],
            "name": {"masked": True},
            "tags": {"added": [[1, "red"]], "removed": [[2, "blue"]]},
            "gone": ["a", None],
        },
        context={"user_agent": "Mozilla", "request_id": "r1", "roles": ["staff"]},
        remote_addr="192.0.2.7",
        reason="price list",
    )

    html = get(client, f"{LIST}{entry.pk}/change/")

    assert table(html) == [
        ("name", "hidden", "hidden"),
        ("price", "10.00", "12.00"),
        ("tags", "−blue", "+red"),  # noqa: RUF001 - the minus sign
        ("gone", "a", "—"),
        ("request_id", "r1"),
        ("roles", '["staff"]'),
        ("user_agent", "Mozilla"),
    ]
    for text in ("2026-03-01 12:00:00 UTC", "192.0.2.7", "price list", "testapp.product", str(CHANGESET)):
        assert text in html
    assert link(html, "Everything done together with this") == f"{LIST}?changeset={CHANGESET}"
    assert link(html, "Timeline of this object") == f"{LIST}?model=testapp.product&object=1"


def test_the_detail_page_leads_to_the_neighbours_of_the_object(client: Client, root: User) -> None:
    first, _other, second, third = (make_entry(object_id=key) for key in ("1", "2", "1", "1"))

    pages = [get(client, f"{LIST}{entry.pk}/change/") for entry in (first, second, third)]

    def neighbours(html: str) -> tuple[str, str]:
        found = dict(links(html))
        return found.get("← newer entry", ""), found.get("older entry →", "")

    address = [f"{LIST}{entry.pk}/change/" for entry in (first, second, third)]
    assert [neighbours(page) for page in pages] == [
        (address[1], ""),
        (address[2], address[0]),
        ("", address[1]),
    ]


def test_an_entry_about_no_object_has_a_page(client: Client, root: User) -> None:
    entry = make_entry(action=Action.LOGIN_FAILED, model="", object_id="", object_repr="", changes={}, actor_repr="eve")

    html = get(client, f"{LIST}{entry.pk}/change/")

    assert "No field changed." in html
    assert "!</span>login failed" in html
    assert "Timeline of this object" not in html


@pytest.mark.parametrize("key", ["999999", "9" * 40, "x", "x/y"])
def test_no_such_entry(client: Client, root: User, key: str) -> None:
    assert client.get(f"{LIST}{key}/change/").status_code == 404


def test_everything_stored_is_text(client: Client, root: User) -> None:
    entry = make_entry(
        model="gone." + ATTACK,
        object_id=ATTACK,
        object_repr=ATTACK,
        actor_repr=ATTACK,
        event=ATTACK,
        reason=ATTACK,
        changes={
            ATTACK: [ATTACK, {"key": ATTACK}],
            "tags": {"added": [[ATTACK, ATTACK]], "removed": [[1, ATTACK]]},
        },
        context={ATTACK: ATTACK, "user_agent": ATTACK, "history": ATTACK},
    )
    clean = tags(get(client, q="nothing")).count("script")

    pages = [
        get(client, q=ATTACK),
        get(client, f"{LIST}{entry.pk}/change/"),
        get(client, model=entry.model, object=ATTACK, actor=ATTACK, field=ATTACK),
        get(client, status=400, action=ATTACK, since=ATTACK),
    ]

    for page in pages:
        assert tags(page).count("script") == clean
        assert "&lt;script&gt;" in page
    assert len(table(pages[0])) == len(table(pages[2])) == 1


@pytest.mark.parametrize("parameters", [{}, {"model": "testapp.product"}, {"action": "dance"}])
def test_no_id_is_given_twice(client: Client, root: User, parameters: dict[str, str]) -> None:
    make_entry()
    found = ids(client.get(LIST, parameters).content.decode())

    assert sorted(found) == sorted(set(found))


def test_pages_need_no_inline_script_or_style(client: Client, root: User) -> None:
    """A strict Content-Security-Policy blocks nothing of ours."""
    entry = make_entry()
    for address in (LIST, f"{LIST}{entry.pk}/change/"):
        main = get(client, address).split("<main")[1]

        assert "<script" not in main
        assert "<style" not in main
        assert "style=" not in main
        assert "onclick" not in main


# who may see what: section by permission


def test_without_a_permission_the_log_is_closed(client: Client) -> None:
    logged_in(client, "testapp.view_product")
    entry = make_entry()

    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{entry.pk}/change/").status_code == 403
    assert LIST not in get(client, "/admin/")


def test_an_anonymous_visitor_is_asked_to_log_in(client: Client) -> None:
    response = client.get(LIST)

    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={LIST}")


def test_view_entry_shows_the_models_that_the_user_may_view(client: Client) -> None:
    logged_in(client, "auditlog.view_entry", "testapp.view_product")
    make_entry(object_repr="Lamp")
    hidden = make_entry(model="testapp.tag", object_repr="Secret tag")
    gone = make_entry(model="gone.model", object_repr="Secret gone")

    html = get(client)

    assert table(html) == [ROW]
    assert "Secret" not in html
    assert [client.get(f"{LIST}{entry.pk}/change/").status_code for entry in (hidden, gone)] == [404, 404]
    assert client.get(LIST, {"model": "gone.model"}).status_code == 400
    assert table(get(client, model="testapp.tag")) == []
    assert LIST in get(client, "/admin/")


def test_view_all_entries_shows_removed_models_too(client: Client) -> None:
    logged_in(client, "auditlog.view_all_entries")
    gone = make_entry(model="gone.model")

    assert len(table(get(client, model="gone.model"))) == 1
    assert client.get(f"{LIST}{gone.pk}/change/").status_code == 200


def test_the_permission_on_one_entry_is_that_of_the_list(client: Client, rf: RequestFactory) -> None:
    request = rf.get(LIST)
    request.user = make_user("staff", "auditlog.view_entry", "testapp.view_product")
    model_admin = admin.site.get_model_admin(Entry)
    seen, hidden = make_entry(), make_entry(model="testapp.tag")

    assert [model_admin.has_view_permission(request, entry) for entry in (seen, hidden)] == [True, False]
    assert model_admin.has_add_permission(request) is False
    assert model_admin.has_change_permission(request, seen) is False
    assert model_admin.has_delete_permission(request, seen) is False


def test_nobody_can_write(client: Client, root: User) -> None:
    entry = make_entry()
    page = f"{LIST}{entry.pk}/change/"

    assert client.post(page, {"reason": "changed"}).status_code == 405
    assert client.post(LIST, {"action": "delete_selected", "_selected_action": entry.pk}).status_code == 405
    assert [client.get(f"{LIST}{path}").status_code for path in ("add/", f"{entry.pk}/delete/")] == [404, 404]
    for name in ("add", "delete", "history"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:auditlog_entry_{name}", args=() if name == "add" else (entry.pk,))
    assert Entry.objects.filter(pk=entry.pk).values_list("reason", flat=True).get() == ""
