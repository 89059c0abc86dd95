"""The people of the shop: accounts with different rights, all with one known password."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone
from rest_framework.authtoken.models import Token

PASSWORD = "demo"  # known to everybody, which is why the command refuses to run without DEBUG

RIGHTS = {
    "Sales": (
        "shop.view_product", "shop.view_order", "shop.add_order", "shop.change_order", "shop.delete_order",
        "shop.view_openorder", "shop.change_openorder", "shop.view_orderline", "shop.add_orderline",
        "shop.change_orderline", "shop.delete_orderline", "shop.view_customer", "shop.change_customer",
        "auditlog.view_entry",
    ),
    "Stock": (
        "shop.view_product", "shop.add_product", "shop.change_product", "shop.delete_product", "shop.view_tag",
        "shop.add_tag", "shop.view_category", "shop.view_supplier", "geo.view_currency", "auditlog.view_entry",
    ),
    "Support": ("shop.view_product", "shop.view_order", "shop.change_order", "shop.view_customer"),
    "Auditors": ("auditlog.view_entry", "auditlog.view_all_entries", "auditlog.export_entry"),
}  # fmt: skip


class Account(NamedTuple):
    """Somebody who can log in."""

    username: str
    name: str
    group: str
    may: str


ACCOUNTS = (
    Account("ana", "Ana Ruiz", "", "everything (superuser)"),
    Account("sam", "Sam Okafor", "Sales", "orders and customers, and the log of what may be seen"),
    Account("stella", "Stella Lindqvist", "Stock", "products, and the log of what may be seen"),
    Account("sue", "Sue Tanaka", "Support", "orders and customers, but not the log"),
    Account("otto", "Otto Brandt", "Auditors", "the whole log, and nothing else"),
    Account("till", "Till in the shop", "Stock", "the API, with a token"),
)


def create() -> None:
    """Make groups, accounts and the till's token, by ordinary saves."""
    groups = {name: _group(name, rights) for name, rights in RIGHTS.items()}
    password = make_password(PASSWORD)
    today = timezone.now().replace(microsecond=0)  # the form of a user knows no smaller unit
    for account in ACCOUNTS:
        first, _space, last = account.name.partition(" ")
        user = User.objects.create(
            username=account.username,
            first_name=first,
            last_name=last,
            email=f"{account.username}@shop.example",
            password=password,
            date_joined=today,
            is_staff=True,
            is_superuser=not account.group,
        )
        if account.group:
            user.groups.add(groups[account.group])
    Token.objects.create(user=User.objects.get(username="till"))


def _group(name: str, rights: tuple[str, ...]) -> Group:
    group = Group.objects.create(name=name)
    wanted = {tuple(right.split(".")) for right in rights}
    every = Permission.objects.select_related("content_type")
    group.permissions.set([one for one in every if (one.content_type.app_label, one.codename) in wanted])
    return group


def exist() -> bool:
    """Whether the accounts were made."""
    return User.objects.filter(username=ACCOUNTS[-1].username).exists()
