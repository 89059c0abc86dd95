"""Facts are JSON of limited length, and nothing that a project puts there can hurt a save."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import override_settings
from django.utils.translation import gettext_lazy

from auditlog.facts import json_safe, shortened
from tests.testapp.models import Document, Mumbler, Seat


class Silent:
    def __str__(self) -> str:
        raise RuntimeError("no text today")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2.5, 2.5),
        (float("nan"), "NaN"),
        (Decimal("1.10"), "1.10"),
        ("a\x00b\ud800c", "a\ufffdb\ufffdc"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05.000000+00:00"),
        (dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=2))), "0001-01-01 00:00:00+02:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "AP8="),
        (gettext_lazy("create"), "create"),
        ({"a": [1, (2, {"b": Decimal(3)})]}, {"a": [1, [2, {"b": "3"}]]}),
        (OrderedDict({1: "one"}), {"1": "one"}),
        ({3}, [3]),
        (1 << 2000, hex(1 << 2000)),
        (Silent(), "<Silent>"),
        ({Silent(): 1}, {"<Silent>": 1}),
        (Document(path="a/b"), "testapp.document:a/b"),
        (Seat(hall="A", number=3), 'testapp.seat:["A", "3"]'),
        (Mumbler(pk=4), "testapp.mumbler:4"),
    ],
)
def test_a_fact_as_json(value: Any, stored: Any) -> None:
    assert json_safe(value) == stored
    assert json.loads(json.dumps(json_safe(value))) == stored


def test_the_key_of_a_session_is_no_fact() -> None:
    stored = json_safe(Session(session_key="topsecret"))

    assert stored.startswith("sessions.session:hmac:")
    assert "topsecret" not in stored


def test_facts_within_themselves_end() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = [endless]

    assert json.dumps(json_safe(endless)).count("again") == 4
    assert '"<dict>"' in json.dumps(json_safe(endless))


def test_strings_and_keys_are_cut_where_a_length_is_given() -> None:
    assert json_safe({"abcdef": ["uvwxyz", 123456]}, 3) == {"abc": ["uvw", 123456]}


def test_the_default_length_is_a_setting() -> None:
    with override_settings(AUDITLOG={"CONTEXT_MAX_LENGTH": 4}):
        assert shortened("abcdef") == "abcd"
    assert shortened("x" * 501) == "x" * 500
