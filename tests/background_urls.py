"""Views that start background tasks and answer with the task's id."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.celery_app import app
from tests.testapp.models import Tag


def start(request: HttpRequest, name: str) -> HttpResponse:
    Tag.objects.create(name="request")
    return HttpResponse(app.tasks[f"tests.celery_app.{name}"].delay(*request.GET.getlist("word")).id)


async def astart(request: HttpRequest, name: str) -> HttpResponse:
    """Nobody asks for the user before the task is queued, and the database is closed to an event loop."""
    task = app.tasks[f"tests.celery_app.{name}"].delay(*request.GET.getlist("word"))
    await Tag.objects.acreate(name="request")
    return HttpResponse(task.id)


urlpatterns = [path("start/<name>", start), path("astart/<name>", astart)]
