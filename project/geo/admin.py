"""Countries and currencies in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from project.geo.models import Country, Currency

if TYPE_CHECKING:
    CountryBase = admin.ModelAdmin[Country]
    CurrencyBase = admin.ModelAdmin[Currency]
else:
    CountryBase = CurrencyBase = admin.ModelAdmin


@admin.register(Country)
class CountryAdmin(CountryBase):
    """Countries, with the switch whether parcels go there."""

    list_display = ("code", "name", "flag", "delivered_to")
    list_filter = ("delivered_to",)
    search_fields = ("code", "name")


@admin.register(Currency)
class CurrencyAdmin(CurrencyBase):
    """Currencies."""

    list_display = ("code", "name", "number")
    search_fields = ("code", "name")
