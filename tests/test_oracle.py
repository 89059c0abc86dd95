"""The replay oracle (:mod:`tests.oracle`): a short run among the tests, a long one by ``make oracle``.

``ORACLE_OPERATIONS`` says how many random operations are run at least, ``ORACLE_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

import auditlog
from tests.oracle.machine import VALUES, Oracle

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime:RuntimeWarning"),
]

OPERATIONS = int(os.environ.get("ORACLE_OPERATIONS", "400"))
SEED = int(os.environ.get("ORACLE_SEED") or secrets.randbits(32))
SHRINK = bool(os.environ.get("ORACLE_SHRINK"))
"""Look for the shortest sequence of steps that fails; takes minutes."""
STEPS = 40


@pytest.fixture(autouse=True)
def _values() -> Iterator[None]:
    for model in VALUES:
        auditlog.register(model)
    yield
    for model in VALUES:
        auditlog.unregister(model)


def test_the_log_alone_rebuilds_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Oracle.operations = Oracle.refused = 0
    rounds = 0
    while Oracle.operations < OPERATIONS:
        _say(capsys, f"ORACLE_SEED={SEED + rounds}, {Oracle.operations} operations so far")
        run_state_machine_as_test(
            seed(SEED + rounds)(type("Oracle", (Oracle,), {})),
            settings=settings(
                max_examples=min(25, 1 + OPERATIONS // STEPS),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
            ),
        )
        rounds += 1
    _say(capsys, f"{Oracle.operations} operations, {Oracle.refused} of them refused by the database")

    assert Oracle.operations >= OPERATIONS
    assert Oracle.refused < Oracle.operations / 2


def _say(capsys: pytest.CaptureFixture[str], what: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\noracle: {what}\n")
