"""Countries and currencies. Nothing here names the audit log: ``"geo.*"`` in the settings has them recorded."""

from __future__ import annotations

from django.db import models


class Currency(models.Model):
    """A currency of ISO 4217; its letters are the key."""

    code = models.CharField(max_length=3, primary_key=True)
    number = models.CharField(max_length=3)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("code",)
        verbose_name_plural = "currencies"

    def __str__(self) -> str:
        return self.code


class Country(models.Model):
    """A country of ISO 3166-1; its two letters are the key."""

    code = models.CharField(max_length=2, primary_key=True)
    alpha_3 = models.CharField(max_length=3, unique=True)
    number = models.CharField(max_length=3)
    name = models.CharField(max_length=100)
    official_name = models.CharField(max_length=200, blank=True)
    flag = models.CharField(max_length=8, blank=True)
    delivered_to = models.BooleanField(default=True, help_text="The shop sends parcels there.")

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "countries"

    def __str__(self) -> str:
        return self.name
