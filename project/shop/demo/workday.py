"""A working day: six people, a program and a command, each through the door they would really use.

It is run once, after :mod:`project.shop.demo.stock`, and leaves every kind of entry in the log.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from rest_framework.authtoken.models import Token

import auditlog
from project.geo.models import Country
from project.shop.demo import server
from project.shop.demo.accounts import PASSWORD
from project.shop.demo.browser import Browser, RefusedError
from project.shop.models import Category, Customer, Order, Product, Tag

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
DATASHEET = ("care.txt", b"Wash by hand. Dry slowly. Oil once a year.\n")
FINISHED = "demo.day_finished"


def spend() -> None:
    """Everything that happens that day."""
    with server.running() as address:
        administration(address)
        stock_room(address)
        sales(address)
        support(address)
        till(address)
        audit(address)
    new_prices()
    closing()


def _at_work(address: str, username: str) -> Browser:
    browser = Browser(address, FIREFOX)
    browser.log_in(username, PASSWORD)
    return browser


def administration(address: str) -> None:
    """Ana lets Stella help out in support, and stops parcels to Antarctica."""
    ana = _at_work(address, "ana")
    stella = User.objects.get(username="stella")
    both = [str(group.pk) for group in Group.objects.filter(name__in=("Stock", "Support"))]
    ana.fill_in(f"/admin/auth/user/{stella.pk}/change/", {"groups": both})
    country = Country.objects.get(pk="AQ")
    ana.fill_in(f"/admin/geo/country/{country.pk}/change/", {"name": country.name, "delivered_to": []})
    ana.log_out()


def stock_room(address: str) -> None:
    """Stella adds a product, changes prices, words and files, and takes a product out again."""
    stella = _at_work(address, "stella")
    _kettle(stella)
    mistake = _kettle(stella)
    cup, jug, lamp = Product.objects.filter(sku__in=("P-102", "P-103", "P-115")).order_by("sku")
    dearer = {"price": str(cup.price + 1), "change_reason": "Clay is dear"}
    stella.fill_in(f"/admin/shop/product/{cup.pk}/change/", dearer)
    tags = [str(tag.pk) for tag in Tag.objects.filter(name__in=("sale", "gift"))]
    stella.fill_in(f"/admin/shop/product/{jug.pk}/change/", {"tags": tags, "attributes": '{"colours": ["white"]}'})
    stella.fill_in(f"/admin/shop/product/{lamp.pk}/change/", {"stock": "40"}, {"datasheet": DATASHEET})
    stella.fill_in(f"/admin/shop/product/{mistake.pk}/delete/", {"post": "yes"})


def _kettle(stella: Browser) -> Product:
    """A new product under the next free number; a day that was broken off may have used some."""
    sku = f"N-{Product.objects.filter(sku__startswith='N-').count() + 1}"
    shelf = str(Category.objects.get(name="Tea").pk)
    new = {"name": "Gooseneck kettle", "price": "54.90", "currency": "EUR", "stock": "12", "attributes": "{}"}
    stella.fill_in("/admin/shop/product/add/", {**new, "sku": sku, "category": shelf})
    return Product.objects.get(sku=sku)


def sales(address: str) -> None:
    """Sam mistypes his password, takes an order, gives a discount, sends some orders and deletes one."""
    with suppress(RefusedError):
        Browser(address, FIREFOX).log_in("sam", "domo")
    sam = _at_work(address, "sam")
    customer = Customer.objects.order_by("pk")[0]
    _take_order(sam, customer, Product.objects.get(sku="P-100"))
    terms = {"discount": "0.15", "preferences": '{"newsletter": true}'}
    sam.fill_in(f"/admin/shop/customer/{customer.pk}/change/", terms)
    waiting = [str(order.pk) for order in Order.objects.filter(status=Order.Status.PAID)[:5]]
    sam.fill_in("/admin/shop/order/", {"action": "mark_as_shipped", "_selected_action": waiting})
    double = Order.objects.filter(status=Order.Status.OPEN)[0]
    sam.fill_in(f"/admin/shop/order/{double.pk}/delete/", {"post": "yes"})
    sam.log_out()


def _take_order(sam: Browser, customer: Customer, product: Product) -> None:
    """An order with one line, which is then paid and grows."""
    now = timezone.now()
    number = f"A-{20_001 + Order.objects.filter(number__startswith='A-2').count()}"
    order = {"number": number, "customer": str(customer.pk), "currency": "EUR", "status": "open"}
    when = {"placed_at_0": f"{now:%Y-%m-%d}", "placed_at_1": f"{now:%H:%M:%S}"}
    line = {"product": str(product.pk), "quantity": "2", "unit_price": str(product.price)}
    lines = {"lines-TOTAL_FORMS": "1", **{f"lines-0-{name}": value for name, value in line.items()}}
    sam.fill_in("/admin/shop/order/add/", {**order, **when, **lines})
    taken = Order.objects.get(number=number)
    sam.fill_in(f"/admin/shop/order/{taken.pk}/change/", {"status": "paid", "lines-0-quantity": "3"})


def support(address: str) -> None:
    """Sue reads two orders and cancels one of them."""
    sue = _at_work(address, "sue")
    first, second = Order.objects.filter(status=Order.Status.OPEN)[:2]
    sue.get(first.get_absolute_url())
    sue.fill_in(second.get_absolute_url(), {"reason": "The customer ordered twice"})
    sue.log_out()


def till(address: str) -> None:
    """The till books what was sold in the shop, by the API."""
    token = Token.objects.get(user__username="till").key
    program = Browser(address, "till/2.1")
    for product in Product.objects.filter(stock__gte=5).order_by("pk")[:6]:
        program.call("PATCH", f"/api/products/{product.pk}/", token, {"stock": product.stock - 3})


def audit(address: str) -> None:
    """Otto reads the log."""
    otto = _at_work(address, "otto")
    otto.get("/admin/auditlog/entry/")
    otto.log_out()


def new_prices() -> None:
    """The supplier's prices come in by a command, in a process of its own as cron would start it."""
    subprocess.run(
        [sys.executable, "manage.py", "import_prices"], cwd=settings.BASE_DIR, check=True, capture_output=True
    )


def closing() -> None:
    """The shop closes; that the day is over is an event of the shop's own."""
    sold_out = Product.objects.filter(stock=0).count()
    with auditlog.context(reason="Closing time"):
        auditlog.record(event=FINISHED, sold_out=sold_out)
