"""The shop's pages: products and orders for everybody who may see them, and the staff page with the timeline."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

import auditlog
from project.shop.models import Category, Customer, Order, Product

STAFF_MODELS: dict[str, type[Model]] = {"product": Product, "order": Order, "customer": Customer}


@require_safe
def products(request: HttpRequest) -> HttpResponse:
    """Everything on sale, or one shelf of it."""
    shown: QuerySet[Product] = Product.objects.select_related("category", "currency").prefetch_related("tags")
    shelf = request.GET.get("category", "")
    if shelf:
        shown = shown.filter(category__name=shelf)
    context = {"products": shown, "categories": Category.objects.exclude(products=None), "shelf": shelf}
    return render(request, "shop/products.html", context)


@require_safe
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """One product."""
    found = get_object_or_404(Product.objects.select_related("category__parent", "supplier__country"), pk=pk)
    return render(request, "shop/product.html", {"product": found})


@require_safe
@permission_required("shop.view_order", raise_exception=True)
def orders(request: HttpRequest) -> HttpResponse:
    """The newest orders."""
    newest = Order.objects.select_related("customer", "currency").prefetch_related("lines")[:50]
    return render(request, "shop/orders.html", {"orders": newest})


@require_safe
@permission_required("shop.view_order", raise_exception=True)
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order with its lines. It shows a customer's name and address, so that it was read is recorded."""
    found = get_object_or_404(Order.objects.select_related("customer__country", "currency"), pk=pk)
    auditlog.accessed(found.customer)
    lines = found.lines.select_related("product")
    return render(request, "shop/order.html", {"order": found, "lines": lines})


@require_POST
@permission_required("shop.change_order", raise_exception=True)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel an order: the reason typed by the member of staff goes into the log, beside an event of the shop's own."""
    reason = request.POST.get("reason", "").strip()
    with transaction.atomic(), auditlog.context(reason=reason):
        found = get_object_or_404(Order.objects.select_for_update(), pk=pk)
        if not (reason and found.is_waiting):
            messages.error(request, "Only an open or paid order can be cancelled, and only for a reason.")
            return redirect(found)
        found.status = Order.Status.CANCELLED
        found.save(update_fields=["status"])
        auditlog.record(found, event="order.cancelled", refund=str(found.total))
    messages.success(request, f"Order {found} was cancelled.")
    return redirect(found)


@require_safe
@staff_member_required
def staff(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """What the staff see of one product, order or customer: its values, and everything that ever happened to it."""
    if kind not in STAFF_MODELS:
        raise Http404
    model = STAFF_MODELS[kind]
    if not request.user.has_perm(f"shop.view_{kind}"):
        raise PermissionDenied
    found = get_object_or_404(model, pk=pk)
    return render(request, "shop/staff.html", {"object": found, "kind": kind, "facts": _facts(found)})


def _facts(obj: Model) -> list[tuple[str, Any]]:
    """The plain fields of an object with their names, for people; secrets are left out."""
    shown = (field for field in obj._meta.concrete_fields if not field.is_relation and field.name != "api_token")
    return [(str(field.verbose_name), getattr(obj, field.name)) for field in shown]
