"""Template tags: the badge and time of an entry, and ``{% auditlog_timeline object %}`` for a project's own pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from auditlog.capture.registry import object_key
from auditlog.history import timeline
from auditlog.integrations.admin_rows import Row
from auditlog.models import Action, Entry
from auditlog.naming import model_label
from auditlog.query.access import may_see_log, visible_to
from auditlog.query.display import present
from auditlog.query.pages import page

register = template.Library()

_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "\N{MINUS SIGN}",
    Action.BASELINE: "=",
    Action.ACCESS: "○",
    Action.LOGIN: "→",
    Action.LOGOUT: "←",
    Action.LOGIN_FAILED: "!",
    Action.EVENT: "*",
    Action.REDACTION: "■",
    Action.PRUNE: "▽",
}
_BRIEF = 60
"""Characters of a value in lists."""

_MOST = 100
"""Entries that an embedded timeline shows at most."""


@register.inclusion_tag("auditlog/badge.html")
def auditlog_badge(entry: Entry) -> dict[str, str]:
    """The entry's action, told apart by colour, shape and symbol; an event shows its name."""
    action = Action(entry.action)
    return {"kind": action.name.lower(), "symbol": _SYMBOLS[action], "label": entry.event or str(action.label)}


@register.simple_tag
def auditlog_time(moment: dt.datetime, exact: bool = False) -> SafeString:
    """A moment for people, with the exact one for machines and in the tooltip."""
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    full = local.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    text = full if exact else _for_people(local)
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), full, text)


def _for_people(moment: dt.datetime) -> str:
    age = timezone.now() - moment
    if dt.timedelta(0) <= age < dt.timedelta(minutes=1):
        return _("just now")
    if dt.timedelta(0) <= age < dt.timedelta(days=1):
        return _("%(time)s ago") % {"time": timesince(moment, depth=1)}
    return date_format(moment, "DATETIME_FORMAT")


@register.filter
def auditlog_first(items: Sequence[Any], count: int) -> Sequence[Any]:
    """The first items."""
    return items[:count]


@register.filter
def auditlog_beyond(items: Sequence[Any], count: int) -> int:
    """How many items come after the first ones."""
    return max(0, len(items) - count)


@register.filter
def auditlog_brief(text: str) -> str:
    """A value on one line, cut where it is long."""
    return Truncator(" ".join(text.split())).chars(_BRIEF)


@register.inclusion_tag("auditlog/timeline.html", takes_context=True)
def auditlog_timeline(context: Mapping[str, Any], obj: Model, limit: int = 20) -> dict[str, Any]:
    """The newest entries of an object, as far as the page's user may see them.

    The page links ``auditlog/auditlog.css`` for the look; its context needs the request.
    """
    user = context["request"].user
    if not may_see_log(user):
        return {"rows": (), "allowed": False}
    found = page(visible_to(timeline(obj), user), size=max(1, min(limit, _MOST)))
    rows = [
        Row(entry, view, url=_address("change", entry.pk))
        for entry, view in zip(found.entries, present(found.entries), strict=True)
    ]
    return {"rows": rows, "allowed": True, "more": found.next is not None, "timeline_url": _timeline_url(obj)}


def _timeline_url(obj: Model) -> str:
    address = _address("changelist")
    return f"{address}?{urlencode({'model': model_label(obj.__class__), 'object': object_key(obj)})}" if address else ""


def _address(page_name: str, *arguments: Any) -> str:
    """A page of the log in the admin; empty where the project has no admin."""
    try:
        return reverse(f"admin:auditlog_entry_{page_name}", args=arguments)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def nonce(context: template.Context) -> SafeString:
    """The attribute of a script or style under Django's Content-Security-Policy; empty where there is no nonce."""
    value = context.get("csp_nonce")
    return format_html(' nonce="{}"', value) if value else SafeString("")
