"""The history page of one object: its timeline and Django's own admin log lines, also after it was deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from auditlog.conf import settings
from auditlog.history import timeline
from auditlog.integrations.admin_links import AdminLinks
from auditlog.integrations.admin_merge import HistoryPage, history_page
from auditlog.integrations.admin_rows import Row, rows
from auditlog.models import Entry
from auditlog.query.access import visible_to
from auditlog.query.live import clean_key
from auditlog.query.pages import CursorError
from auditlog.query.querysets import EntryQuerySet

_NO_NAME = "-"  # as Django's admin shows what has no name; a link needs a text


@dataclass(frozen=True)
class _Subject:
    """The object a history page is about; ``live`` is None when only its entries are left."""

    live: Model | None
    name: str
    entries: EntryQuerySet


def timeline_page(
    model_admin: ModelAdmin[Any], request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None
) -> HttpResponse | None:
    """The page, or None where Django's own answer is the right one: no such object, and nothing known about it."""
    subject = _subject(model_admin, request, unquote(object_id))
    if subject is None:
        return None
    page, error = _read_page(subject.entries, _lines(model_admin.model, unquote(object_id)), request.GET.get("cursor"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Change history: %s") % subject.name,
        "subtitle": None,
        "items": _items(page, AdminLinks(request, model_admin.admin_site)),
        "newer_url": _address(page.newer),
        "older_url": _address(page.older),
        "error": error,
        "module_name": str(capfirst(model_admin.opts.verbose_name_plural)),
        "object": subject.live,
        "object_name": subject.name,
        "opts": model_admin.opts,
        "preserved_filters": model_admin.get_preserved_filters(request),
        **(extra_context or {}),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "auditlog/object_history.html", context, status=400 if error else 200)


def _subject(model_admin: ModelAdmin[Any], request: HttpRequest, key: str) -> _Subject | None:
    obj = model_admin.get_object(request, key)
    if obj is not None:
        if not model_admin.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        return _Subject(obj, str(obj).strip() or _NO_NAME, visible_to(timeline(obj), request.user))
    value = clean_key(model_admin.model._meta.pk, key)
    if value is None or model_admin.model._base_manager.filter(pk=value).exists():
        return None  # no key of this model, or a row that this admin hides from this user
    entries = visible_to(timeline(model_admin.model(pk=value)), request.user)
    last = entries.order_by("-pk").first()
    return None if last is None else _Subject(None, last.object_repr or last.object_id, entries)


def _lines(model: type[Model], key: str) -> QuerySet[LogEntry]:
    """Django's own lines about the object."""
    found = LogEntry.objects.filter(content_type=get_content_type_for_model(model), object_id=key)
    return found.select_related("user", "content_type")


def _read_page(entries: EntryQuerySet, lines: QuerySet[LogEntry], cursor: str | None) -> tuple[HistoryPage, str]:
    """The page, and what is wrong with the address when something is; the newest page is shown then."""
    try:
        return history_page(entries, lines, size=settings.PAGE_SIZE, cursor=cursor), ""
    except CursorError as error:
        return history_page(entries, lines, size=settings.PAGE_SIZE), str(error)


def _items(page: HistoryPage, links: AdminLinks) -> tuple[Row | LogEntry, ...]:
    """The page's items with the entries made ready for people, in the same order."""
    presented = {row.entry.pk: row for row in rows([i for i in page.items if isinstance(i, Entry)], links)}
    return tuple(presented[item.pk] if isinstance(item, Entry) else item for item in page.items)


def _address(cursor: str | None) -> str:
    return "?" + urlencode({"cursor": cursor}) if cursor else ""
