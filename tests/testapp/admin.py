"""Admins of the zoo: ordinary ones, one with keys that need quoting, and one that brings its own
history page."""

from __future__ import annotations

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from tests.testapp.models import Document, Product, Recipe, Restaurant, Unregistered

admin.site.register(Product)
admin.site.register(Document)
admin.site.register(Restaurant)
admin.site.register(Unregistered)
admin.site.register(Recipe, SimpleHistoryAdmin)
