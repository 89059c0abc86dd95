"""The shop in the admin: ordinary model admins, and one bulk action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

import auditlog
from project.shop.models import Category, Customer, OpenOrder, Order, OrderLine, Product, Supplier, Tag

if TYPE_CHECKING:
    CategoryBase = admin.ModelAdmin[Category]
    TagBase = admin.ModelAdmin[Tag]
    CustomerBase = admin.ModelAdmin[Customer]
    SupplierBase = admin.ModelAdmin[Supplier]
    OrderBase = admin.ModelAdmin[Order]
    LineBase = admin.TabularInline[OrderLine, Order]
    ProductFormBase = forms.ModelForm[Product]
else:
    CategoryBase = TagBase = CustomerBase = SupplierBase = OrderBase = admin.ModelAdmin
    LineBase = admin.TabularInline
    ProductFormBase = forms.ModelForm


@admin.register(Category)
class CategoryAdmin(CategoryBase):
    """Shelves."""

    list_display = ("name", "parent")
    search_fields = ("name",)


@admin.register(Tag)
class TagAdmin(TagBase):
    """Words on products."""

    search_fields = ("name",)


@admin.register(Customer)
class CustomerAdmin(CustomerBase):
    """Who buys."""

    list_display = ("name", "email", "country", "discount")
    search_fields = ("name", "email")
    autocomplete_fields = ("country",)


@admin.register(Supplier)
class SupplierAdmin(SupplierBase):
    """Who delivers."""

    list_display = ("name", "country", "lead_days")
    search_fields = ("name",)
    autocomplete_fields = ("country",)


class ProductForm(ProductFormBase):
    """A product's form, with a line for the reason of the change."""

    change_reason = forms.CharField(required=False, max_length=100, help_text="Kept in the log and with the version.")

    class Meta:
        model = Product
        fields = "__all__"


@admin.register(Product)
class ProductAdmin(SimpleHistoryAdmin):  # type: ignore[misc]  # simple-history ships no types
    """Products; their History page is simple-history's own."""

    form = ProductForm
    list_display = ("sku", "name", "category", "price", "currency", "stock")
    list_filter = ("category", "tags")
    search_fields = ("sku", "name")
    autocomplete_fields = ("category", "supplier", "tags", "currency")

    def save_model(self, request: HttpRequest, obj: Product, form: ProductForm, change: bool) -> None:
        """Save with the typed reason, which the entry and simple-history's version share."""
        with auditlog.context(reason=form.cleaned_data["change_reason"]):
            super().save_model(request, obj, form, change)


class OrderLineInline(LineBase):
    """The lines inside an order's form."""

    model = OrderLine
    extra = 0
    autocomplete_fields = ("product",)


@admin.register(Order)
class OrderAdmin(OrderBase):
    """Orders and their lines."""

    list_display = ("number", "customer", "status", "currency", "placed_at")
    list_filter = ("status",)
    search_fields = ("number", "customer__name")
    autocomplete_fields = ("customer", "currency")
    inlines = (OrderLineInline,)
    actions = ("mark_as_shipped",)

    @admin.action(description="Mark the chosen orders as shipped", permissions=["change"])
    def mark_as_shipped(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Set the status of each chosen order, and say why in the log."""
        with auditlog.context(reason="Picked up by the carrier"):
            for order in queryset:
                order.status = Order.Status.SHIPPED
                order.save(update_fields=["status"])
        self.message_user(request, f"{len(queryset)} orders are on their way.", messages.SUCCESS)


@admin.register(OpenOrder)
class OpenOrderAdmin(OrderAdmin):
    """Orders that wait for somebody; a proxy of orders with the same form and action."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Only what is open or paid."""
        return super().get_queryset(request).filter(status__in=(Order.Status.OPEN, Order.Status.PAID))
