"""Log-ins, log-outs and failed log-ins, recorded through the signals of ``django.contrib.auth``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models, router

from auditlog import contexts
from auditlog.actors import described, evaluated
from auditlog.capture.registry import object_key
from auditlog.conf import settings
from auditlog.facts import shortened
from auditlog.models import Action, Entry
from auditlog.naming import key_text, model_label
from auditlog.recording import Draft, is_paused, record_entries
from auditlog.requests import Origin

TYPED_LENGTH = 150
"""Characters kept of the name that somebody typed to log in."""


def install() -> None:
    """Connect the receivers; a second time changes nothing."""
    user_logged_in.connect(_logged_in, dispatch_uid="auditlog.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="auditlog.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="auditlog.login_failed")


def uninstall() -> None:
    """Disconnect them."""
    user_logged_in.disconnect(dispatch_uid="auditlog.logged_in")
    user_logged_out.disconnect(dispatch_uid="auditlog.logged_out")
    user_login_failed.disconnect(dispatch_uid="auditlog.login_failed")


def _logged_in(sender: Any, user: Any = None, request: Any = None, **kwargs: Any) -> None:
    _record_user(Action.LOGIN, user, request)


def _logged_out(sender: Any, user: Any = None, request: Any = None, **kwargs: Any) -> None:
    _record_user(Action.LOGOUT, user, request)


def _login_failed(sender: Any, credentials: Mapping[str, Any], request: Any = None, **kwargs: Any) -> None:
    """What was typed as a name is kept, and nothing else of the credentials."""
    model = get_user_model()
    typed = credentials.get("username") or credentials.get(model.USERNAME_FIELD) or ""
    draft = Draft(Action.LOGIN_FAILED, model_label(model), object_repr=shortened(str(typed), TYPED_LENGTH))
    _record(draft, AnonymousUser(), request)


def _record_user(action: Action, user: Any, request: Any) -> None:
    """A log-out by nobody is none; Django sends the signal all the same.

    The user may be ``request.user``, a lazy object; and packages for tokens log in users that have no row.
    """
    user = evaluated(user)
    if user is None:
        return
    row = isinstance(user, models.Model)
    label = model_label(type(user) if row else get_user_model())
    key = object_key(user) if row else key_text(getattr(user, "pk", ""))
    _record(Draft(action, label, key, described(user).name), user, request)


def _record(draft: Draft, actor: Any, request: Any) -> None:
    """Write one entry with the request's address, which here may be known from the signal alone."""
    if not settings.ENABLED or is_paused():
        return
    here = contexts.current() or contexts.Context()
    origin = here.origin or (Origin(request) if hasattr(request, "META") else None)  # anything may be sent
    with contexts.entered(replace(here, actor=actor, origin=origin)):
        record_entries(router.db_for_write(Entry), [draft])
