"""``manage.py import_prices``: an ordinary command that changes data and knows nothing of the log."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from project.shop.models import Product

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "prices.csv"


class Command(BaseCommand):
    """Set the prices of products from a CSV file with the columns sku and price."""

    help = "Set the prices of products from a CSV file with the columns sku and price."

    def add_arguments(self, parser: CommandParser) -> None:
        """One optional file."""
        parser.add_argument(
            "file", nargs="?", type=Path, default=SHIPPED, help="the CSV file (default: the shipped one)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Change what differs, in one transaction."""
        prices = read_prices(options["file"])
        with transaction.atomic():
            changed = sum(set_price(sku, price) for sku, price in prices.items())
        self.stdout.write(f"{changed} of {len(prices)} prices changed.")


def read_prices(file: Path) -> dict[str, Decimal]:
    """The prices by SKU."""
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            table = csv.reader(lines)
            columns = next(table, [])
            sku, price = columns.index("sku"), columns.index("price")
            return {row[sku]: Decimal(row[price]) for row in table}
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, IndexError, InvalidOperation) as error:
        raise CommandError(f"{file} needs the columns sku and price, and a number in each price.") from error


def set_price(sku: str, price: Decimal) -> bool:
    """Whether the product's price had to be changed."""
    product = Product.objects.select_for_update().filter(sku=sku).first()
    if product is None:
        raise CommandError(f"There is no product {sku}; no price was changed.")
    if product.price == price:
        return False
    product.price = price
    product.save(update_fields=["price"])
    return True
