"""Writes of many rows take no more memory than writes of few."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.db import connection
from django.db.models import Count

from auditlog.models import Entry
from tests.manyrows import STATUS

FEW, MANY = 2_000, 40_000
ROOM = 8 * 1024
"""KiB that many rows may take more than few; each row held as Python objects would take about one."""

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not STATUS.exists(), reason="the most memory that a process had is told by Linux"),
]


def peaks(rows: int) -> dict[str, int]:
    """The peaks of a process of its own that writes so many rows on this test's database."""
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "DB_NAME": name, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.manyrows", str(rows)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_many_rows_take_the_memory_of_few() -> None:
    connection.close()
    few, many = peaks(FEW), peaks(MANY)

    more = {step: many[step] - few[step] for step in many}
    assert {step: kib for step, kib in more.items() if kib > ROOM} == {}
    by_changeset = Entry.objects.values_list("changeset").annotate(n=Count("id")).order_by("n")
    assert [count for _, count in by_changeset] == [3 * FEW, 3 * MANY]
