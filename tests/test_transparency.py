"""With models registered, Django gives and raises what it does without: differences that its own tests found."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from tests.helpers import mark, told
from tests.testapp.models import Membership, Person, Product, Team

pytestmark = pytest.mark.django_db


def test_a_broken_transaction_is_reported_by_django_in_its_own_time() -> None:
    """``remove`` looks at its arguments before it asks the database, so a wrong one is named even then."""
    product = Product.objects.create(name="p")
    raised = []

    with transaction.atomic():
        for method in (product.tags.add, product.tags.remove):
            with pytest.raises(ValueError, match="expected a number but got 'invalid'") as error:
                method("invalid")  # type: ignore[arg-type] # the wrong argument is the point
            raised.append(error.type)
        assert connection.needs_rollback
        transaction.set_rollback(False)

    assert raised == [ValueError, ValueError]


def test_an_order_by_a_relation_hides_no_row_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order joins the related table, in which a row is missing for the moment."""
    if not connection.features.can_defer_constraint_checks:
        pytest.skip("this database checks foreign keys at once: no row can be missing")
    monkeypatch.setattr(Membership._meta, "ordering", ["person__name"])
    person = Person.objects.create(name="Ana")
    member = Membership.objects.create(team=Team.objects.create(name="t"), person=person)
    since = mark()

    Membership.objects.filter(pk=member.pk).update(person_id=person.pk + 1)
    Person.objects.bulk_create([Person(pk=person.pk + 1, name="Bo")])

    assert told(since=since)[0] == (
        "UPDATE", "testapp.membership", str(member.pk), {"person": [person.pk, person.pk + 1]}
    )  # fmt: skip
