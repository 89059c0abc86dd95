"""The address of the example view."""

from __future__ import annotations

from django.urls import path

from tests.notes.bakery import views

urlpatterns = [path("cakes/<int:pk>/buy/", views.buy, name="buy")]
