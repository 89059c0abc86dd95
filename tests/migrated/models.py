"""The models as the last migration leaves them."""

from __future__ import annotations

from django.db import models

import auditlog


@auditlog.register(formerly=["migrated.Shelf"])
class Rack(models.Model):
    """It was called Shelf before migration 0004."""

    title = models.CharField(max_length=50)
    size = models.BigIntegerField(default=0)
    color = models.CharField(max_length=20, default="red")
    hint = models.CharField(max_length=20, null=True)
    weight = models.IntegerField(default=1)
