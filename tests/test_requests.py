"""What a request tells: address through trusted proxies, facts from headers, and its user at this moment."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from auditlog.actors import NOBODY, Actor
from auditlog.requests import Origin, client_address

ana = User(pk=5, username="ana")


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        # nobody is trusted: the header is what anyone may write
        ([], "203.0.113.9", "", "203.0.113.9"),
        ([], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ([], "", "198.51.100.1", None),
        (["10.0.0.0/8"], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        # a trusted proxy: the first from the right that is none
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.66, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", " , ", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (["10.0.0.1"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.1/8"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        # a Unix socket has no address
        (["unix"], "", "198.51.100.1", "198.51.100.1"),
        (["unix"], "unix:", "198.51.100.1", "198.51.100.1"),
        (["unix"], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (["unix"], "garbage", "198.51.100.1", None),
        (["unix"], "", "", None),
        # IPv6, ports, brackets, zones
        ([], "fe80::1%eth0", "", "fe80::1"),
        ([], "::ffff:203.0.113.9", "", "203.0.113.9"),
        (["::1"], "::1", "[2001:db8::1]:443", "2001:db8::1"),
        (["::1"], "::1", "[2001:db8::1]", "2001:db8::1"),
        (["::1"], "::1", "198.51.100.1:8080", "198.51.100.1"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        # garbage: the client is behind it and cannot be known
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1, unknown", None),
        (["10.0.0.0/8"], "10.0.0.1", "unknown, 198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "'; DROP TABLE users; --", None),
        (["10.0.0.0/8"], "10.0.0.1", "[]:1", None),
        (["10.0.0.0/8"], "10.0.0.1", "1" * 100_000, None),
        (["10.0.0.0/8"], "10.0.0.1", "\x00\ud800", None),
        (["10.0.0.0/8", "no network"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ([], "garbage", "", None),
    ],
)
def test_the_address_of_the_client(proxies: list[str], remote: str, forwarded: str, address: str | None) -> None:
    with override_settings(AUDITLOG={"TRUSTED_PROXIES": proxies}):
        assert client_address(remote, forwarded) == address


def facts(**headers: str) -> dict[str, Any]:
    request = RequestFactory().post("/a/path?token=secret", headers=headers)
    return Origin(request).facts


def test_what_was_asked_for_without_the_query() -> None:
    assert facts() == {"method": "POST", "path": "/a/path"}


def test_the_headers_kept() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    told = facts(**{"x-request-id": "r-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01", "user-agent": "curl/8"})

    assert told == {
        "request_id": "r-1",
        "trace_id": trace,
        "method": "POST",
        "path": "/a/path",
        "user_agent": "curl/8",
    }


def test_another_header_may_carry_the_request_id() -> None:
    with override_settings(AUDITLOG={"REQUEST_ID_HEADER": "X-Correlation-ID"}):
        assert facts(**{"x-correlation-id": "c-1", "x-request-id": "r-1"})["request_id"] == "c-1"


@pytest.mark.parametrize(
    "garbage",
    ["", "00", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-" + "a" * 32 + "-b7ad6b7169203331-01", "\x00\ud800", "é"],
)
def test_a_garbage_trace_is_left_out(garbage: str) -> None:
    assert "trace_id" not in facts(traceparent=garbage)


def test_garbage_headers_are_cleaned_and_cut() -> None:
    told = facts(**{"x-request-id": "a\x00b\ud800", "user-agent": "x" * 100_000})

    assert (told["request_id"], told["user_agent"]) == ("a\ufffdb\ufffd", "x" * 500)


def test_a_request_that_knows_nothing() -> None:
    """``client.login`` of the test client sends its signal with such a request."""
    origin = Origin(HttpRequest())

    assert (origin.facts, origin.remote_addr, origin.actor()) == ({}, None, NOBODY)


class TestUser:
    def request(self, user: Any, *, cookie: bool = False, **headers: str) -> HttpRequest:
        request = RequestFactory().get("/", headers=headers)
        request.user = user
        if cookie:
            request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
        return request

    def test_an_evaluated_user_is_used_as_he_is(self) -> None:
        lazy = SimpleLazyObject(lambda: ana)
        assert lazy.username == "ana"

        assert Origin(self.request(lazy)).actor() == Actor(5, "ana")

    def test_without_credentials_nobody_is_looked_up(self) -> None:
        lazy = SimpleLazyObject(lambda: pytest.fail("looked up"))

        assert Origin(self.request(lazy)).actor() is NOBODY

    def test_with_a_session_cookie_the_user_is_looked_up(self) -> None:
        assert Origin(self.request(SimpleLazyObject(lambda: ana), cookie=True)).actor() == Actor(5, "ana")

    def test_with_an_authorization_header_the_user_is_looked_up(self) -> None:
        request = self.request(SimpleLazyObject(lambda: ana), authorization="Bearer x")

        assert Origin(request).actor() == Actor(5, "ana")

    def test_a_failed_look_up_is_not_tried_again(self) -> None:
        tries = []

        def fails() -> User:
            tries.append(1)
            raise ConnectionError("the session store is down")

        origin = Origin(self.request(SimpleLazyObject(fails), cookie=True))

        assert [origin.actor(), origin.actor()] == [NOBODY, NOBODY]
        assert tries == [1]

    def test_a_user_known_later_is_found(self) -> None:
        """A log-in, or REST framework, replaces the user during the request."""
        request = self.request(AnonymousUser())
        origin = Origin(request)
        assert origin.actor() is NOBODY

        request.user = ana

        assert origin.actor() == Actor(5, "ana")

    def test_the_request_of_rest_framework_is_that_of_django(self) -> None:
        request = self.request(ana)

        assert Origin(Request(request)).request is request

    @pytest.mark.parametrize("name", ["real_user", "impersonator"])
    def test_the_real_user_behind_an_impersonated_one(self, name: str) -> None:
        request = self.request(ana)
        setattr(request, name, User(pk=6, username="root"))

        assert Origin(request).real_user(Actor(5, "ana")) == {"id": 6, "name": "root"}

    @pytest.mark.parametrize("real", [None, ana, AnonymousUser()])
    def test_nobody_is_behind_an_ordinary_user(self, real: Any) -> None:
        """Packages set the attribute on every request, mostly to the user himself."""
        request = self.request(ana)
        request.real_user = real  # type: ignore[attr-defined]

        assert Origin(request).real_user(Actor(5, "ana")) is None
