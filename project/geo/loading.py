"""Brings ISO 3166 and ISO 4217 from the package pycountry into the tables, one ``save()`` each."""

from __future__ import annotations

import pycountry

from project.geo.models import Country, Currency


def load() -> tuple[int, int]:
    """Save every country and currency; what is there already is saved over. Gives their numbers."""
    for country in pycountry.countries:
        Country(
            code=country.alpha_2,
            alpha_3=country.alpha_3,
            number=country.numeric,
            name=country.name,
            official_name=getattr(country, "official_name", ""),
            flag=country.flag,
        ).save()
    for currency in pycountry.currencies:
        Currency(code=currency.alpha_3, number=currency.numeric, name=currency.name).save()
    return len(pycountry.countries), len(pycountry.currencies)
