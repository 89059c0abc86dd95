"""``manage.py demo``: fills the demonstration shop, lives a working day in it, and says how to go on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from rest_framework.authtoken.models import Token

import auditlog
from auditlog.models import Action, Entry
from project.shop.demo import accounts, growth, stock, workday


class Command(BaseCommand):
    """Fill the demonstration shop; a second time it changes nothing."""

    help = "Fill the demonstration shop and its audit log. A second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """How big the log shall be."""
        parser.add_argument(
            "--entries", type=int, metavar="N", help="grow the log to N made-up entries, spread over two years"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Grow the past first, so that the day's entries are the newest."""
        refuse_where_wrong(options["entries"])
        if options["entries"] is not None:
            growth.grow(options["entries"], self.stdout.write)
        if day_is_over():
            self.stdout.write("The shop is filled already; nothing was changed.")
        else:
            self.fill()
        self.say_how_to_go_on()

    def fill(self) -> None:
        """The data, unless an interrupted run left it behind, and then the day."""
        if not accounts.exist():
            self.stdout.write("Filling the shop: accounts, countries, currencies, products, customers, orders ...")
            with transaction.atomic(), auditlog.context(reason="Filling the demonstration shop"):
                accounts.create()
                stock.fill()
        self.stdout.write("Living a working day over HTTP ...")
        workday.spend()

    def say_how_to_go_on(self) -> None:
        """Accounts, password, token and the next commands."""
        lines = ["", f"Accounts of the demonstration, all with the password {accounts.PASSWORD!r}:"]
        lines += [f"  {account.username:<8} {account.may}" for account in accounts.ACCOUNTS]
        token = Token.objects.get(user__username="till").key
        lines += [
            f"Token of the till for the API:  Authorization: Token {token}",
            "Next:  python manage.py runserver, then /admin/ for the log, /api/entries/ for the API, / for the shop,",
            "       python manage.py auditlog_export for a CSV of it all.",
        ]
        self.stdout.write("\n".join(lines))


def day_is_over() -> bool:
    """Whether the working day was lived to its end: its last act is an event of its own."""
    return Entry.objects.filter(action=Action.EVENT, model="", event=workday.FINISHED).exists()


def refuse_where_wrong(entries: int | None) -> None:
    """Known passwords are for DEBUG only; tables must be there; numbers must make sense."""
    if not settings.DEBUG:
        raise CommandError("The demonstration makes accounts with a known password: it runs with DEBUG = True only.")
    if entries is not None and entries < 0:
        raise CommandError("--entries needs a number that is not negative.")
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(f"The database {DEFAULT_DB_ALIAS!r} lacks tables. Run first: python manage.py migrate")
