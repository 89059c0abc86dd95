"""The admin in a real browser: log in, browse, filter, open a diff, follow to the history; accessible on every page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

import auditlog
from auditlog.models import Action, Entry
from tests.entry_factory import make_entry
from tests.testapp.models import Category, Product, Recipe, Tag

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/auditlog/entry/"
ATTACK = "<script>document.title='owned'</script>"
PHONE = {"width": 320, "height": 640}


@pytest.fixture
def ana(live_server: LiveServer) -> User:
    """The account that logs in."""
    return User.objects.create_superuser("ana", password="correct horse")


@pytest.fixture
def lamp(ana: User) -> Product:
    """A product with a day of work behind it, and entries of every kind beside it."""
    light, garden = (Category.objects.create(name=name) for name in ("Light", "Garden"))
    with auditlog.context(actor=ana, reason="New price list for the spring", request_id="r-1", user_agent=ATTACK):
        product = Product.objects.create(name="Lamp", price="10.00", stock=5, category=light)
        product.tags.add(Tag.objects.create(name="new"), Tag.objects.create(name="brass"))
        product.price, product.stock, product.category = "12.00", 4, garden
        product.details = {"colour": "brass", "watts": [5, 7, 11], "text": "A long description " * 12}
        product.save()
        Recipe.objects.create(name="Soup")
    for action in Action:
        make_entry(action=action, event="invoice.sent" if action == Action.EVENT else "", model="gone.model")
    make_entry(object_repr=ATTACK, actor_repr=ATTACK, changes={ATTACK: [ATTACK, ATTACK]}, model="testapp.tag")
    return product


def log_in(page: Page, live_server: LiveServer, address: str = LIST) -> None:
    page.goto(live_server.url + address)
    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(live_server.url + address)


def is_problem(message: ConsoleMessage) -> bool:
    """Whether the browser complains; Chromium asks every site for a favicon."""
    return message.type == "error" and not message.location["url"].endswith("/favicon.ico")


def violations(page: Page) -> list[tuple[str, list[Any]]]:
    """What axe finds, as rule and elements."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]


def test_log_in_browse_filter_open_a_diff_follow_to_the_history(
    page: Page, live_server: LiveServer, lamp: Product
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
    log_in(page, live_server)

    page.get_by_label("Model").select_option(label="Product")
    page.get_by_label("Action", exact=True).select_option(label="Update")
    page.get_by_label("Changed field").fill("price")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(f"{live_server.url}{LIST}?action=update&model=testapp.product&field=price")
    row = page.locator("#content-main tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(re.compile(r"price\s+10\.00\s+→\s+12\.00"))

    row.get_by_role("rowheader").get_by_role("link").click()
    expect(page.get_by_role("row", name=re.compile("price"))).to_have_text(re.compile(r"price\s+10\.00\s*12\.00"))
    expect(page.get_by_role("row", name=re.compile("^category"))).to_have_text(re.compile(r"category\s+Light\s*Garden"))

    page.get_by_role("link", name="Lamp", exact=True).click()
    page.get_by_role("link", name="History").click()
    expect(page).to_have_url(f"{live_server.url}/admin/testapp/product/{lamp.pk}/history/")
    history = page.locator("#change-history tbody tr")
    expect(history).to_have_count(3)
    history.first.get_by_role("rowheader").get_by_role("link").click()
    page.get_by_role("link", name="Everything done together with this").click()
    expect(page.locator("#content-main tbody tr")).to_have_count(6)

    assert problems == []
    assert "owned" not in page.title()


def test_a_filter_in_force_can_be_removed(page: Page, live_server: LiveServer, lamp: Product) -> None:
    log_in(page, live_server, LIST + "?action=delete&actor=ana")

    page.get_by_role("link", name="Remove the filter Action: delete").click()

    expect(page).to_have_url(f"{live_server.url}{LIST}?actor=ana")


def test_a_wrong_filter_keeps_the_page(page: Page, live_server: LiveServer, lamp: Product) -> None:
    log_in(page, live_server)

    page.goto(live_server.url + LIST + "?since=soon&actor=ana")

    expect(page.get_by_role("alert")).to_contain_text("“soon” is not a date")
    expect(page.get_by_label("From")).to_have_value("soon")
    expect(page.get_by_label("Actor")).to_have_value("ana")
    assert violations(page) == []


def pages(live_server: LiveServer, product: Product) -> dict[str, str]:
    """Every kind of page, by name."""
    entry = Entry.objects.for_object(product).order_by("-id")[0]
    hostile = Entry.objects.get(object_repr=ATTACK)
    recipe = Entry.objects.get(model="testapp.recipe")
    return {
        "list": live_server.url + LIST,
        "filtered": f"{live_server.url}{LIST}?model=testapp.product&object={product.pk}",
        "empty": f"{live_server.url}{LIST}?q=nothing+like+this",
        "detail": f"{live_server.url}{LIST}{entry.pk}/change/",
        "hostile": f"{live_server.url}{LIST}{hostile.pk}/change/",
        "version": f"{live_server.url}{LIST}{recipe.pk}/change/",
        "history": f"{live_server.url}/admin/testapp/product/{product.pk}/history/",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits(
    page: Page, live_server: LiveServer, lamp: Product, size: dict[str, int], scheme: Any, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    page.emulate_media(color_scheme=scheme)
    log_in(page, live_server)
    found = {}

    for name, address in pages(live_server, lamp).items():
        page.goto(address)
        page.screenshot(path=tmp_path / f"{name}-{size['width']}-{scheme}.png", full_page=True)
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert page.title() != "owned"
        found[name] = (violations(page), too_wide)

    assert found == dict.fromkeys(found, ([], 0))
