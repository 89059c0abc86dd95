"""The app ``geo``; its models are recorded by the wildcard ``geo.*`` in the settings."""

from __future__ import annotations

from django.apps import AppConfig


class GeoConfig(AppConfig):
    """Countries and currencies."""

    name = "project.geo"
    label = "geo"
    verbose_name = "Countries and currencies"
