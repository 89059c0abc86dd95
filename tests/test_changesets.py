"""Which entries belong together: one changeset per outermost transaction in code without any context."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import TestCase

from auditlog import changesets, context
from auditlog.models import Entry
from tests.testapp.models import Tag


def write(name: str = "tag") -> None:
    Tag.objects.create(name=name)


def grouped() -> list[int]:
    """For each entry, oldest first, the number of its changeset in the order in which changesets appeared."""
    found = list(Entry.objects.order_by("id").values_list("changeset", flat=True))
    order = list(dict.fromkeys(found))
    return [order.index(each) for each in found]


def test_a_uuid_of_version_7_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = changesets.uuid7()
    after = time.time_ns() // 1_000_000

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= after
    assert changesets.uuid7() != made


@pytest.mark.django_db(transaction=True)
class TestWithoutContext:
    """Code that says nothing about itself: scripts, workers, threads of its own."""

    def test_each_save_in_autocommit_has_its_own(self) -> None:
        write()
        write()

        assert grouped() == [0, 1]
        assert {each.version for each in Entry.objects.values_list("changeset", flat=True)} == {7}

    def test_one_per_outermost_transaction(self) -> None:
        for _ in range(2):
            with transaction.atomic():
                write()
                with transaction.atomic():
                    write()
                write()

        assert grouped() == [0, 0, 0, 1, 1, 1]

    def test_a_transaction_after_one_rolled_back_has_its_own(self) -> None:
        seen = []
        for lost in (True, False):
            with transaction.atomic():
                seen.append(changesets.of_transaction("default"))
                transaction.set_rollback(lost)

        assert len(set(seen)) == 2

    def test_a_savepoint_rolled_back_stays_in_its_transaction(self) -> None:
        with transaction.atomic():
            write()
            for _ in range(2):
                with transaction.atomic():
                    write("lost")
                    transaction.set_rollback(True)
                write()

        assert grouped() == [0, 0, 0]

    def test_nested_savepoints_rolled_back_by_hand_stay_in_their_transaction(self) -> None:
        with transaction.atomic():
            write()
            outer, inner = str(connection.savepoint()), str(connection.savepoint())
            connection.savepoint_rollback(inner)
            write("lost")
            connection.savepoint_rollback(outer)
            write()

        assert grouped() == [0, 0]

    def test_a_decorator_used_again_opens_another_transaction(self) -> None:
        """One ``Atomic`` object serves all calls of a decorated function, and savepoints come and go within it."""

        @transaction.atomic
        def twice() -> None:
            write()
            with transaction.atomic():
                write()

        twice()
        twice()

        assert grouped() == [0, 0, 1, 1]

    def test_nothing_is_visible_among_the_callbacks_on_commit(self) -> None:
        with TestCase.captureOnCommitCallbacks() as callbacks, transaction.atomic():
            write()

        assert callbacks == []

    def test_django_still_ends_manual_transactions_as_before(self) -> None:
        """The mark keeps the truth of the attribute it stands in."""
        transaction.set_autocommit(False)
        try:
            with transaction.atomic():
                write()
                assert not connection.commit_on_exit
            assert not connection.in_atomic_block
            transaction.commit()
        finally:
            transaction.set_autocommit(True)

        assert grouped() == [0]

    @pytest.mark.django_db(transaction=True, databases=["default", "other"])
    def test_each_database_has_its_own(self) -> None:
        with transaction.atomic():
            here = changesets.of_transaction("default")

            assert changesets.of_transaction("other") != here
            assert changesets.of_transaction("default") == here


@pytest.mark.django_db(transaction=True)
class TestWithContext:
    """A block, a request, a command: one changeset for all transactions and databases."""

    def test_one_per_outermost_block(self) -> None:
        for _ in range(2):
            with context(reason="first"):
                write()
                with context(reason="second"):
                    write()
                write()

        assert grouped() == [0, 0, 0, 1, 1, 1]

    def test_a_transaction_around_blocks_does_not_join_them(self) -> None:
        with transaction.atomic():
            write()
            with context():
                write()
            write()

        assert grouped() == [0, 1, 0]

    def test_the_block_knows_its_changeset(self) -> None:
        with context() as here:
            write()

        assert isinstance(here.changeset, UUID)
        assert Entry.objects.in_changeset(here.changeset).count() == 1
