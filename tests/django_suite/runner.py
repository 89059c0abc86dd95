"""Django's test runner, telling what became of each test in a file, one JSON object a line."""

from __future__ import annotations

import json
import os
import traceback
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner

REPORT = Path(os.environ["SUITE_REPORT"])


class ReportingResult(unittest.TextTestResult):
    """Appends one line for each thing that happened to a test."""

    def _tell(self, test: Any, outcome: str, error: Any = None) -> None:
        line = {"test": test.id(), "outcome": outcome}
        if error is not None:
            line["error"] = "".join(traceback.format_exception_only(*error[:2])).strip()
            line["traceback"] = "".join(traceback.format_exception(*error))
        with REPORT.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def addSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "ok")
        super().addSuccess(test)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "failed", err)
        super().addFailure(test, err)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "failed", err)
        super().addError(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        if err is not None:
            self._tell(test, "failed", err)
        super().addSubTest(test, subtest, err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "skipped")
        super().addSkip(test, reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "failed as expected")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        self._tell(test, "unexpected success")
        super().addUnexpectedSuccess(test)


class ReportingRunner(DiscoverRunner):
    """Runs the tests with such a result."""

    def get_resultclass(self) -> Any:
        return ReportingResult
