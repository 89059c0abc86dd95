"""The middleware: every request has its context, from here to the last chunk of its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from auditlog.contexts import Carried, during
from auditlog.steps import aiterated, iterated

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class AuditlogMiddleware:
    """Open a context per request. It keeps the request, not the user, who may become known later.

    Put it after the authentication middleware, or anywhere: only writes further out than it go without an actor.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """The response to the request; an awaitable one under ASGI."""
        if self.is_async:
            return self._answer(request)
        with during(request) as carried:
            return _kept(cast("HttpResponseBase", self.get_response(request)), carried)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with during(request) as carried:
            return _kept(await cast("Awaitable[HttpResponseBase]", self.get_response(request)), carried)


def _kept(response: HttpResponseBase, carried: Carried) -> HttpResponseBase:
    """The response; a streaming one runs in its request's context to the end, closing included.

    The content of a file writes nothing, and wrapping it would keep the server from sending it by itself. The private
    names: ``streaming_content`` hands out a wrapper that does not close the async body beneath it, and the closers are
    what the server calls when the client hangs up.
    """
    if isinstance(response, StreamingHttpResponse) and getattr(response, "file_to_stream", None) is None:
        stream: Any = response
        closers: list[Callable[[], object]] = stream._resource_closers  # noqa: SLF001
        closers[:] = [partial(_close, carried, closer) for closer in closers]
        wrap: Any = aiterated if response.is_async else iterated
        response.streaming_content = wrap(stream._iterator, carried.step)  # noqa: SLF001
    return response


def _close(carried: Carried, closer: Callable[[], object]) -> None:
    with carried.step():
        closer()
