"""Addresses of the shop's pages."""

from __future__ import annotations

from django.urls import path

from project.shop import views

app_name = "shop"

urlpatterns = [
    path("", views.products, name="products"),
    path("products/<int:pk>/", views.product, name="product"),
    path("orders/", views.orders, name="orders"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("orders/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("staff/<str:kind>/<int:pk>/", views.staff, name="staff"),
]
