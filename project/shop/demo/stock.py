"""What the shop starts with: countries and currencies, shelves, products, customers and orders."""

from __future__ import annotations

from decimal import Decimal

from factory.random import randgen

from project.geo import loading
from project.shop import factories
from project.shop.models import Category, Product, Tag

SHELVES = {
    "Coffee": (
        "Kitchen",
        {
            "Coffee grinder": "42.00",
            "Moka pot": "34.50",
            "Espresso cups": "24.00",
            "Milk jug": "18.90",
            "Pour-over cone": "17.50",
        },
    ),
    "Tea": (
        "Kitchen",
        {"Teapot": "54.00", "Tea strainer": "7.90", "Matcha whisk": "21.00", "Kettle": "59.00", "Tea caddy": "14.50"},
    ),
    "Knives": (
        "Kitchen",
        {
            "Bread knife": "26.00",
            "Paring knife": "12.90",
            "Whetstone": "29.00",
            "Santoku": "89.00",
            "Cutting board": "39.00",
        },
    ),
    "Lamps": (
        "Living",
        {
            "Desk lamp": "75.00",
            "Reading lamp": "68.00",
            "Paper lantern": "19.00",
            "Lamp shade": "32.00",
            "Night light": "15.90",
        },
    ),
    "Textiles": (
        "Living",
        {
            "Wool blanket": "95.00",
            "Linen towel": "16.50",
            "Cushion": "27.00",
            "Apron": "28.50",
            "Table runner": "34.00",
        },
    ),
    "Paper": (
        "Office",
        {
            "Notebook": "11.90",
            "Letter paper": "9.50",
            "Wall calendar": "18.00",
            "Index cards": "4.90",
            "Sketchbook": "13.50",
        },
    ),
    "Pens": (
        "Office",
        {
            "Fountain pen": "119.00",
            "Ink bottle": "12.00",
            "Pencil set": "15.00",
            "Ballpoint pen": "8.50",
            "Pen roll": "36.00",
        },
    ),
    "Bags": (
        "Travel",
        {
            "Canvas bag": "45.00",
            "Rucksack": "129.00",
            "Wash bag": "25.00",
            "Belt pouch": "29.90",
            "Laptop sleeve": "38.00",
        },
    ),
}
"""Shelf: the shelf it stands in, and its products with their prices in euros."""
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
        factories.OrderFactory.create(number=f"A-{10_001 + number}", customer=randgen.choice(customers), lines=products)


def _products() -> list[Product]:
    tags = [Tag.objects.create(name=name) for name in TAGS]
    suppliers = factories.SupplierFactory.create_batch(6)
    return [
        factories.ProductFactory.create(
            sku=f"P-{100 + number}",
            name=name,
            category=shelf,
            price=Decimal(price),
            supplier=randgen.choice(suppliers),
            tags=randgen.sample(tags, randgen.randint(0, 3)),
        )
        for number, (shelf, name, price) in enumerate(_goods())
    ]


def _goods() -> list[tuple[Category, str, str]]:
    goods = []
    for shelf, (parent, prices) in SHELVES.items():
        room = factories.CategoryFactory.create(name=parent)
        made = factories.CategoryFactory.create(name=shelf, parent=room)
        goods += [(made, name, price) for name, price in prices.items()]
    return goods
