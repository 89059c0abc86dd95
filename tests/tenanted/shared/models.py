"""The tenants, and something they share."""

from __future__ import annotations

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Company(TenantMixin):  # type: ignore[misc] # django-tenants is typed in part
    """A tenant: each has a schema of its own."""


class Domain(DomainMixin):  # type: ignore[misc] # django-tenants is typed in part
    """A tenant's address."""


class Plan(models.Model):
    """A row that all tenants see."""

    name = models.CharField(max_length=50)
