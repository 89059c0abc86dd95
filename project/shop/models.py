"""The shop's tables, one for each kind of relation and field that a log has to cope with.

Registered here by decorator, except those that :mod:`project.shop.apps` registers by call and those of the settings.
"""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.urls import reverse
from simple_history.models import HistoricalRecords

import auditlog
from project.geo.models import Country, Currency


@auditlog.register
class Category(models.Model):
    """A shelf of the shop; shelves stand in shelves (self relation)."""

    name = models.CharField(max_length=80, unique=True)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word on a product (many-to-many without a model of its own). Registered by call."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Contact(models.Model):
    """Somebody the shop deals with: the parent table of customers and suppliers (multi-table inheritance)."""

    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    country = models.ForeignKey(Country, on_delete=models.PROTECT)
    api_token = models.CharField(max_length=40, blank=True, help_text="A secret: masked in the log by its name.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Customer(Contact):
    """Somebody who buys."""

    discount = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.00"))
    preferences = models.JSONField(default=dict, blank=True)


class Supplier(Contact):
    """Somebody who delivers."""

    lead_days = models.PositiveSmallIntegerField(default=7)


@auditlog.register
class Product(models.Model):
    """Something on sale; simple-history keeps its full versions beside the log."""

    sku = models.CharField("SKU", max_length=20, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, null=True, blank=True, related_name="products")
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")
    price = models.DecimalField(max_digits=10, decimal_places=2)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    stock = models.PositiveIntegerField(default=0)
    attributes = models.JSONField(default=dict, blank=True)
    datasheet = models.FileField(upload_to="datasheets", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    def get_absolute_url(self) -> str:
        """The product's page in the shop."""
        return reverse("shop:product", args=[self.pk])

    @property
    def details(self) -> list[tuple[str, str]]:
        """The attributes for people: names without underscores, lists with commas."""
        return [
            (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
            for name, value in self.attributes.items()
        ]


@auditlog.register
class Order(models.Model):
    """What a customer bought, in the currency that was agreed."""

    class Status(models.TextChoices):
        """Where an order stands."""

        OPEN = "open", "open"
        PAID = "paid", "paid"
        SHIPPED = "shipped", "shipped"
        CANCELLED = "cancelled", "cancelled"

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    products = models.ManyToManyField(Product, through="OrderLine", related_name="orders")
    note = models.TextField(blank=True)
    placed_at = models.DateTimeField()

    class Meta:
        ordering = ("-placed_at", "-pk")

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        """The order's page in the shop."""
        return reverse("shop:order", args=[self.pk])

    @property
    def is_waiting(self) -> bool:
        """Whether it can still be cancelled."""
        return self.status in (self.Status.OPEN, self.Status.PAID)

    @property
    def total(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.total for line in self.lines.all()), Decimal("0.00"))


@auditlog.register
class OrderLine(models.Model):
    """One product of an order (the model through which orders and products meet)."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="lines")
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product"),)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"

    @property
    def total(self) -> Decimal:
        """Quantity times price."""
        return self.quantity * self.unit_price


class OpenOrder(Order):
    """An order that still needs somebody's hand (proxy); its entries are the order's."""

    class Meta:
        proxy = True
