"""What the shop starts with: countries and currencies, shelves, products, customers and orders."""

from __future__ import annotations

from factory.random import randgen

from project.geo import loading
from project.shop import factories
from project.shop.models import Category, Product, Tag

SHELVES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Coffee": ("Kitchen", ("Coffee grinder", "Moka pot", "Espresso cups", "Milk jug", "Pour-over cone")),
    "Tea": ("Kitchen", ("Teapot", "Tea strainer", "Matcha whisk", "Kettle", "Tea caddy")),
    "Knives": ("Kitchen", ("Bread knife", "Paring knife", "Whetstone", "Santoku", "Cutting board")),
    "Lamps": ("Living", ("Desk lamp", "Reading lamp", "Paper lantern", "Lamp shade", "Night light")),
    "Textiles": ("Living", ("Wool blanket", "Linen towel", "Cushion", "Apron", "Table runner")),
    "Paper": ("Office", ("Notebook", "Letter paper", "Wall calendar", "Index cards", "Sketchbook")),
    "Pens": ("Office", ("Fountain pen", "Ink bottle", "Pencil set", "Ballpoint pen", "Pen roll")),
    "Bags": ("Travel", ("Canvas bag", "Rucksack", "Wash bag", "Belt pouch", "Laptop sleeve")),
}
TAGS = ("new", "handmade", "sale", "gift", "fragile", "organic")
CUSTOMERS = 30
ORDERS = 60


def fill() -> None:
    """Load the reference data and make everything the working day needs."""
    factories.reseed()
    loading.load()
    products = _products()
    customers = factories.CustomerFactory.create_batch(CUSTOMERS)
    for number in range(ORDERS):
        factories.OrderFactory(number=f"A-{10_001 + number}", customer=randgen.choice(customers), lines=products)


def _products() -> list[Product]:
    tags = [Tag.objects.create(name=name) for name in TAGS]
    suppliers = factories.SupplierFactory.create_batch(6)
    return [
        factories.ProductFactory(
            sku=f"P-{100 + number}",
            name=name,
            category=shelf,
            supplier=randgen.choice(suppliers),
            tags=randgen.sample(tags, randgen.randint(0, 3)),
        )
        for number, (shelf, name) in enumerate(_goods())
    ]


def _goods() -> list[tuple[Category, str]]:
    goods = []
    for shelf, (parent, names) in SHELVES.items():
        room = factories.CategoryFactory(name=parent)
        made = factories.CategoryFactory(name=shelf, parent=room)
        goods += [(made, name) for name in names]
    return goods
