"""URLs of the tests: what a project that uses every way out has."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("i18n/", include("django.conf.urls.i18n")),
]
if find_spec("auditlog.api"):
    urlpatterns.append(path("api/", include("auditlog.api.urls")))
