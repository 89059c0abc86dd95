"""The project's settings for a server: the address of the page that tests/adopted/greenlets.py serves."""

from __future__ import annotations

from tests.adopted.settings import *  # noqa: F403 - all but the addresses

ROOT_URLCONF = "__main__"
