"""The *History* page of every registered model's admin shows the timeline, with Django's own lines among it.

``ModelAdmin.history_view`` is wrapped, here and nowhere else, by :func:`install` and given back by :func:`uninstall`.
Where a class brings a history page of its own we stand aside and only add a link: classes that override
``history_view``, set ``object_history_template`` or have a template for their model. django-simple-history's
``SimpleHistoryAdmin`` replaces the view without calling Django's, so that it is wrapped as well, for the link alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import select_template
from django.utils.html import format_html
from django.utils.translation import gettext as _

from auditlog.capture.registry import key_is_masked, registration_for
from auditlog.conf import settings
from auditlog.integrations.admin_history_page import timeline_page
from auditlog.integrations.admin_links import AdminLinks, may_see_model
from auditlog.naming import key_text, model_label

if apps.is_installed("simple_history"):
    from simple_history.admin import SimpleHistoryAdmin

    _OTHERS: tuple[type[ModelAdmin[Any]], ...] = (SimpleHistoryAdmin,)
else:
    _OTHERS = ()

View = Callable[..., HttpResponse]
_MARK = "_auditlog_wraps"


def install() -> None:
    """Wrap the history views; doing it twice changes nothing."""
    _wrap(ModelAdmin, _timeline_or_link)
    for owner in _OTHERS:
        _wrap(owner, _link)


def uninstall() -> None:
    """Give the history views back; doing it twice changes nothing."""
    owners: tuple[type[ModelAdmin[Any]], ...] = (ModelAdmin, *_OTHERS)
    for owner in owners:
        original = getattr(vars(owner)["history_view"], _MARK, None)
        if original is not None:
            owner.history_view = original  # type: ignore[method-assign]


def _wrap(owner: type[ModelAdmin[Any]], make: Callable[[View], View]) -> None:
    original = vars(owner)["history_view"]
    if hasattr(original, _MARK):
        return
    wrapped = wraps(original)(make(original))
    setattr(wrapped, _MARK, original)
    owner.history_view = wrapped  # type: ignore[method-assign]


def _timeline_or_link(original: View) -> View:
    def history_view(
        self: ModelAdmin[Any], request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not _applies(self, request):
            return original(self, request, object_id, extra_context)
        if has_own_page(self):
            _add_link(self, request, object_id)
            return original(self, request, object_id, extra_context)
        page = timeline_page(self, request, object_id, extra_context)
        return original(self, request, object_id, extra_context) if page is None else page

    return history_view


def _link(original: View) -> View:
    def history_view(
        self: ModelAdmin[Any], request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if _applies(self, request):
            _add_link(self, request, object_id)
        return original(self, request, object_id, extra_context)

    return history_view


def _applies(model_admin: ModelAdmin[Any], request: HttpRequest) -> bool:
    """Whether this history page is ours to show: a registered model, and a user who may see its entries."""
    return (
        settings.ADMIN_HISTORY
        and registration_for(model_admin.model) is not None
        and may_see_model(request.user, model_admin.model)
        and model_admin.has_view_or_change_permission(request)
    )


def has_own_page(model_admin: ModelAdmin[Any]) -> bool:
    """Whether the class, or the project for this model, brings another history page than Django's."""
    if type(model_admin).history_view is not ModelAdmin.history_view or model_admin.object_history_template:
        return True
    opts = model_admin.opts
    own = [
        f"admin/{opts.app_label}/{opts.model_name}/object_history.html",
        f"admin/{opts.app_label}/object_history.html",
    ]
    try:
        select_template(own)
    except TemplateDoesNotExist:
        return False
    return True


def _add_link(model_admin: ModelAdmin[Any], request: HttpRequest, object_id: str) -> None:
    """A link at the top of somebody else's page: messages are the one place every admin page shows."""
    model = model_admin.model
    key = key_text(unquote(object_id), masked=key_is_masked(model))
    address = AdminLinks(request, model_admin.admin_site).to_list(model=model_label(model), object=key)
    if address:
        messages.info(request, format_html('<a href="{}">{}</a>', address, _("Audit timeline of this object")))
