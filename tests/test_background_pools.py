"""Celery: the pools of its worker, and the program that keeps the schedule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from auditlog.integrations import celery as integration
from tests import celery_app
from tests.celery_programs import done, entries, program, queue, working

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.background_urls")]


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    """This process has imported Celery long after Django was set up."""
    integration.install()
    yield
    integration.uninstall()


@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent"])
def test_two_tasks_at_the_same_time(pool: str) -> None:
    """Each writes before and after the other's first write."""
    names = ("ana", "bea")
    users = {name: User.objects.create_user(name) for name in names}

    with working(pool):
        for task_id in [
            queue(users[name], "meet", name, other) for name, other in zip(names, names[::-1], strict=True)
        ]:
            done(task_id)

    found = entries()
    assert {name: (found[name].actor_id, found[f"{name} again"].actor_id) for name in names} == {
        name: (user.pk, user.pk) for name, user in users.items()
    }
    assert [found[name].changeset == found[f"{name} again"].changeset for name in names] == [True, True]


def test_periodic_tasks() -> None:
    """The program that keeps the schedule has no context."""
    schedule = str(celery_app.FOLDER / "schedule")
    with working("threads"), program("beat", f"--schedule={schedule}", "--pidfile="):
        celery_app.wait_for_tag("tick")
    celery_app.app.control.purge()

    entry = entries()["tick"]
    assert (entry.actor_repr, sorted(entry.context)) == ("task:tests.celery_app.write", ["task", "task_id"])
