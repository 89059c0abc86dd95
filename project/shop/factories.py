"""Makes the shop's products, customers and orders (factory_boy); the same ones every time after ``reseed``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from factory.random import randgen, reseed_random

from project.geo.models import Country, Currency
from project.shop.models import Category, Customer, Order, OrderLine, Product, Supplier, Tag


class Market(NamedTuple):
    """A country the shop sells to: how people are called there, what they pay with, and what a euro is in it."""

    country: str
    locale: str
    currency: str
    rate: str


MARKETS = (
    Market("ES", "es_ES", "EUR", "1"),
    Market("DE", "de_DE", "EUR", "1"),
    Market("US", "en_US", "USD", "1.1"),
    Market("MX", "es_MX", "MXN", "20"),
    Market("JP", "ja_JP", "JPY", "160"),
    Market("CH", "de_CH", "CHF", "0.95"),
)
PRAISE = (
    "Made to last, and mended for free when it does not.",
    "Plain, quiet and pleasant to hold.",
    "From a family workshop; no two are quite alike.",
    "The one we use ourselves, every day.",
)
CENT = Decimal("0.01")


def reseed() -> None:
    """Start the same row of random choices again."""
    reseed_random("auditlog demonstration")


def market_of(country: Country) -> Market:
    """The market of a country."""
    return next(market for market in MARKETS if market.country == country.pk)


class CategoryFactory(DjangoModelFactory[Category]):
    """A shelf; with ``parent`` one that stands in another."""

    class Meta:
        model = Category
        django_get_or_create = ("name",)

    name = factory.Sequence(lambda n: f"Shelf {n}")


class TagFactory(DjangoModelFactory[Tag]):
    """A word on products."""

    class Meta:
        model = Tag
        django_get_or_create = ("name",)

    name = factory.Sequence(lambda n: f"tag {n}")


class SupplierFactory(DjangoModelFactory[Supplier]):
    """A company that delivers."""

    class Meta:
        model = Supplier

    name = factory.Faker("company")
    email = factory.Sequence(lambda n: f"orders{n}@supplier.example")
    country = factory.LazyFunction(lambda: Country.objects.get(pk=randgen.choice(MARKETS).country))
    lead_days = factory.LazyFunction(lambda: randgen.randint(1, 30))
    api_token = factory.Faker("sha1")


class CustomerFactory(DjangoModelFactory[Customer]):
    """Somebody who buys, with a name as they are in the country."""

    class Meta:
        model = Customer

    class Params:
        market = factory.Iterator(MARKETS)

    name = factory.LazyAttribute(lambda made: factory.Faker._get_faker(made.market.locale).name())  # noqa: SLF001
    email = factory.Sequence(lambda n: f"customer{n}@mail.example")
    country = factory.LazyAttribute(lambda made: Country.objects.get(pk=made.market.country))
    discount = factory.LazyFunction(lambda: randgen.choice([Decimal("0.00"), Decimal("0.05"), Decimal("0.10")]))
    preferences = factory.LazyAttribute(
        lambda made: {"language": made.market.locale[:2], "newsletter": randgen.choice([True, False])}
    )


class ProductFactory(DjangoModelFactory[Product]):
    """Something on sale, priced in euros."""

    class Meta:
        model = Product
        skip_postgeneration_save = True

    sku = factory.Sequence(lambda n: f"P-{n:04}")
    name = factory.Faker("word")
    description = factory.LazyFunction(lambda: randgen.choice(PRAISE))
    category = factory.SubFactory(CategoryFactory)
    price = factory.LazyFunction(lambda: Decimal(randgen.randrange(490, 12_900, 10)) / 100)
    currency = factory.LazyFunction(lambda: Currency.objects.get(pk="EUR"))
    stock = factory.LazyFunction(lambda: randgen.randint(0, 250))
    attributes = factory.LazyFunction(
        lambda: {"weight_g": randgen.randrange(50, 3000, 50), "colours": randgen.sample(["black", "red", "sand"], 2)}
    )

    @factory.post_generation
    def tags(self: Product, create: bool, extracted: Any, **kwargs: Any) -> None:
        """Put the given tags on the product."""
        if extracted:
            self.tags.set(extracted)


class OrderFactory(DjangoModelFactory[Order]):
    """An order of one to four of the products, in the currency of the customer's country."""

    class Meta:
        model = Order
        skip_postgeneration_save = True

    number = factory.Sequence(lambda n: f"A-{10_000 + n}")
    customer = factory.SubFactory(CustomerFactory)
    currency = factory.LazyAttribute(lambda made: Currency.objects.get(pk=market_of(made.customer.country).currency))
    status = factory.LazyFunction(lambda: randgen.choice(Order.Status.values))
    placed_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(minutes=randgen.randint(60, 60 * 24 * 30)))

    @factory.post_generation
    def lines(self: Order, create: bool, extracted: Any, **kwargs: Any) -> None:
        """Put one to four of the given products into the order."""
        rate = Decimal(market_of(self.customer.country).rate)
        for product in randgen.sample(list(extracted or ()), k=min(len(extracted or ()), randgen.randint(1, 4))):
            price = (product.price * rate).quantize(CENT)
            OrderLine.objects.create(order=self, product=product, quantity=randgen.randint(1, 3), unit_price=price)
