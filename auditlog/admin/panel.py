"""The filters above the list: choices come from the installed models and the actions, never from the table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from auditlog.capture.registration import Registration
from auditlog.capture.registry import registration_for, registrations
from auditlog.integrations.admin_links import may_see_model
from auditlog.models import Action
from auditlog.query.access import Viewer
from auditlog.query.live import live_model


@dataclass(frozen=True)
class Choice:
    """One option of a filter."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True)
class Chip:
    """A filter in force, and the address of the list without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True)
class Span:
    """A ready-made time filter."""

    label: str
    url: str
    selected: bool


@dataclass(frozen=True)
class Panel:
    """Everything the filter form shows."""

    values: Mapping[str, str]
    actions: tuple[Choice, ...]
    models: tuple[tuple[str, tuple[Choice, ...]], ...]
    fields: tuple[str, ...]
    spans: tuple[Span, ...]
    chips: tuple[Chip, ...]
    kept: tuple[tuple[str, str], ...]
    """Filters without a field in the form, which the form must not lose."""


def filter_panel(values: Mapping[str, str], user: Viewer) -> Panel:
    """The filter form for these values and what this user may see."""
    return Panel(
        values=values,
        actions=tuple(
            Choice(action.name.lower(), capfirst(str(action.label)), action.name.lower() == values.get("action"))
            for action in Action
        ),
        models=_models(values.get("model", "").lower(), user),
        fields=_fields(values.get("model", "")),
        spans=tuple(_spans(values)),
        chips=tuple(_chip(values, name) for name in values),
        kept=tuple((name, values[name]) for name in ("object", "changeset") if name in values),
    )


def _models(chosen: str, user: Viewer) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    """The registered models this user may see, by app; a model that is no more is offered while it is chosen."""
    groups: dict[str, list[Choice]] = {}
    for registration in registrations():
        if may_see_model(user, registration.model):
            group = str(registration.model._meta.app_config.verbose_name)
            groups.setdefault(group, []).append(_model_choice(registration, chosen))
    known = {choice.value for choices in groups.values() for choice in choices}
    if chosen and chosen not in known:
        groups[_("Other")] = [Choice(chosen, chosen, True)]
    return tuple((name, tuple(sorted(groups[name], key=lambda choice: choice.label))) for name in sorted(groups))


def _model_choice(registration: Registration, chosen: str) -> Choice:
    label = capfirst(str(registration.model._meta.verbose_name))
    return Choice(registration.label, label, registration.label == chosen)


def _fields(label: str) -> tuple[str, ...]:
    """Names of the recorded fields of the chosen model, to be suggested."""
    model = live_model(label)
    registration = registration_for(model) if model is not None else None
    if registration is None:
        return ()
    return tuple(field.name for field in (*registration.fields, *registration.m2m))


def _spans(values: Mapping[str, str]) -> Iterable[Span]:
    """Since when: the days most asked for."""
    today = timezone.localdate()
    others = {name: text for name, text in values.items() if name not in ("since", "until")}
    for label, days in ((_("Today"), 0), (_("Past 7 days"), 7), (_("Past 30 days"), 30)):
        since = (today - dt.timedelta(days=days)).isoformat()
        selected = values.get("since") == since and "until" not in values
        yield Span(label, "?" + urlencode({**others, "since": since}), selected)


def _chip(values: Mapping[str, str], name: str) -> Chip:
    labels = {
        "q": _("Search"),
        "action": _("Action"),
        "model": _("Model"),
        "object": _("Object"),
        "actor": _("Actor"),
        "field": _("Changed field"),
        "since": _("From"),
        "until": _("Until"),
        "changeset": _("Changeset"),
    }
    others = {other: text for other, text in values.items() if other != name}
    return Chip(labels[name], values[name], "?" + urlencode(others))
