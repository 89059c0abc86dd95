"""Who acts: a user, something with a name, or nobody; found out when an entry is written, never at a save's cost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections, models, transaction
from django.utils.functional import LazyObject, empty

from auditlog.facts import shortened

logger = logging.getLogger("auditlog")

NAME_LENGTH = 200
_looking: ContextVar[bool] = ContextVar("auditlog_looking", default=False)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, as an entry keeps it; nobody has neither id nor name."""

    id: Any = None
    name: str = ""
    flags: tuple[str, ...] = ()


NOBODY = Actor()


def can_act(who: Any) -> bool:
    """Whether ``context(actor=...)`` takes it; a lazy object is not evaluated to find out."""
    kind = type(who)
    return who is None or issubclass(kind, (str, LazyObject)) or hasattr(kind, "is_authenticated")


def is_waiting(who: Any) -> bool:
    """Whether this is a lazy user whom nobody has asked for yet."""
    while issubclass(type(who), LazyObject):
        if who._wrapped is empty:  # noqa: SLF001 - Django offers no other way to ask without evaluating
            return True
        who = who._wrapped  # noqa: SLF001
    return False


def described(who: Any) -> Actor:
    """The actor as an entry keeps it; nobody, and a line in the log, when finding out fails."""
    if who is None:
        return NOBODY
    if issubclass(type(who), str):
        return Actor(name=shortened(who, NAME_LENGTH))
    if is_waiting(who) and _looking.get():
        return NOBODY  # looking up the user wrote this very entry
    token = _looking.set(True)
    try:
        return _of_user(evaluated(who))
    except Exception:  # sessions, back ends and lazy users run any code, and a save must not fail by it
        logger.warning("auditlog: the actor could not be found; the entry is written without", exc_info=True)
        return NOBODY
    finally:
        _looking.reset(token)


def evaluated(who: Any) -> Any:
    """The user behind a lazy one."""
    if is_waiting(who):
        with _shielded():
            bool(who.is_authenticated)
    while issubclass(type(who), LazyObject):
        who = who._wrapped  # noqa: SLF001
    return who


@contextmanager
def _shielded() -> Iterator[None]:
    """Savepoints in the open transactions: PostgreSQL refuses everything after a query that failed."""
    with ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block and not connection.needs_rollback:
                stack.enter_context(transaction.atomic(connection.alias))
        yield


def _of_user(user: Any) -> Actor:
    if not getattr(user, "is_authenticated", False):
        return NOBODY
    flags = tuple(name for name in ("superuser", "staff") if getattr(user, f"is_{name}", False) is True)
    return Actor(_id_of(user), shortened(_name_of(user), NAME_LENGTH), flags)


def _name_of(user: Any) -> str:
    """The natural name: ``get_username()``, else the text of users that come without (of a token, of a service)."""
    return str(user.get_username()) if hasattr(user, "get_username") else str(user)


def _id_of(user: Any) -> Any:
    """The key of a row of the user model; users without a row, such as those of a token, are believed if it is one."""
    model = get_user_model()
    if isinstance(user, model):
        return user.pk
    if isinstance(user, models.Model):
        return None
    try:
        return model._meta.pk.clean(getattr(user, "pk", None), None)
    except ValidationError:
        return None
