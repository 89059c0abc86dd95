"""URLs of the context tests: views of every kind that write, none of which says who acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.auth import alogout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.authentication import TokenAuthentication
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import auditlog
from tests.testapp.models import Tag


def sync_view(request: HttpRequest) -> HttpResponse:
    Tag.objects.create(name=request.GET.get("name", "sync"))
    return HttpResponse("saved")


async def async_view(request: HttpRequest) -> HttpResponse:
    await Tag.objects.acreate(name=request.GET.get("name", "async"))
    return HttpResponse("saved")


async def knowing_async_view(request: HttpRequest) -> HttpResponse:
    """It asks by ``auser()``, which leaves ``request.user`` unevaluated."""
    user = await request.auser()
    await asyncio.sleep(0)
    await Tag.objects.acreate(name=user.get_username())
    return HttpResponse("saved")


async def gathering_view(request: HttpRequest) -> HttpResponse:
    task = asyncio.create_task(Tag.objects.acreate(name="task"))
    await asyncio.gather(Tag.objects.acreate(name="one"), Tag.objects.acreate(name="two"))
    await task
    return HttpResponse("saved")


def streaming_view(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        try:
            with auditlog.context(reason="inside the body"):
                Tag.objects.create(name="first")
                yield b"1"
                Tag.objects.create(name="second")
                yield b"2"
            Tag.objects.create(name="third")
            yield b"3"
        finally:
            Tag.objects.create(name="closing")

    return StreamingHttpResponse(body())


async def async_streaming_view(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        try:
            with auditlog.context(reason="inside the body"):
                await Tag.objects.acreate(name="first")
                yield b"1"
                await Tag.objects.acreate(name="second")
                yield b"2"
            await Tag.objects.acreate(name="third")
            yield b"3"
        finally:
            await Tag.objects.acreate(name="closing")

    return StreamingHttpResponse(body())


def impersonating_view(request: HttpRequest) -> HttpResponse:
    """What impersonation packages do: another user acts, the real one stands beside."""
    request.real_user = request.user  # type: ignore[attr-defined]
    request.user = User.objects.get(username=request.GET["as"])
    Tag.objects.create(name="impersonated")
    return HttpResponse("saved")


def leaving_view(request: HttpRequest) -> HttpResponse:
    """Writes before and after a block of the project's own."""
    Tag.objects.create(name="before")
    with auditlog.context(actor="robot", reason="tidying"):
        Tag.objects.create(name="within")
    Tag.objects.create(name="after")
    return HttpResponse("saved")


def failing_view(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the view fails")


async def async_leaving_view(request: HttpRequest) -> HttpResponse:
    """It logs out, and what it writes afterwards is nobody's."""
    await Tag.objects.acreate(name="before")
    await alogout(request)
    await Tag.objects.acreate(name="after")
    return HttpResponse("left")


class TokenView(APIView):
    """Authentication happens in the view, long after the middleware."""

    authentication_classes = (TokenAuthentication,)
    renderer_classes = (JSONRenderer,)

    def post(self, request: Request) -> Response:
        Tag.objects.create(name="token")
        return Response({})


async def awaited_sync_view(request: HttpRequest) -> HttpResponse:
    """Sync code in a thread of its own, as long as it is started by asgiref."""

    def write(**kwargs: Any) -> Tag:
        return Tag.objects.create(**kwargs)

    await sync_to_async(write)(name=request.GET.get("name", "in a thread"))
    return HttpResponse("saved")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("sync", sync_view),
    path("async", async_view),
    path("knowing", knowing_async_view),
    path("gathering", gathering_view),
    path("stream", streaming_view),
    path("astream", async_streaming_view),
    path("impersonate", impersonating_view),
    path("leaving", leaving_view),
    path("failing", failing_view),
    path("alogout", async_leaving_view),
    path("token", TokenView.as_view()),
    path("thread", awaited_sync_view),
]
