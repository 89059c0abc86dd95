"""Query parameters of the API: the filters of all ways out and the cursor pages; a wrong one is named by a 400."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from auditlog.conf import settings
from auditlog.query.filters import ACTIONS, FilterError, apply, parse
from auditlog.query.pages import CursorError, page
from auditlog.query.querysets import EntryQuerySet

LARGEST_PAGE = 1000
PAGING = ("cursor", "page_size")

FILTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("Entries of this model, `app.model`.", {}),
    "object": ("Entries of the object with this key; composite keys as a JSON list.", {}),
    "actor": ("Entries of the actor with this name (at that moment) or this id.", {}),
    "action": ("Entries of this action.", {"enum": list(ACTIONS)}),
    "field": ("Entries in which the field of this name changed.", {}),
    "since": ("Entries from this date or time on; a date is a day of the server's time zone.", {}),
    "until": ("Entries up to the end of this date, or before this time.", {}),
    "changeset": ("Entries of this changeset.", {"format": "uuid"}),
    "q": ("Entries in which every word occurs: in object, actor, key, reason or event.", {}),
}


def query_parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """One parameter as OpenAPI describes it."""
    kind = {"type": "string", **schema}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": kind}


class EntryFilters(BaseFilterBackend):
    """The filters, named as in the command, plus ``q``; views leave some out by ``fixed_filters``."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        """The entries that are asked for."""
        given = request.query_params
        if twice := next((name for name, values in given.lists() if len(values) > 1), None):
            raise ValidationError({twice: [_("This is given more than once.")]})
        if fixed := next((name for name in fixed_filters(view) if name in given), None):
            raise ValidationError({fixed: [_("The address says this already.")]})
        entries = cast("EntryQuerySet", queryset)
        also = (*PAGING, *filter(None, [api_settings.URL_FORMAT_OVERRIDE]))
        try:
            return apply(entries, parse(given.dict(), within=entries, also=also))
        except FilterError as error:
            raise ValidationError({error.parameter: [error.message]}) from error

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameters for OpenAPI."""
        fixed = fixed_filters(view)
        return [query_parameter(name, text, **more) for name, (text, more) in FILTERS.items() if name not in fixed]


def fixed_filters(view: APIView) -> tuple[str, ...]:
    """Names of the filters that the view's address settles."""
    return getattr(view, "fixed_filters", ())


class EntryPages(BasePagination):
    """Cursor pages, newest first: ``next`` leads to older entries, ``previous`` to newer ones."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """The entries of the page that is asked for."""
        size = page_size(request.query_params.get("page_size", ""))
        try:
            self.page = page(queryset, size=size, cursor=request.query_params.get("cursor"))
        except CursorError as error:
            raise ValidationError({"cursor": [str(error)]}) from error
        self.address = request.build_absolute_uri()
        return list(self.page.entries)

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the addresses of its neighbours."""
        links = {"next": self._link(self.page.next), "previous": self._link(self.page.previous)}
        return Response({**links, "results": data})

    def _link(self, cursor: str | None) -> str | None:
        return None if cursor is None else replace_query_param(self.address, "cursor", cursor)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page for OpenAPI."""
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameters for OpenAPI."""
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}
        return [
            query_parameter("cursor", "Where the page begins; taken from `next` or `previous` of another page."),
            query_parameter("page_size", "Entries on one page.", **size),
        ]


def page_size(text: str) -> int:
    """The size that is asked for, by default the setting ``PAGE_SIZE``."""
    if not text:
        return settings.PAGE_SIZE
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_PAGE):
        message = _("“%(text)s” is not a number from 1 to %(largest)d.")
        raise ValidationError({"page_size": [message % {"text": text, "largest": LARGEST_PAGE}]})
    return int(text)
