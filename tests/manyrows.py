"""Writes many rows and tells how much memory it took; tests/test_memory.py starts it as a program.

``python -m tests.manyrows ROWS`` prints, after each step, the most memory that the process ever had, in KiB.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

from django.db.models import F

import auditlog
from tests.testapp.models import Recorded

STATUS = Path("/proc/self/status")
BLOCK = 1000


def peak() -> int:
    """The most memory that this process ever had, in KiB; that of the process that started it does not count."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def main(rows: int) -> None:
    """Import the rows in blocks, change them all by one statement, and delete them by another."""
    peaks = {}
    with auditlog.context(reason="the import of the night"):
        for at in range(0, rows, BLOCK):
            Recorded.objects.bulk_create([Recorded(name=f"n{n}", number=n) for n in range(at, at + BLOCK)])
        peaks["bulk_create"] = peak()
        Recorded.objects.update(number=F("number") + 1)
        peaks["update"] = peak()
        Recorded.objects.all()._raw_delete("default")
        peaks["_raw_delete"] = peak()
    print(json.dumps(peaks))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(int(sys.argv[1]))
