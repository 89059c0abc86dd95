"""The demonstration project starts, its settings and migrations are in order, and its pages answer."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import cache

import pytest

from project.shop.demo.browser import Browser, RefusedError
from tests.demo_project import Demo, fresh

PASSWORD = "demo"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A filled shop with a past, which was grown before the day."""
    with fresh(tmp_path_factory.mktemp("shop")) as demo:
        demo.works("migrate", "-v0")
        demo.works("demo", "--entries", "3000")
        yield demo


@pytest.fixture(scope="module")
def address(shop: Demo) -> Iterator[str]:
    """Where the shop is served."""
    with shop.serving() as found:
        yield found


@cache  # a log-in costs the hashing of a password
def at_work(address: str, username: str) -> Browser:
    """A browser in which somebody is logged in."""
    browser = Browser(address, "test")
    browser.log_in(username, PASSWORD)
    return browser


def key_of(shop: Demo, table: str, where: str = "1 = 1") -> int:
    """The key of the first row."""
    return int(shop.select(f"SELECT min(id) FROM {table} WHERE {where}")[0][0])


def refused(address: str, path: str) -> int:
    """The status with which an anonymous visitor is turned away."""
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(address + path)
    error.value.close()
    return error.value.code


def test_the_checks_find_nothing(shop: Demo) -> None:
    shop.works("check", "--fail-level", "WARNING", "--database", "default")


def test_the_migrations_are_complete(shop: Demo) -> None:
    shop.works("makemigrations", "--check", "--dry-run", "geo", "shop")


def test_a_past_grown_first_lies_before_the_day_and_grows_on(shop: Demo) -> None:
    rows = shop.select("SELECT recorded_at FROM auditlog_entry ORDER BY id")
    said = shop.works("demo", "--entries", "5000")
    assert rows == sorted(rows)
    assert len(rows) > 3800
    assert shop.select("SELECT count(*) FROM auditlog_entry") == [(5000,)]
    assert "The shop is filled already" in said


def test_anybody_sees_the_products(shop: Demo, address: str) -> None:
    visitor = Browser(address, "test")
    everything = visitor.get("/")
    one = visitor.get(f"/products/{key_of(shop, 'shop_product')}/")
    assert "Coffee grinder" in everything
    assert "Wool blanket" in everything
    assert "Wool blanket" not in visitor.get("/?category=Coffee")
    assert "Comes from" in one


@pytest.mark.parametrize("path", ["/orders/", "/orders/1/", "/api/products/", "/api/entries/"])
def test_a_visitor_sees_no_orders_and_no_api(address: str, path: str) -> None:
    assert refused(address, path) in (401, 403)


def test_a_visitor_of_the_staff_page_is_sent_to_the_log_in(address: str) -> None:
    assert 'name="password"' in Browser(address, "test").get("/staff/product/1/")


def test_a_wrong_password_is_refused(address: str) -> None:
    with pytest.raises(RefusedError):
        Browser(address, "test").log_in("ana", "wrong")


def test_staff_see_orders_and_the_look_is_recorded(shop: Demo, address: str) -> None:
    sam = at_work(address, "sam")
    looks = "SELECT count(*) FROM auditlog_entry WHERE action = 5 AND actor_repr = 'sam'"
    before = shop.select(looks)
    page = sam.get(f"/orders/{key_of(shop, 'shop_order')}/")
    assert "Order A-" in page
    assert "A-20001" in sam.get("/orders/")
    assert shop.select(looks) == [(before[0][0] + 1,)]


def test_an_order_is_cancelled_for_a_reason_and_only_once(shop: Demo, address: str) -> None:
    order = key_of(shop, "shop_order", "status = 'paid'")
    sue, page = at_work(address, "sue"), f"/orders/{order}/"
    assert "only for a reason" in sue.fill_in(page, {"reason": " "})
    assert "was cancelled" in sue.fill_in(page, {"reason": "Broken on the way"})
    events = "SELECT event, actor_repr FROM auditlog_entry WHERE reason = 'Broken on the way' ORDER BY id"
    assert shop.select(events) == [("", "sue"), ("order.cancelled", "sue")]
    assert 'name="reason"' not in sue.get(page)


def test_the_staff_page_shows_the_timeline(shop: Demo, address: str) -> None:
    product = key_of(shop, "shop_product", "sku = 'P-102'")
    page = at_work(address, "stella").get(f"/staff/product/{product}/")
    assert "auditlog-table" in page
    assert "stella" in page.split("auditlog-table", 1)[1]


def test_who_may_not_read_the_log_sees_no_timeline(shop: Demo, address: str) -> None:
    page = at_work(address, "sue").get(f"/staff/product/{key_of(shop, 'shop_product')}/")
    assert "Your account may not read the audit log." in page
    assert "auditlog-table" not in page


@pytest.mark.parametrize(("username", "path"), [("otto", "/staff/product/1/"), ("ana", "/staff/tag/1/")])
def test_other_staff_pages_are_refused(address: str, username: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        at_work(address, username).get(path)
    error.value.close()
    assert error.value.code == {"otto": 403, "ana": 404}[username]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/", "/admin/auditlog/entry/", "/admin/auditlog/entry/?action=update&actor=stella",
        "/admin/shop/product/",
        "/admin/shop/openorder/", "/admin/geo/country/ES/history/", "/admin/auth/user/1/history/", "/api/entries/",
        "/api/products/", "/api/schema/",
    ],
)  # fmt: skip
def test_the_superuser_sees_every_page(address: str, path: str) -> None:
    assert at_work(address, "ana").get(path)


def test_history_pages_of_plain_admins_and_of_simple_history(shop: Demo, address: str) -> None:
    ana = at_work(address, "ana")
    order = key_of(shop, "shop_order")
    product = key_of(shop, "shop_product", "sku = 'P-102'")
    assert "auditlog-table" in ana.get(f"/admin/shop/order/{order}/history/")
    assert "Clay is dear" in ana.get(f"/admin/shop/product/{product}/history/")


def test_the_api_of_the_log_answers_the_auditor(address: str) -> None:
    page = json.loads(at_work(address, "otto").get("/api/entries/?action=update&actor=till"))
    assert [entry["actor"] for entry in page["results"]] != []
    assert {entry["model"] for entry in page["results"]} == {"shop.product"}


def test_the_api_of_the_shop_takes_a_token(shop: Demo, address: str) -> None:
    (token,) = shop.select("SELECT key FROM authtoken_token")[0]
    product = key_of(shop, "shop_product", "sku = 'P-110'")
    answer = Browser(address, "till").call("PATCH", f"/api/products/{product}/", str(token), {"stock": 77})
    newest = "SELECT actor_repr FROM auditlog_entry WHERE model = 'shop.product' ORDER BY id DESC LIMIT 1"
    assert answer["stock"] == 77
    assert shop.select(newest) == [("till",)]
