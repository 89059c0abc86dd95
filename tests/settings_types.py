"""Settings for the type checker: the apps of the tests and of the demonstration together."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as TEST_APPS

INSTALLED_APPS = [*TEST_APPS, "project.geo", "project.shop", "tests.userproject"]
