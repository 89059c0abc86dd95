"""What each tenant has for itself."""

from __future__ import annotations

from django.db import models


class Product(models.Model):
    """Each tenant counts its own keys."""

    name = models.CharField(max_length=50)
