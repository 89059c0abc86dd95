"""What a request tells about an entry: where it came from, what it asked for, and whose it is at this moment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest

from auditlog.actors import NOBODY, Actor, described, is_waiting
from auditlog.conf import settings
from auditlog.facts import json_safe, shortened

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context
_PORTED = re.compile(r"\[(?P<six>[^\]]*)\](:\d+)?|(?P<four>[0-9.]+):\d+")
_LONGEST_ADDRESS = 100


class Origin:
    """One request: what never changes is computed once, its user is asked for whenever an entry is written."""

    def __init__(self, request: Any) -> None:
        self.request: HttpRequest = getattr(request, "_request", request)  # REST framework wraps Django's request
        self._given_up = False

    @cached_property
    def remote_addr(self) -> str | None:
        """The client's address as the trusted proxies tell it; None where it cannot be known."""
        meta = self.request.META
        return client_address(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR") or "")

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What was asked for; no query string, which may hold secrets."""
        request = self.request
        trace = _TRACE.match(request.headers.get("traceparent", ""))
        told = {
            "request_id": request.headers.get(settings.REQUEST_ID_HEADER),
            "trace_id": trace and trace[1],
            "method": request.method,
            "path": request.path,
            "user_agent": request.headers.get("User-Agent"),
        }
        return {name: shortened(value) for name, value in told.items() if value}

    def actor(self) -> Actor:
        """Whoever is logged in at this moment; a user nobody asked for yet is looked up if credentials came."""
        user = self._user()
        if not is_waiting(user):
            return described(user)
        if self._given_up or not self._has_credentials():
            return NOBODY
        found = described(user)
        self._given_up = found is NOBODY and is_waiting(user)
        return found

    def _user(self) -> Any:
        """The request's user; async views ask for theirs by ``auser()``, which leaves ``user`` waiting."""
        user = getattr(self.request, "user", None)
        return getattr(self.request, "_acached_user", user) if is_waiting(user) else user

    def _has_credentials(self) -> bool:
        request = self.request
        return django_settings.SESSION_COOKIE_NAME in request.COOKIES or "HTTP_AUTHORIZATION" in request.META

    def real_user(self, actor: Actor) -> dict[str, Any] | None:
        """Who acts under the actor's name, where the project's impersonation tells it on the request."""
        for name in ("real_user", "impersonator"):
            real = described(getattr(self.request, name, None))
            if real is not NOBODY and (real.id, real.name) != (actor.id, actor.name):
                return {"id": json_safe(real.id), "name": real.name}
        return None


def client_address(remote: str, forwarded: str) -> str | None:
    """The address of the nearest host that is no trusted proxy: ``forwarded`` is read from the right."""
    networks, unix = _trusted(tuple(settings.TRUSTED_PROXIES))
    nearest = _address(remote)
    believed = unix and not remote.removeprefix("unix:") if nearest is None else _is_in(nearest, networks)
    hops = [hop for hop in forwarded.split(",") if hop.strip()] if believed else []
    for hop in reversed(hops):
        nearest = _address(hop)
        if nearest is None or not _is_in(nearest, networks):
            break
    return None if nearest is None else str(nearest)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=8)
def _trusted(proxies: tuple[str, ...]) -> tuple[tuple[Network, ...], bool]:
    """The trusted networks, and whether a proxy at a Unix socket is trusted; what is no network is never trusted."""
    return tuple(network for proxy in proxies if (network := _network(proxy))), "unix" in proxies


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """An address without port, brackets and zone; an IPv4 address that came mapped into IPv6 as IPv4."""
    text = text.strip()[:_LONGEST_ADDRESS]
    if ported := _PORTED.fullmatch(text):
        text = ported["six"] or ported["four"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
