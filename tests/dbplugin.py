"""Pytest plugin: with ``DB=postgres`` or ``DB=mariadb`` starts such a server before Django's settings load.

Loaded by ``-p``, because the settings need the socket. Workers of pytest-xdist inherit its path and start none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests import mariatemp, pgtemp

_SERVERS = {"postgres": ("PGSOCK", pgtemp.server), "mariadb": ("MARIASOCK", mariatemp.server)}
_running = contextlib.ExitStack()


def _start(variable: str, server: Callable[[], AbstractContextManager[str]]) -> None:
    if variable not in os.environ:
        os.environ[variable] = _running.enter_context(server())
        _running.callback(os.environ.pop, variable)


if os.environ.get("DB") in _SERVERS:
    _start(*_SERVERS[os.environ["DB"]])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that this process started."""
    _running.close()
