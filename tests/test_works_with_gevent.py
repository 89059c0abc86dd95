"""docs/works-with.md: a server of gevent, whose requests are greenlets of one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_projects import ROOT, empty_database


@pytest.mark.django_db
def test_actors_of_crossing_requests_do_not_mix(tmp_path: Path) -> None:
    """Each of two requests writes before and after the other's first write."""
    with empty_database("greenlets", tmp_path) as name:
        done = subprocess.run(
            [sys.executable, "-m", "tests.adopted.greenlets"],
            cwd=ROOT, env={**os.environ, "DB_NAME": name, "DJANGO_SETTINGS_MODULE": "tests.adopted.served"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [200, 200],
        {"ana": "ana", "ana again": "ana", "bea": "bea", "bea again": "bea"},
        2,
    ]
