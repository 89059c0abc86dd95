"""Fixtures and rules for all tests."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CI = os.environ.get("CI") == "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last (Playwright leaves an event loop in the thread) and need a Chromium."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if CHROMIUM or CI:
        return
    missing = pytest.mark.skip(reason="no Chromium on the PATH: install the package chromium to run the browser tests")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(missing)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium, quietly, where no sandbox can be had."""
    if CHROMIUM is None:
        pytest.fail("CI=true requires the browser tests, and there is no Chromium on the PATH.")
    # Playwright's synchronous interface runs an event loop in the test's thread, which Django takes for async code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    arguments = (
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    )  # fmt: skip
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": list(arguments)}
