"""The log in Django's admin: a list, a page per entry, read only for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from auditlog.admin.facts import fact_texts
from auditlog.admin.listing import read_listing
from auditlog.admin.neighbours import neighbours
from auditlog.admin.panel import filter_panel
from auditlog.integrations.admin_links import AdminLinks
from auditlog.integrations.admin_rows import rows
from auditlog.models import Entry
from auditlog.query.access import may_see_log, visible_to
from auditlog.query.live import clean_key
from auditlog.query.querysets import EntryQuerySet

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Entry]
else:
    BaseAdmin = admin.ModelAdmin


@method_decorator(require_safe, name="changelist_view")
@method_decorator(require_safe, name="change_view")
class EntryAdmin(BaseAdmin):
    """Who changed what, when, where from and why; there is nothing here that writes."""

    def get_urls(self) -> list[URLPattern]:
        """The list and the page of an entry; there are no pages to add, change or delete one."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="auditlog_entry_changelist"),
            path("<int:object_id>/change/", view(self.change_view), name="auditlog_entry_change"),
        ]

    def get_queryset(self, request: HttpRequest) -> EntryQuerySet:
        """The entries this user may see."""
        return visible_to(Entry.objects.all(), request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the log is on the index page."""
        return may_see_log(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Whether the user may see the log at all, or this entry."""
        if obj is None:
            return may_see_log(request.user)
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: entries are written by the recording only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Nobody: entries are append-only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Nobody: entries are append-only."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, newest first, by keyset pages; a wrong filter value gets a message and the status 400."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        listing = read_listing(request.GET, self.get_queryset(request))
        links = AdminLinks(request, self.admin_site)
        context = {
            "title": _("Audit log"),
            "listing": listing,
            "rows": rows(listing.entries, links),
            "panel": filter_panel(listing.values, request.user),
            **(extra_context or {}),
        }
        return self._page(request, "auditlog/entry_list.html", context, status=400 if listing.error else 200)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One entry; one that the user may not see does not exist for him."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        visible = self.get_queryset(request)
        entry = visible.filter(pk=clean_key(Entry._meta.pk, object_id)).first()
        if entry is None:
            raise Http404(_("There is no such entry, or you may not see it."))
        links = AdminLinks(request, self.admin_site)
        (row,) = rows([entry], links)
        older, newer = neighbours(visible, entry)
        context = {
            "title": _("Entry %s") % entry.pk,
            "row": row,
            "entry": entry,
            "older_url": links.to_entry(older) if older else "",
            "newer_url": links.to_entry(newer) if newer else "",
            "context_rows": fact_texts(entry.context),
            "changeset_url": links.to_list(changeset=entry.changeset),
            **(extra_context or {}),
        }
        return self._page(request, "auditlog/entry_detail.html", context)

    def _page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = {**self.admin_site.each_context(request), "opts": self.opts, "subtitle": None}
        return TemplateResponse(request, template, {**common, **context}, status=status)
