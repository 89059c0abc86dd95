"""Pytest plugin: with ``DB=postgres`` starts a PostgreSQL before Django's settings load.

Loaded by ``-p``, because the settings need the socket. Workers of pytest-xdist inherit ``PGSOCK`` and start none.
"""

from __future__ import annotations

import contextlib
import os

import pytest

from tests import pgtemp

_running = contextlib.ExitStack()

if os.environ.get("DB") == "postgres" and "PGSOCK" not in os.environ:
    os.environ["PGSOCK"] = _running.enter_context(pgtemp.server())
    _running.callback(os.environ.pop, "PGSOCK")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that this process started."""
    _running.close()
