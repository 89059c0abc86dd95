"""The pytest fixture ``auditlog_entries``; loaded by ``pytest_plugins = ["auditlog.pytest_plugin"]`` in a conftest.

It needs pytest-django. There is no entry point: pytest would import Django in every run of the environment, also in
those of projects without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def auditlog_entries(db: None) -> Iterator[Any]:
    """Recording is on for the test; gives the entries that it writes, as ``auditlog.testing.recorded`` does."""
    testing = import_module("auditlog.testing")  # needs models, which are not there when pytest loads its plugins
    with testing.enabled(), testing.recorded() as entries:
        yield entries
