"""A model with geometries."""

from __future__ import annotations

from django.contrib.gis.db import models


class Place(models.Model):
    """A point, and perhaps an area around it."""

    name = models.CharField(max_length=50)
    spot = models.PointField()
    area = models.PolygonField(null=True)
