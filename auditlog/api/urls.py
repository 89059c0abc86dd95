"""The paths of the API, to be included: ``path("api/", include("auditlog.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from auditlog.api.views import EntryDetail, EntryList, ObjectTimeline

app_name = "auditlog-api"

urlpatterns = [
    path("entries/", EntryList.as_view(), name="entries"),
    path("entries/<int:pk>/", EntryDetail.as_view(), name="entry"),
    path("objects/<str:model>/<path:object_id>/entries/", ObjectTimeline.as_view(), name="timeline"),
]
