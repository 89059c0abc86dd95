"""The History page of registered models' admins, and the timeline on a project's own page."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib import admin, messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from simple_history.admin import SimpleHistoryAdmin

from auditlog.integrations import admin_history
from auditlog.integrations.admin_history import has_own_page
from auditlog.integrations.admin_links import AdminLinks
from auditlog.integrations.admin_merge import HistoryPage, history_page
from auditlog.models import Entry
from auditlog.query.pages import CursorError
from auditlog.recording import paused
from tests.entry_factory import NOON, make_entry, make_user
from tests.html_pages import link, links, table, tags
from tests.testapp.models import Document, Product, Recipe, Restaurant, Tag, Unregistered

if TYPE_CHECKING:
    ProductAdminBase = ModelAdmin[Product]
else:
    ProductAdminBase = ModelAdmin

pytestmark = pytest.mark.django_db

ATTACK = "<script>alert('x')</script>"
SHAPE = "/admin/testapp/product/{}/history/"


@pytest.fixture
def root(client: Client) -> User:
    """A logged-in superuser."""
    user = User.objects.create_superuser("root", password="secret")
    client.force_login(user)
    return user


def get(client: Client, address: str, status: int = 200, **parameters: Any) -> str:
    response = client.get(address, parameters)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def log_line(user: User, key: str, message: str, moment: dt.datetime, model: type = Product) -> LogEntry:
    """A line of Django's own admin log."""
    return LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(model),
        object_id=key,
        object_repr="Lamp",
        action_flag=CHANGE,
        change_message=message,
        action_time=moment,
    )


def minutes(count: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=count)


def test_the_timeline_with_the_lines_of_the_admin_among_it(client: Client, root: User) -> None:
    product = Product.objects.create(pk=1, name="Lamp")
    first = Entry.objects.for_object(product).get()
    entry = make_entry(recorded_at=minutes(10**7), reason="price list")
    log_line(root, "1", "Changed Price.", minutes(10**7 + 1))
    make_entry(object_id="2", recorded_at=minutes(10**7 + 2))
    log_line(root, "2", "Another object.", minutes(10**7 + 2))

    html = get(client, SHAPE.format(1))

    rows = table(html)
    assert [row[1:] for row in rows] == [
        ("root", "admin log", "Changed Price."),
        ("ana", "~update price list", "price 10.00 → 12.00"),
        ("nobody", "+create", "name Lamp price 0.00 stock 0 details {}"),
    ]
    assert link(html, rows[1][0]) == f"/admin/auditlog/entry/{entry.pk}/change/"
    assert link(html, rows[2][0]) == f"/admin/auditlog/entry/{first.pk}/change/"
    assert "Change history: Lamp" in html


def test_keys_that_need_quoting(client: Client, root: User) -> None:
    document = Document.objects.create(path="a/b_c")

    html = get(client, reverse("admin:testapp_document_history", args=(quote(document.pk),)))

    assert [row[1:] for row in table(html)] == [("nobody", "+create", "")]


def test_an_object_whose_name_is_blank(client: Client, root: User) -> None:
    product = Product.objects.create(name="  ")

    page = get(client, SHAPE.format(product.pk))

    assert f'<a href="/admin/testapp/product/{product.pk}/change/">-</a>' in page
    assert "Change history: -" in page


def test_third_party_models(client: Client, root: User) -> None:
    html = get(client, f"/admin/auth/user/{root.pk}/history/")

    assert [row[2] for row in table(html)] == ["→login", "+create"]


def test_a_child_of_a_multi_table_tree_shows_its_parents_entries(client: Client, root: User) -> None:
    restaurant = Restaurant.objects.create(name="Blue", stars=1)
    model_admin = ModelAdmin(Restaurant, admin.site)

    html = rendered(model_admin.history_view(asked(root), str(restaurant.pk)))

    assert [row[3] for row in table(html)] == ["stars 1", "name Blue"]


def test_a_deleted_object_keeps_its_history(client: Client, root: User) -> None:
    product = Product.objects.create(name="Lamp")
    key = product.pk
    product.delete()

    html = get(client, SHAPE.format(key))

    assert [row[2] for row in table(html)] == ["−delete", "+create"]  # noqa: RUF001 - the minus sign
    assert "This object was deleted; its entries remain." in html
    assert "Change history: Lamp" in html


@pytest.mark.parametrize("key", ["4711", "no_number", "9" * 30])
def test_an_object_that_never_was_gets_the_answer_of_django(client: Client, root: User, key: str) -> None:
    response = client.get(SHAPE.format(key))

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_an_object_without_entries_says_so(client: Client, root: User) -> None:
    with paused(reason="import"):
        Product.objects.create(pk=1, name="Lamp")

    html = get(client, SHAPE.format(1))

    assert table(html) == []
    assert "Nothing has been recorded about this object yet." in html


@override_settings(AUDITLOG={"PAGE_SIZE": 2})
def test_pages_of_the_history(client: Client, root: User) -> None:
    Product.objects.create(pk=1, name="Lamp")
    later = 10**7
    for number in range(3):
        make_entry(changes={"stock": [number, number + 1]}, recorded_at=minutes(later + 2 * number))
        log_line(root, "1", f"line {number}", minutes(later + 2 * number + 1))

    address = SHAPE.format(1)
    pages = [get(client, address)]
    while "older →" in dict(links(pages[-1])):
        pages.append(get(client, address + link(pages[-1], "older →")))
    back = get(client, address + link(pages[-1], "← newer"))

    assert [[row[3] for row in table(page)] for page in pages] == [
        ["line 2", "stock 2 → 3"],
        ["line 1", "stock 1 → 2"],
        ["line 0", "stock 0 → 1"],
        ["name Lamp price 0.00 stock 0 details {}"],
    ]
    assert table(back) == table(pages[2])
    assert "← newer" not in dict(links(pages[0]))


def test_a_bad_cursor_is_said_and_the_newest_page_shown(client: Client, root: User) -> None:
    Product.objects.create(pk=1, name="Lamp")

    html = get(client, SHAPE.format(1), status=400, cursor="x")

    assert "This is not a cursor of this log" in html
    assert [row[2] for row in table(html)] == ["+create"]


def test_the_history_counts_nothing(client: Client, root: User) -> None:
    Product.objects.create(pk=1, name="Lamp")
    get(client, SHAPE.format(1))
    for _ in range(30):
        make_entry()
        log_line(root, "1", "line", NOON)

    with CaptureQueriesContext(connection) as captured:
        get(client, SHAPE.format(1))

    queries = [query["sql"] for query in captured.captured_queries]
    assert [sql for sql in queries if "COUNT(" in sql or "OFFSET" in sql] == []
    # session, user, the object, its entries, its lines, whether it still lives
    assert len(queries) <= 6


def test_everything_stored_is_text(client: Client, root: User) -> None:
    Product.objects.create(pk=1, name=ATTACK)
    clean = tags(get(client, "/admin/")).count("script")
    make_entry(
        object_repr=ATTACK, actor_repr=ATTACK, reason=ATTACK, event=ATTACK, changes={ATTACK: [ATTACK, ATTACK]},
        context={"history": ATTACK},
    )  # fmt: skip
    log_line(root, "1", ATTACK, NOON)

    html = get(client, SHAPE.format(1))

    # our own script is one more than the index page has
    assert tags(html).count("script") == clean + 1
    assert html.count("&lt;script&gt;") >= 8


# who may see it


def test_without_a_permission_on_the_log_it_is_the_page_of_django(client: Client) -> None:
    user = make_user("ana", "testapp.view_product")
    client.force_login(user)
    Product.objects.create(pk=1, name="Lamp")
    log_line(user, "1", "Changed Price.", NOON)

    html = get(client, SHAPE.format(1))

    assert [row[1:] for row in table(html)] == [("ana", "Changed Price.")]


def test_with_both_permissions_it_is_the_timeline(client: Client) -> None:
    client.force_login(make_user("ana", "testapp.view_product", "auditlog.view_entry"))
    Product.objects.create(pk=1, name="Lamp")

    assert [row[2] for row in table(get(client, SHAPE.format(1)))] == ["+create"]


def test_without_a_permission_on_the_model_the_page_is_closed(client: Client) -> None:
    client.force_login(make_user("ana", "auditlog.view_all_entries"))
    Product.objects.create(pk=1, name="Lamp")

    assert client.get(SHAPE.format(1)).status_code == 403


def rendered(response: HttpResponse) -> str:
    """The page of a response that renders late."""
    assert isinstance(response, TemplateResponse)
    response.render()
    return str(response.rendered_content)


class PickyAdmin(ProductAdminBase):
    """Rows and objects of its own choice."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Never shows a secret product."""
        return super().get_queryset(request).exclude(name="Secret")

    def has_view_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """Not a guarded one."""
        return obj is None or obj.name != "Guarded"

    def has_change_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """Not a guarded one."""
        return self.has_view_permission(request, obj)


def asked(user: User, **parameters: str) -> HttpRequest:
    """A request as the middleware would hand it to a view."""
    request = RequestFactory().get("/", parameters)
    request.user = user
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


def test_a_row_that_the_admin_hides_stays_hidden(root: User) -> None:
    """It exists: that the admin does not find it is no sign of a deletion."""
    product = Product.objects.create(name="Secret")

    response = PickyAdmin(Product, admin.site).history_view(asked(root), str(product.pk))

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_an_object_that_the_admin_refuses_stays_refused(client: Client, root: User) -> None:
    product = Product.objects.create(name="Guarded")

    with pytest.raises(PermissionDenied):
        PickyAdmin(Product, admin.site).history_view(asked(root), str(product.pk))


# where we stand aside


def test_it_can_be_switched_off(client: Client, root: User) -> None:
    Product.objects.create(pk=1, name="Lamp")

    with override_settings(AUDITLOG={"ADMIN_HISTORY": False}):
        html = get(client, SHAPE.format(1))

    assert "This object doesn’t have a change history." in html  # noqa: RUF001 - Django's own words


def test_a_model_that_is_not_registered_keeps_the_page_of_django(root: User) -> None:
    row = Unregistered.objects.create(name="x")

    html = rendered(ModelAdmin(Unregistered, admin.site).history_view(asked(root), str(row.pk)))

    assert "This object doesn’t have a change history." in html  # noqa: RUF001


class OwnTemplate(ProductAdminBase):
    """Says which template to use."""

    object_history_template = "admin/object_history.html"


class OwnView(ProductAdminBase):
    """Calls Django's view and adds to it."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With a title of its own."""
        return super().history_view(request, object_id, {"title": "Ours"})


@pytest.mark.parametrize("model_admin", [OwnTemplate, OwnView])
def test_a_history_page_of_its_own_stays_and_gets_a_link(root: User, model_admin: type[ModelAdmin[Any]]) -> None:
    product = Product.objects.create(name="Lamp")
    request = asked(root)

    response = model_admin(Product, admin.site).history_view(request, str(product.pk))

    assert isinstance(response, TemplateResponse)
    assert "auditlog/object_history.html" not in str(response.template_name)
    address = f"/admin/auditlog/entry/?model=testapp.product&amp;object={product.pk}"
    assert [str(message) for message in messages.get_messages(request)] == [
        f'<a href="{address}">Audit timeline of this object</a>'
    ]


def test_a_site_without_the_log_gets_no_link(root: User) -> None:
    product = Product.objects.create(name="Lamp")
    request = asked(root)

    OwnTemplate(Product, AdminSite(name="other")).history_view(request, str(product.pk))

    assert [str(message) for message in messages.get_messages(request)] == []


def test_a_site_without_the_log_shows_the_history_without_links_to_it(root: User) -> None:
    product = Product.objects.create(name="Lamp")

    response = ModelAdmin(Product, AdminSite(name="other")).history_view(asked(root), str(product.pk))

    assert isinstance(response, TemplateResponse)
    assert response.context_data is not None
    (row,) = response.context_data["items"]
    assert (row.url, row.actor_url, row.object_url, row.timeline_url) == ("", "", "", "")


def test_a_template_of_the_project_for_its_model_stays(settings: Any) -> None:
    templates = [{**settings.TEMPLATES[0], "APP_DIRS": False, "OPTIONS": {"loaders": [
        ("django.template.loaders.locmem.Loader", {"admin/testapp/product/object_history.html": "ours"}),
    ]}}]  # fmt: skip

    assert has_own_page(ModelAdmin(Product, admin.site)) is False
    settings.TEMPLATES = templates
    assert has_own_page(ModelAdmin(Product, admin.site)) is True
    assert has_own_page(ModelAdmin(Tag, admin.site)) is False


# simple-history 3.13 calls select_related() without fields, which Django 6.1 deprecates
@pytest.mark.filterwarnings("ignore:Calling select_related")
def test_simple_history_keeps_its_page_and_gets_a_link(client: Client, root: User) -> None:
    recipe = Recipe.objects.create(name="Soup")

    html = get(client, f"/admin/testapp/recipe/{recipe.pk}/history/")

    assert "simple_history/object_history_list" not in html
    assert link(html, "Audit timeline of this object") == (
        f"/admin/auditlog/entry/?model=testapp.recipe&object={recipe.pk}"
    )
    assert "Choose a date from the list below" in html


def test_one_click_from_the_timeline_to_the_version(client: Client, root: User) -> None:
    recipe = Recipe.objects.create(name="Soup")
    entry = Entry.objects.for_object(recipe).get()
    version = recipe.history.get()

    html = get(client, f"/admin/auditlog/entry/{entry.pk}/change/")

    address = link(html, "The full version of the object")
    assert address == f"/admin/testapp/recipe/{recipe.pk}/history/{version.pk}/"
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("history", ["x", "", "testapp.historicalproduct:5", ":", 7, None, "a/b:c/d"])
def test_no_link_where_there_is_no_version_page(client: Client, root: User, history: Any) -> None:
    entry = make_entry(context={"history": history})

    assert "The full version" not in get(client, f"/admin/auditlog/entry/{entry.pk}/change/")


def test_no_link_where_the_admin_shows_no_versions(root: User) -> None:
    recipe = Recipe.objects.create(name="Soup")
    site = AdminSite(name="other")
    site.register(Recipe)

    assert AdminLinks(asked(root), site).to_version(Entry.objects.for_object(recipe).get()) == ""


@pytest.mark.filterwarnings("ignore:Calling select_related")
def test_switched_off_simple_history_gets_no_link(root: User) -> None:
    recipe = Recipe.objects.create(name="Soup")
    request = asked(root)

    with override_settings(AUDITLOG={"ADMIN_HISTORY": False}):
        SimpleHistoryAdmin(Recipe, admin.site).history_view(request, str(recipe.pk))

    assert [str(message) for message in messages.get_messages(request)] == []


# the wrapping


def test_installing_twice_changes_nothing_and_uninstalling_gives_the_views_back() -> None:
    wrapped = (ModelAdmin.history_view, SimpleHistoryAdmin.history_view)

    admin_history.install()

    assert (ModelAdmin.history_view, SimpleHistoryAdmin.history_view) == wrapped
    try:
        admin_history.uninstall()
        admin_history.uninstall()
        bare = (ModelAdmin.history_view, SimpleHistoryAdmin.history_view)
        assert bare == tuple(inspect.unwrap(view) for view in wrapped)
        assert [view.__module__ for view in bare] == ["django.contrib.admin.options", "simple_history.admin"]
    finally:
        admin_history.install()
    assert ModelAdmin.history_view.__name__ == "history_view"
    assert ModelAdmin.history_view.__doc__ == wrapped[0].__doc__


# pages of two sources


def contents(page: HistoryPage) -> list[str]:
    return [item.reason if isinstance(item, Entry) else item.change_message for item in page.items]


@pytest.mark.parametrize("backwards", [False, True])
def test_no_item_is_lost_or_shown_twice(root: User, backwards: bool) -> None:
    """One source may be silent for long, and clocks may go backwards."""
    for place, kind in enumerate("eeelleleeeellllleeel"):
        moment = minutes(-place if backwards and place % 7 == 0 else place)
        if kind == "e":
            make_entry(reason=f"e{place}", recorded_at=moment)
        else:
            log_line(root, "1", f"l{place}", moment)
    entries = Entry.objects.filter(model="testapp.product")
    lines = LogEntry.objects.all()
    everything = sorted([*entries.values_list("reason", flat=True), *lines.values_list("change_message", flat=True)])

    for size in (1, 2, 3, 7, 20):
        pages = [history_page(entries, lines, size=size)]
        while pages[-1].older:
            pages.append(history_page(entries, lines, size=size, cursor=pages[-1].older))
        back = [pages[-1]]
        while back[-1].newer:
            back.append(history_page(entries, lines, size=size, cursor=back[-1].newer))

        assert sorted(name for page in pages for name in contents(page)) == everything
        if not backwards:
            assert [contents(page) for page in reversed(back)] == [contents(page) for page in pages]


def test_going_to_newer_pages_ends_at_the_newest_page_in_full(root: User) -> None:
    for number in range(5):
        make_entry(reason=str(number))
    entries, lines = Entry.objects.filter(model="testapp.product"), LogEntry.objects.all()
    second = history_page(entries, lines, size=2, cursor=history_page(entries, lines, size=2).older)
    make_entry(reason="5")

    newer = history_page(entries, lines, size=3, cursor=second.newer)

    assert (contents(second), contents(newer), newer.newer) == (["2", "1"], ["5", "4", "3"], None)


@pytest.mark.parametrize("cursor", ["", "x", "W10:abc"])
def test_a_cursor_of_somebody_else(cursor: str) -> None:
    with pytest.raises(CursorError):
        history_page(Entry.objects.all(), LogEntry.objects.all(), size=2, cursor=cursor)


# the timeline on a project's own page


def embedded(user: Any, obj: Any, tag: str = "{% auditlog_timeline obj %}") -> str:
    request = RequestFactory().get("/")
    request.user = user
    return Template("{% load auditlog %}" + tag).render(Context({"request": request, "obj": obj}))


def test_the_embedded_timeline(root: User) -> None:
    product = Product.objects.create(pk=1, name="Lamp")
    make_entry(changes={"name": ["Lamp", ATTACK]})

    html = embedded(root, product)

    assert [row[1:] for row in table(html)] == [
        ("ana", "~update", f"name Lamp → {ATTACK}"),
        ("nobody", "+create", "name Lamp price 0.00 stock 0 details {}"),
    ]
    assert "<script" not in html
    newest = Entry.objects.for_object(product).order_by("-id").first()
    assert newest is not None
    assert links(html)[0][1] == f"/admin/auditlog/entry/{newest.pk}/change/"


def test_the_embedded_timeline_is_bounded_and_leads_on(root: User) -> None:
    product = Product.objects.create(pk=1, name="Lamp")
    for _ in range(5):
        make_entry()

    html = embedded(root, product, "{% auditlog_timeline obj limit=2 %}")

    assert len(table(html)) == 2
    assert link(html, "older entries") == "/admin/auditlog/entry/?model=testapp.product&object=1"


def test_the_embedded_timeline_of_an_object_without_entries(root: User) -> None:
    assert "Nothing has been recorded about this object yet." in embedded(root, Product(pk=5, name="x"))


@override_settings(ROOT_URLCONF="tests.no_urls")
def test_the_embedded_timeline_without_an_admin_has_no_links(root: User) -> None:
    product = Product.objects.create(pk=1, name="Lamp")
    for _ in range(2):
        make_entry()

    html = embedded(root, product, "{% auditlog_timeline obj limit=2 %}")

    assert links(html) == []
    assert "There are older entries." in html


@pytest.mark.parametrize("permissions", [(), ("testapp.view_product",), ("auditlog.view_entry",)])
def test_the_embedded_timeline_shows_nothing_to_those_who_may_not_see_it(permissions: tuple[str, ...]) -> None:
    product = Product.objects.create(pk=1, name="Lamp")

    html = embedded(make_user("ana", *permissions), product)

    assert "Lamp" not in html
    assert table(html) == []


def test_the_embedded_timeline_of_a_customer_who_is_no_staff() -> None:
    product = Product.objects.create(pk=1, name="Lamp")
    user = make_user("ana", "auditlog.view_all_entries", is_staff=False)

    assert table(embedded(user, product)) == []
