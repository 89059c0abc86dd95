"""The URLs of a project without an admin."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
