"""auditlog.testing, in this project's tests and in those of a user's project, run in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.test import TestCase, override_settings

import auditlog
from auditlog.conf import settings
from auditlog.exceptions import UnrecordedWriteError
from auditlog.models import Action, Entry
from auditlog.testing import assert_nothing_unrecorded, assert_recorded, disabled, enabled, recorded
from tests.testapp.models import Category, Product, Tag, Unregistered

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "testing.md"
PROJECT = ROOT / "tests" / "userproject"

# recording off and on


@pytest.mark.django_db
def test_disabled_and_enabled_nest_and_give_back_what_was_before() -> None:
    with disabled():
        Tag.objects.create(name="unseen")
        with enabled():
            Tag.objects.create(name="seen")
        Tag.objects.create(name="unseen")
    Tag.objects.create(name="seen too")

    assert [entry.object_repr for entry in Entry.objects.order_by("pk")] == ["seen", "seen too"]


@override_settings(AUDITLOG={"PAGE_SIZE": 7})
def test_the_projects_other_settings_stay() -> None:
    with disabled():
        inside = (settings.ENABLED, settings.PAGE_SIZE)

    assert (inside, settings.ENABLED) == ((False, 7), True)


def test_an_error_within_the_block_gives_back_what_was_before() -> None:
    with pytest.raises(ZeroDivisionError), disabled():
        raise ZeroDivisionError

    assert settings.ENABLED is True


def test_decorated_functions_and_coroutines() -> None:
    @disabled()
    def plain() -> bool:
        return settings.ENABLED

    assert (plain(), settings.ENABLED) == (False, True)


@disabled()
async def test_a_decorated_coroutine() -> None:
    assert settings.ENABLED is False


@disabled()
class TestPlainClass:
    """A class of pytest, which is no TestCase."""

    def test_one(self) -> None:
        assert settings.ENABLED is False

    async def test_two(self) -> None:
        assert settings.ENABLED is False

    @enabled()
    def test_three(self) -> None:
        assert settings.ENABLED is True

    def helper(self) -> bool:
        return settings.ENABLED


def test_methods_that_are_no_tests_stay_as_they_are() -> None:
    assert TestPlainClass().helper() is True


def test_a_class_is_covered_from_set_up_class_to_its_end_also_when_set_up_fails() -> None:
    seen = []

    @disabled()
    class Cases(TestCase):
        databases: set[str] = set()  # noqa: RUF012 - as Django declares it

        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            seen.append(("set up", settings.ENABLED))

        def test_it(self) -> None:
            seen.append(("test", settings.ENABLED))

    class Failing(Cases):
        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            raise ZeroDivisionError

    outcomes = []
    for case in (Cases, Failing):
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        outcomes.append((result.testsRun, len(result.errors), settings.ENABLED))

    assert seen == [("set up", False), ("test", False), ("set up", False)]
    assert outcomes == [(1, 0, True), (0, 1, True)]


def test_no_receiver_is_connected_while_recording_is_off() -> None:
    """Django reads rows before it deletes them, and links before it adds some, where anybody listens."""
    signals = ((post_save, Category), (post_delete, Category), (m2m_changed, Product.tags.through))
    before = [signal.has_listeners(sender) for signal, sender in signals]
    with disabled():
        auditlog.register(Unregistered)
        off = [signal.has_listeners(sender) for signal, sender in (*signals, (post_save, Unregistered))]
        with enabled():
            on = [signal.has_listeners(sender) for signal, sender in (*signals, (post_save, Unregistered))]
        auditlog.unregister(Unregistered)

    assert before == [True] * 3
    assert off == [False] * 4
    assert on == [True] * 4


# what a block wrote


@pytest.mark.django_db
def test_recorded_gives_what_the_block_wrote_oldest_first() -> None:
    Tag.objects.create(name="before")
    with recorded() as entries:
        tag = Tag.objects.create(name="within")
        live = len(entries)
        tag.name = "changed"
        tag.save()
    Tag.objects.create(name="after")

    assert live == 1
    assert [(entry.action, entry.changes["name"]) for entry in entries] == [
        (Action.CREATE, [None, "within"]),
        (Action.UPDATE, ["within", "changed"]),
    ]
    assert (entries[-1].action, [entry.action for entry in entries[:1]]) == (Action.UPDATE, [Action.CREATE])
    assert repr(entries) == f"<recorded: {list(entries)!r}>"


@pytest.mark.django_db
def test_clear_forgets_what_was_written_until_then() -> None:
    with recorded() as entries:
        Tag.objects.create(name="first")
        entries.clear()
        Tag.objects.create(name="second")

    assert [entry.object_repr for entry in entries] == ["second"]
    entries.clear()
    assert list(entries) == []


@pytest.mark.django_db(databases=["default", "other"])
def test_recorded_looks_at_the_databases_that_it_is_told() -> None:
    with recorded(using=["other", "default"]) as both, recorded(using="other") as one, recorded() as default:
        Tag.objects.using("default").create(name="here")
        Tag.objects.using("other").create(name="there")

    names = [[entry.object_repr for entry in entries] for entries in (both, one, default)]
    assert names == [["there", "here"], ["there"], ["here"]]


@pytest.mark.django_db(transaction=True)
async def test_recorded_in_async_tests() -> None:
    async with recorded() as entries:
        tag = await Tag.objects.acreate(name="sale")
    await sync_to_async(connections.close_all)()

    assert assert_recorded(tag, action=Action.CREATE, count=1, among=entries) == list(entries)


@pytest.mark.django_db
def test_an_error_that_broke_the_transaction_stays_the_error() -> None:
    entries = recorded()

    def fail() -> None:
        with entries:
            Tag.objects.create(name="kept")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [entry.object_repr for entry in entries] == ["kept"]


# assertions


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(username="ana")


@pytest.fixture
def priced(ana: User) -> Product:
    """A product that ana created and the system made dearer."""
    with auditlog.context(actor=ana):
        product = Product.objects.create(name="Tea", price=Decimal("10.00"))
    product.price = Decimal("12.00")
    product.save()
    return product


def test_assert_recorded_finds_by_each_argument(ana: User, priced: Product) -> None:
    created, updated = Entry.objects.for_object(priced).order_by("pk")

    assert assert_recorded(priced) == [created, updated]
    assert assert_recorded(Product, count=2) == [created, updated]
    assert assert_recorded(Product, pk=priced.pk, action=Action.UPDATE) == [updated]
    assert assert_recorded(priced, actor=ana) == assert_recorded(priced, actor="ana") == [created]
    assert assert_recorded(priced, changes={"price": [Decimal("10.00"), "12.00"]}) == [updated]
    assert assert_recorded(priced, changes=["name", "price"]) == assert_recorded(priced, changes="name") == [created]
    assert assert_recorded(priced, action=Action.DELETE, count=0) == []
    assert assert_recorded(priced, among=[updated]) == [updated]


def test_assert_recorded_tells_what_was_recorded_instead(priced: Product) -> None:
    created, updated = Entry.objects.for_object(priced).order_by("pk")

    with pytest.raises(AssertionError) as caught:
        assert_recorded(priced, action=Action.UPDATE, changes={"price": ["1.00", "2.00"]}, actor="ana")

    assert str(caught.value) == (
        f"Expected at least 1 entry about testapp.product {priced.pk} with action=update, "
        "changes={'price': ['1.00', '2.00']}, actor=ana; 0 of the 2 about it match."
        f"\n  #{created.pk} create  by ana: {created.changes}"
        f"\n  #{updated.pk} update  by nobody: {{'price': ['10.00', '12.00']}}"
    )


def test_assert_recorded_counts(priced: Product) -> None:
    with pytest.raises(AssertionError, match=r"^Expected 1 entry about testapp.product; 2 of the 2 about it match\.\n"):
        assert_recorded(Product, count=1)
    with pytest.raises(AssertionError, match=r"^Expected 3 entries about testapp.product \d+; 2 of the 2"):
        assert_recorded(priced, count=3)


@pytest.mark.django_db
def test_assert_recorded_says_why_there_is_nothing() -> None:
    with pytest.raises(AssertionError, match=r"0 of the 0 about it match\.\nThe model is not registered\.$"):
        assert_recorded(Unregistered)
    with disabled(), pytest.raises(AssertionError, match=r"\nRecording is off \(AUDITLOG\['ENABLED'\]\); auditlog\."):
        assert_recorded(Tag)


@pytest.mark.django_db
def test_assert_recorded_shows_ten_entries_at_most() -> None:
    for number in range(12):
        Tag.objects.create(name=f"{number}")

    with pytest.raises(AssertionError) as caught:
        assert_recorded(Tag, action=Action.DELETE)

    assert str(caught.value).count("\n  #") == 10
    assert str(caught.value).endswith("\n  and 2 more")


def test_assert_recorded_needs_a_key(priced: Product) -> None:
    key = priced.pk
    priced.delete()

    with pytest.raises(ValueError, match=r"write assert_recorded\(Product, pk=\.\.\.\)\.$"):
        assert_recorded(priced)
    assert [entry.action for entry in assert_recorded(Product, pk=key, action=Action.DELETE)] == [Action.DELETE]


@pytest.mark.django_db
def test_assert_nothing_unrecorded_refuses_also_where_recording_is_off() -> None:
    table = Tag._meta.db_table
    with disabled():
        with connection.cursor() as cursor, assert_nothing_unrecorded(), pytest.raises(UnrecordedWriteError):
            cursor.execute(f"DELETE FROM {table}")
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} (name) VALUES ('free')")

    assert (Tag.objects.count(), Entry.objects.count()) == (1, 0)


# the tests of a user's project


def run(*command: str, app: str = "off") -> subprocess.CompletedProcess[str]:
    """Run Python with the settings of the user's project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST", "COV_"))}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "AUDITLOG_APP": app, "DJANGO_SETTINGS_MODULE": "tests.userproject.settings"},
        capture_output=True,
        text=True,
        check=False,
    )


def outcome(module: str, app: str) -> tuple[int, int, list[str]]:
    """What Django's runner says of a module: return code, number of tests, names of those that failed."""
    done = run("-m", "django", "test", "tests.userproject", "-p", module, app=app)
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran is not None, done.stderr
    failed = re.findall(r"^(?:FAIL|ERROR): (\w+)", done.stderr, re.MULTILINE)
    return done.returncode, int(ran[1]), sorted(failed)


@pytest.mark.parametrize("app", ["none", "off"])
def test_numbers_of_queries_are_the_same_without_the_app_and_with_recording_off(app: str) -> None:
    assert outcome("counts.py", app) == (0, 11, [])


def test_with_recording_on_the_numbers_differ() -> None:
    """Which shows that the test above can fail; UPDATE of a queryset and bulk_create have their own tests."""
    code, number, failed = outcome("counts.py", "on")

    assert (code, number) == (1, 11)
    assert {"test_create", "test_save", "test_a_request", "test_relations"} <= set(failed)


def test_the_examples_pass() -> None:
    assert outcome("examples.py", "off") == (0, 9, [])


def test_the_example_for_pytest_passes() -> None:
    done = run(
        "-m", "pytest", "-c", os.devnull, "--rootdir", str(ROOT), "-p", "auditlog.pytest_plugin",
        "-p", "no:cacheprovider", "-q", str(PROJECT / "pytest_examples.py"),
    )  # fmt: skip

    assert (done.returncode, done.stdout.splitlines()[-1][:8]) == (0, "1 passed"), done.stdout + done.stderr


def test_the_plugin_loads_before_django_is_set_up_and_without_it_being_used() -> None:
    done = run("-c", "import auditlog.pytest_plugin, sys; print('auditlog.models' in sys.modules)")

    assert (done.stdout, done.stderr) == ("False\n", "")


# the page shows this code

BLOCK = re.compile(r"```python\n# (?P<path>tests/\S+?)(?:: (?P<region>\w+))?\n\n?(?P<code>.*?)```", re.DOTALL)


def shown_code(path: str, region: str | None) -> str:
    """The marked lines of an example file, without what is meant for the linter."""
    lines = [re.sub(r"\s+# noqa.*", "", line) for line in (ROOT / path).read_text("utf-8").splitlines()]
    at = lines.index("# shown in the docs from here" + (f": {region}" if region else "")) + 1
    end = lines.index("# shown until here", at) if "# shown until here" in lines[at:] else len(lines)
    return "\n".join(lines[at:end]).strip()


def test_every_example_of_the_page_is_code_that_the_tests_run() -> None:
    blocks: list[Any] = list(BLOCK.finditer(PAGE.read_text("utf-8")))

    assert [(block["path"], block["region"]) for block in blocks] == [
        ("tests/userproject/examples.py", "chosen"),
        ("tests/userproject/examples.py", "recorded"),
        ("tests/userproject/examples.py", "unrecorded"),
        ("tests/userproject/pytest_examples.py", None),
    ]
    for block in blocks:
        assert block["code"].strip() == shown_code(block["path"], block["region"]), block["path"]
