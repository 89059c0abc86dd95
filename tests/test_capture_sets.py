"""Set-based writes: no signal is sent for any of these, and each is recorded with the right old and new values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Concat, Upper
from django.test import override_settings

import auditlog
from auditlog.capture import held
from auditlog.exceptions import RecordingError
from auditlog.models import Entry
from tests.helpers import broken_chains, live, mark, replayed, told
from tests.testapp.models import (
    Account,
    Article,
    Bistro,
    Category,
    Computed,
    Contract,
    Crate,
    Document,
    Person,
    Place,
    Product,
    Remark,
    Restaurant,
    Seat,
    Shelf,
    Supplier,
    Supply,
    Tag,
    Ticket,
)

pytestmark = pytest.mark.django_db


def shelves(*names: str, **values: Any) -> list[Shelf]:
    return [Shelf.objects.create(name=name, **values) for name in names]


def changed(obj: models.Model, **changes: list[Any]) -> tuple[str, str, str, dict[str, Any]]:
    return ("UPDATE", obj._meta.label_lower, str(obj.pk), changes)


class TestUpdate:
    def test_each_row_gets_its_own_old_value(self) -> None:
        a, b, c = (Shelf.objects.create(name=name, slots=n) for name, n in (("a", 1), ("b", 2), ("c", 5)))
        since = mark()

        assert Shelf.objects.filter(name__in=["a", "b", "c"]).update(slots=5) == 3
        assert told(since=since) == [changed(a, slots=[1, 5]), changed(b, slots=[2, 5])]
        assert c.pk is not None

    def test_the_label_is_what_the_registration_says(self) -> None:
        shelves("a")
        Shelf.objects.update(slots=3)

        assert list(Entry.objects.order_by("id").values_list("object_repr", flat=True)) == ["shelf a", "a"]

    def test_expressions_are_recorded_as_the_database_computed_them(self) -> None:
        (a,) = shelves("a", slots=4)
        since = mark()
        Shelf.objects.update(slots=F("slots") * 2 + 1, name=Upper("name"))

        assert told(since=since) == [changed(a, name=["a", "A"], slots=[4, 9])]

    def test_the_filter_matches_no_more_afterwards(self) -> None:
        (a,) = shelves("a")
        since = mark()

        assert Shelf.objects.filter(slots=1).update(slots=2) == 1
        assert told(since=since) == [changed(a, slots=[1, 2])]

    def test_case_and_when(self) -> None:
        a, b = shelves("a", "b")
        since = mark()
        Shelf.objects.update(slots=Case(When(name="a", then=Value(7)), default=F("slots")))

        assert told(since=since) == [changed(a, slots=[1, 7])]
        assert b.pk is not None

    def test_a_subquery(self) -> None:
        (a,) = shelves("a")
        Crate.objects.create(name="c", shelf=a)
        since = mark()
        newest = Crate.objects.filter(shelf=OuterRef("pk")).order_by("-pk").values("name")[:1]
        Shelf.objects.update(name=Subquery(newest))

        assert told(since=since) == [changed(a, name=["a", "c"])]

    def test_across_a_join_that_finds_a_row_twice(self) -> None:
        (a, b) = shelves("a", "b")
        for name in ("one", "two"):
            Crate.objects.create(name=name, shelf=a)
        since = mark()

        assert Shelf.objects.filter(crates__name__in=["one", "two"]).update(slots=9) == 1
        assert told(since=since) == [changed(a, slots=[1, 9])]
        assert b.pk is not None

    def test_annotated_distinct_and_ordered(self) -> None:
        a, b = shelves("a", "b")
        Crate.objects.create(name="one", shelf=a)
        since = mark()
        counted = Shelf.objects.annotate(n=Count("crates"))
        counted.filter(n=1).update(slots=2)
        Shelf.objects.annotate(double=F("slots") * 2).order_by("double").update(slots=F("double"))
        Shelf.objects.filter(crates__isnull=False).distinct().update(row=3)
        Shelf.objects.order_by("-name").update(seen=0, row=4)

        assert told(since=since) == [
            changed(a, slots=[1, 2]),
            changed(a, slots=[2, 4]),
            changed(b, slots=[1, 2]),
            changed(a, row=[0, 3]),
            changed(a, row=[3, 4]),
            changed(b, row=[0, 4]),
        ]

    def test_a_quiet_field_alone_writes_no_entry(self) -> None:
        (a,) = shelves("a")
        since = mark()
        Shelf.objects.update(seen=5)
        Shelf.objects.update(seen=6, slots=2)

        assert told(since=since) == [changed(a, slots=[1, 2], seen=[5, 6])]

    def test_inherited_models_write_two_tables(self) -> None:
        bistro = Bistro.objects.create(name="Chez", city="Lyon", stars=1, wine="red")
        other = Bistro.objects.create(name="Nero", city="Rome", stars=1, wine="red")
        since = mark()

        assert Bistro.objects.filter(city="Lyon").update(wine="white", stars=2, name="Chez Ana") == 1
        assert sorted(told(since=since), key=str) == [
            ("UPDATE", "testapp.bistro", str(bistro.pk), {"wine": ["red", "white"]}),
            ("UPDATE", "testapp.place", str(bistro.pk), {"name": ["Chez", "Chez Ana"]}),
            ("UPDATE", "testapp.restaurant", str(bistro.pk), {"stars": [1, 2]}),
        ]
        assert other.pk is not None

    def test_a_parents_queryset_and_a_childs_with_the_parents_field_only(self) -> None:
        place = Restaurant.objects.create(name="Chez", stars=1)
        since = mark()
        Place.objects.update(city="Lyon")
        Restaurant.objects.filter(stars=1).update(city="Nice")

        assert told(since=since) == [
            ("UPDATE", "testapp.place", str(place.pk), {"city": ["", "Lyon"]}),
            ("UPDATE", "testapp.place", str(place.pk), {"city": ["Lyon", "Nice"]}),
        ]

    def test_a_generated_column_follows(self) -> None:
        box = Computed.objects.create(width=2, height=3)
        since = mark()
        Computed.objects.update(width=4)

        assert told(since=since) == [changed(box, width=[2, 4], area=[6, 12])]

    def test_secrets_stay_hidden(self) -> None:
        account = Account.objects.create(owner="ana", api_key="s3cr3t-s3cr3t", phone="1")
        since = mark()
        Account.objects.update(api_key="other-s3cr3t", phone="2", owner="Ana")

        masked = {"masked": True}
        expected = {"owner": ["ana", "Ana"], "api_key": masked, "phone": masked}
        assert told(since=since) == [("UPDATE", "testapp.account", str(account.pk), expected)]

    def test_only_excluded_fields_record_nothing(self) -> None:
        Article.objects.create(title="a", draft="one")
        since = mark()
        Article.objects.update(draft="two")

        assert told(since=since) == []

    def test_a_key_that_changes_is_an_object_gone_and_another_come(self) -> None:
        seat = Seat.objects.create(hall="red", number=1, guest="ana")
        since = mark()
        Seat.objects.update(number=F("number") + 10)
        old = {"hall": ["red", None], "number": [1, None], "guest": ["ana", None]}
        new = {"hall": [None, "red"], "number": [None, 11], "guest": [None, "ana"]}

        assert told(since=since) == [
            ("DELETE", "testapp.seat", '["red", "1"]', old),
            ("CREATE", "testapp.seat", '["red", "11"]', new),
        ]
        assert seat.number == 1

    def test_a_reason_that_is_required(self) -> None:
        with auditlog.context(reason="signed"):
            Contract.objects.create(terms="one")

        with pytest.raises(RecordingError, match="reason"), transaction.atomic():
            Contract.objects.update(terms="two")
        assert Contract.objects.get().terms == "one"

    def test_async(self) -> None:
        (a,) = shelves("a")
        since = mark()

        async def write() -> int:
            return await Shelf.objects.aupdate(slots=8)

        assert async_to_sync(write)() == 1
        assert told(since=since) == [changed(a, slots=[1, 8])]

    def test_managers_and_querysets_of_every_make(self) -> None:
        (a,) = shelves("a", slots=5)
        since = mark()
        Shelf.objects.emptied()
        Shelf.objects.filter(pk=a.pk).emptied()
        Shelf._base_manager.update(slots=1)
        QuerySet(Shelf).update(slots=2)
        thawed: QuerySet[Shelf] = Shelf.objects.all()
        thawed.query = pickle.loads(pickle.dumps(Shelf.objects.filter(name="a").query))
        thawed.update(slots=3)
        pickle.loads(pickle.dumps(Shelf.objects.filter(name="a"))).update(slots=4)
        Shelf.objects.filter(Q(name="a") | Q(name="b")).update(slots=5)
        (Shelf.objects.filter(name="a") | Shelf.objects.filter(name="b")).update(slots=6)
        Shelf.objects.only("name").update(slots=7)
        Shelf.objects.defer("slots").values("name").update(slots=8)
        Shelf.objects.select_for_update().update(slots=9)
        Shelf.objects.exclude(name="b").none().update(slots=99)

        expected = [[5, 0], [0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [6, 7], [7, 8], [8, 9]]
        assert [entry[3]["slots"] for entry in told(since=since)] == expected

    @pytest.mark.parametrize(
        "write",
        [
            lambda: Shelf.objects.all()[:1].update(slots=2),
            lambda: Shelf.objects.filter(pk=1).union(Shelf.objects.all()).update(slots=2),
            lambda: Shelf.objects.update(colour=2),  # type: ignore[misc]
            lambda: Shelf.objects.update(crates=2),  # type: ignore[misc]
            lambda: Shelf.objects.update(slots="many"),
            lambda: Shelf.objects.update(slots=F("nothing")),
            lambda: Shelf.objects.update(slots=F("crates__name")),
            lambda: Shelf.objects.update(slots=Count("crates")),
            lambda: Product.objects.update(tags=2),  # type: ignore[misc]
            lambda: Seat.objects.update(pk=("red", 2)),  # type: ignore[misc]
        ],
    )
    def test_what_django_refuses_is_refused_as_before_and_records_nothing(self, write: Any) -> None:
        shelves("a")
        since = mark()
        with override_settings(AUDITLOG={"ENABLED": False}):
            expected = self.refusal(write)

        assert self.refusal(write) == expected
        assert told(since=since) == []

    def refusal(self, write: Any) -> tuple[Any, ...]:
        with transaction.atomic():
            with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what is compared
                write()
            broken = connection.needs_rollback
            connection.set_rollback(False)
        return (caught.type, str(caught.value), broken)

    def test_a_constraint_undoes_all(self) -> None:
        a, b = shelves("a", "b", slots=3)
        since = mark()
        with pytest.raises(IntegrityError), transaction.atomic():
            Shelf.objects.update(slots=F("slots") - 5)

        assert told(since=since) == []
        assert list(Shelf.objects.values_list("slots", flat=True)) == [3, 3]
        assert (a.slots, b.slots) == (3, 3)

    def test_the_result_cache_is_dropped_as_django_does(self) -> None:
        shelves("a")
        rows = Shelf.objects.all()
        assert [row.slots for row in rows] == [1]
        rows.update(slots=2)

        assert [row.slots for row in rows] == [2]


class TestManyRows:
    """Above a thousand rows the old state goes to a temporary table of the database."""

    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(held, "IN_MEMORY", 3)
        monkeypatch.setattr(held, "CHUNK", 2)

    def test_update(self) -> None:
        rows = [Shelf.objects.create(name=f"s{n}", slots=n) for n in range(8)]
        since = mark()

        assert Shelf.objects.exclude(name="s0").update(slots=F("slots") + 1) == 7
        assert told(since=since) == [changed(row, slots=[row.slots, row.slots + 1]) for row in rows[1:]]
        assert set(Entry.objects.filter(id__gt=since).values_list("object_repr", flat=True)) == {
            row.name for row in rows[1:]
        }

    def test_two_tables(self) -> None:
        rows = [Bistro.objects.create(name=f"b{n}", stars=n) for n in range(6)]
        since = mark()
        Bistro.objects.filter(name__startswith="b").update(stars=F("stars") + 1, city="Lyon")

        assert len(told(since=since)) == 12
        assert replayed(Restaurant) == live(Restaurant)
        assert replayed(Place) == live(Place)
        assert len(rows) == 6

    def test_text_and_composite_keys(self) -> None:
        for n in range(6):
            Document.objects.create(path=f"/{n}", body="x")
            Seat.objects.create(hall="h", number=n)
        Document.objects.update(body=Concat("path", Value("!")))
        Seat.objects.update(guest="ana")
        Seat.objects.filter(number__gt=1)._raw_delete("default")

        assert replayed(Document) == live(Document)
        assert replayed(Seat) == live(Seat)
        assert broken_chains() == []

    def test_delete(self) -> None:
        for n in range(6):
            Shelf.objects.create(name=f"s{n}")
        since = mark()

        assert Shelf.objects.exclude(name="s0")._raw_delete("default") == 5
        assert [entry[0] for entry in told(since=since)] == ["DELETE"] * 5
        assert replayed(Shelf) == live(Shelf)

    def test_a_failure_leaves_nothing_behind(self) -> None:
        for n in range(6):
            Shelf.objects.create(name=f"s{n}", slots=n)
        since = mark()
        with pytest.raises(IntegrityError), transaction.atomic():
            Shelf.objects.update(slots=F("slots") - 3)
        Shelf.objects.update(row=1)

        assert len(told(since=since)) == 6


class TestBulkCreate:
    def test_each_row_is_created_with_its_label(self) -> None:
        rows = Shelf.objects.bulk_create([Shelf(name="a"), Shelf(name="b", slots=2)])

        assert told() == [
            ("CREATE", "testapp.shelf", str(row.pk), {
                "id": [None, row.pk], "name": [None, row.name], "slots": [None, row.slots],
                "seen": [None, 0], "row": [None, 0],
            })
            for row in rows
        ]  # fmt: skip
        assert list(Entry.objects.values_list("object_repr", flat=True).order_by("id")) == ["shelf a", "shelf b"]

    def test_a_generator_batches_and_mixed_keys(self) -> None:
        made = Shelf.objects.bulk_create(
            (Shelf(name=f"s{n}", pk=500 if n == 3 else None) for n in range(7)), batch_size=2
        )

        assert len(made) == 7
        assert replayed(Shelf) == live(Shelf)

    def test_values_that_the_database_makes(self) -> None:
        Computed.objects.bulk_create([Computed(width=2, height=5), Computed(width=1, level=3)])

        assert replayed(Computed) == live(Computed)

    def test_other_keys(self) -> None:
        Ticket.objects.bulk_create([Ticket(title="a")])
        Seat.objects.bulk_create([Seat(hall="red", number=1)])
        Document.objects.bulk_create([Document(path="/a")])

        assert [replayed(m) == live(m) for m in (Ticket, Seat, Document)] == [True] * 3

    def test_nothing_to_create(self) -> None:
        assert Shelf.objects.bulk_create([]) == []
        assert told() == []

    def test_an_inherited_model_is_refused_as_before(self) -> None:
        with pytest.raises(ValueError, match="multi-table"):
            Restaurant.objects.bulk_create([Restaurant(name="x")])

    def test_a_duplicate_undoes_all(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Shelf.objects.bulk_create([Shelf(name="a"), Shelf(name="a")])
        assert told() == []

    def test_async(self) -> None:
        async def write() -> None:
            await Shelf.objects.abulk_create([Shelf(name="a")])

        async_to_sync(write)()

        assert [entry[0] for entry in told()] == ["CREATE"]

    def test_ignored_conflicts_are_not_recorded(self) -> None:
        shelves("a")
        since = mark()
        Shelf.objects.bulk_create([Shelf(name="a", slots=9), Shelf(name="b"), Shelf(name="b")], ignore_conflicts=True)
        b = Shelf.objects.get(name="b")

        values = {"id": b.pk, "name": "b", "slots": 1, "seen": 0, "row": 0}
        expected = {name: [None, value] for name, value in values.items()}
        assert told(since=since) == [("CREATE", "testapp.shelf", str(b.pk), expected)]
        assert Entry.objects.latest("id").object_repr == "shelf b"

    def test_one_ignored_row_alone(self) -> None:
        shelves("a")
        since = mark()
        Shelf.objects.bulk_create([Shelf(name="a")], ignore_conflicts=True)

        assert told(since=since) == []

    def test_updated_conflicts_say_what_the_database_did(self) -> None:
        (a,) = shelves("a", slots=3)
        since = mark()
        unique = {"unique_fields": ["name"]} if connection.features.supports_update_conflicts_with_target else {}
        made = Shelf.objects.bulk_create(
            [Shelf(name="a", slots=4, row=7), Shelf(name="b", slots=5)],
            update_conflicts=True,
            update_fields=["slots"],
            **unique,  # type: ignore[arg-type]
        )
        b = Shelf.objects.get(name="b")
        created = {"id": b.pk, "name": "b", "slots": 5, "seen": 0, "row": 0}

        assert sorted(told(since=since)) == sorted([
            changed(a, slots=[3, 4]),
            ("CREATE", "testapp.shelf", str(b.pk), {name: [None, value] for name, value in created.items()}),
        ])  # fmt: skip
        assert replayed(Shelf) == live(Shelf)
        assert [row.name for row in made] == ["a", "b"]

    def test_a_conflict_on_the_key(self) -> None:
        Seat.objects.create(hall="red", number=1, guest="ana")
        unique = (
            {"unique_fields": ["hall", "number"]} if connection.features.supports_update_conflicts_with_target else {}
        )
        Seat.objects.bulk_create(
            [Seat(hall="red", number=1, guest="bea")],
            update_conflicts=True,
            update_fields=["guest"],
            **unique,  # type: ignore[arg-type]
        )

        assert told()[1:] == [("UPDATE", "testapp.seat", '["red", "1"]', {"guest": ["ana", "bea"]})]

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"ignore_conflicts": True, "update_conflicts": True}, ValueError),
            ({"update_conflicts": True}, ValueError),
            ({"update_conflicts": True, "update_fields": ["nothing"]}, FieldDoesNotExist),
            ({"update_conflicts": True, "update_fields": ["id"]}, (ValueError, Exception)),
            ({"update_conflicts": True, "update_fields": ["slots"], "unique_fields": ["crates"]}, Exception),
            ({"batch_size": -1}, ValueError),
        ],
    )
    def test_what_django_refuses(self, options: dict[str, Any], error: Any) -> None:
        with pytest.raises(error), transaction.atomic():
            Shelf.objects.bulk_create([Shelf(name="a")], **options)
        assert told() == []

    def test_where_the_database_returns_no_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As MySQL: rows are inserted one by one, and found by their unique values around a conflict."""
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
        shelves("a")
        Shelf.objects.bulk_create([Shelf(name="b"), Shelf(name="c")])
        Shelf.objects.bulk_create([Shelf(name="a"), Shelf(name="d")], ignore_conflicts=True)
        unique = {"unique_fields": ["name"]} if connection.features.supports_update_conflicts_with_target else {}
        Shelf.objects.bulk_create(
            [Shelf(name="a", slots=9), Shelf(name="e")],
            update_conflicts=True,
            update_fields=["slots"],
            **unique,  # type: ignore[arg-type]
        )

        assert replayed(Shelf) == live(Shelf)
        assert [entry[0] for entry in told()].count("CREATE") == 5


class TestBulkUpdate:
    def test_each_row_with_its_own_values(self) -> None:
        a, b = shelves("a", "b")
        since = mark()
        a.slots, b.slots, b.row = 2, 3, 1

        assert Shelf.objects.bulk_update([a, b], ["slots", "row"], batch_size=1) == 2
        assert told(since=since) == [changed(a, slots=[1, 2]), changed(b, slots=[1, 3], row=[0, 1])]


class TestDeletes:
    def test_a_raw_delete(self) -> None:
        a, b = shelves("a", "b")
        since = mark()

        assert Shelf.objects.filter(name="a")._raw_delete("default") == 1
        values = {"id": a.pk, "name": "a", "slots": 1, "seen": 0, "row": 0}
        expected = {name: [value, None] for name, value in values.items()}
        assert told(since=since) == [("DELETE", "testapp.shelf", str(a.pk), expected)]
        assert Entry.objects.latest("id").object_repr == "a"
        assert b.pk is not None

    def test_what_a_delete_sets_in_others(self) -> None:
        gone, spare = shelves("gone", "spare")
        crate = Crate.objects.create(name="c", shelf=gone, usual=gone, spare=gone, fixed=gone)
        since = mark()
        key = gone.pk
        gone.delete()

        entries = told(since=since)
        merged = {name: change for entry in entries if entry[1] == "testapp.crate" for name, change in entry[3].items()}
        assert merged == {
            "shelf": [key, None],
            "usual": [key, spare.pk],
            "spare": [key, spare.pk],
            "fixed": [key, None],
        }
        assert [entry[0] for entry in entries][-1] == "DELETE"
        assert crate.pk is not None

    def test_a_nullable_cascade_is_one_entry_and_no_update(self) -> None:
        outer = Crate.objects.create(name="outer")
        inner = Crate.objects.create(name="inner", inside=outer)
        since = mark()
        outer.delete()

        assert [(e[0], e[2]) for e in told(since=since)] == [("DELETE", str(inner.pk)), ("DELETE", told()[0][2])]
        assert told(since=since)[0][3]["inside"] == [int(told()[0][2]), None]

    def test_a_queryset_delete_with_cascades(self) -> None:
        top = Category.objects.create(name="top")
        Product.objects.create(name="tea", category=top)
        Category.objects.create(name="sub", parent=top)
        Category.objects.filter(name="top").delete()

        assert [replayed(m) == live(m) == {} for m in (Category, Product)] == [True, True]


class TestReverseRelations:
    def test_foreign_keys(self) -> None:
        a, b = shelves("a", "b")
        one, two = (Crate.objects.create(name=name) for name in ("one", "two"))
        since = mark()
        a.crates.add(one, two)
        b.crates.add(two, bulk=False)
        a.crates.remove(one)
        b.crates.clear()
        a.crates.set([one])
        a.crates.set([two], bulk=False)

        assert [(e[2], e[3]["shelf"]) for e in told(since=since)] == [
            (str(one.pk), [None, a.pk]),
            (str(two.pk), [None, a.pk]),
            (str(two.pk), [a.pk, b.pk]),
            (str(one.pk), [a.pk, None]),
            (str(two.pk), [b.pk, None]),
            (str(one.pk), [None, a.pk]),
            (str(one.pk), [a.pk, None]),
            (str(two.pk), [None, a.pk]),
        ]

    def test_generic_relations(self) -> None:
        a, b = shelves("a", "b")
        kind = ContentType.objects.get_for_model(Shelf)
        remark = Remark.objects.create(text="!", content_type=kind, object_id=str(b.pk))
        since = mark()
        a.remarks.add(remark)
        b.remarks.add(remark, bulk=False)
        b.remarks.remove(remark)
        a.remarks.create(text="?")
        a.remarks.clear()
        a.remarks.create(text="1")
        a.delete()

        assert [e[0] for e in told(since=since)] == [
            "UPDATE", "UPDATE", "DELETE", "CREATE", "DELETE", "CREATE", "DELETE", "DELETE",
        ]  # fmt: skip
        assert replayed(Remark) == live(Remark) == {}


class TestThroughTables:
    @pytest.fixture
    def tea(self) -> Product:
        return Product.objects.create(name="Tea")

    @pytest.fixture
    def red(self) -> Tag:
        return Tag.objects.create(name="red")

    def linked(self, tea: Product, *, added: list[Any] = [], removed: list[Any] = []) -> Any:  # noqa: B006
        change = {"added": [[t.pk, t.name] for t in added], "removed": [[t.pk, t.name] for t in removed]}
        return ("UPDATE", "testapp.product", str(tea.pk), {"tags": change})

    def test_every_direct_write(self, tea: Product, red: Tag) -> None:
        blue = Tag.objects.create(name="blue")
        through = Product.tags.through.objects
        since = mark()
        row = through.create(product=tea, tag=red)
        row.tag = blue
        row.save()
        row.delete()
        through.bulk_create([Product.tags.through(product=tea, tag=t) for t in (red, blue)])
        through.filter(tag=red).update(tag=Tag.objects.create(name="green"))
        through.all().delete()

        green = Tag.objects.get(name="green")
        assert [e for e in told(since=since) if e[1] == "testapp.product"] == [
            self.linked(tea, added=[red]),
            self.linked(tea, added=[blue], removed=[red]),
            self.linked(tea, removed=[blue]),
            self.linked(tea, added=[red, blue]),
            self.linked(tea, added=[green], removed=[red]),
            self.linked(tea, removed=[blue, green]),
        ]

    def test_ignored_conflicts(self, tea: Product, red: Tag) -> None:
        tea.tags.add(red)
        since = mark()
        Product.tags.through.objects.bulk_create([Product.tags.through(product=tea, tag=red)], ignore_conflicts=True)

        assert told(since=since) == []

    def test_rows_lost_by_deleting_the_other_end(self, tea: Product, red: Tag) -> None:
        tea.tags.add(red)
        since = mark()
        key = red.pk
        red.delete()

        entries = told(since=since)
        change = {"tags": {"added": [], "removed": [[key, "red"]]}}
        assert [(e[0], e[1]) for e in entries] == [("UPDATE", "testapp.product"), ("DELETE", "testapp.tag")]
        assert entries[0][3] == change

    def test_a_through_model_that_is_not_registered(self, tea: Product) -> None:
        acme = Supplier.objects.create(name="Acme")
        since = mark()
        row = Supply.objects.create(product=tea, supplier=acme)
        row.days = 4
        row.save()
        Supply.objects.update(days=5)
        Supply.objects.all().delete()

        assert [e[3]["suppliers"] for e in told(since=since)] == [
            {"added": [[acme.pk, "Acme"]], "removed": []},
            {"added": [], "removed": [[acme.pk, "Acme"]]},
        ]

    def test_a_symmetrical_relation_written_directly(self) -> None:
        ana, bea = Person.objects.create(name="Ana"), Person.objects.create(name="Bea")
        ana.friends.add(bea)
        since = mark()
        ana.delete()

        assert [(e[0], e[2]) for e in told(since=since)] == [
            ("UPDATE", str(bea.pk)),
            ("DELETE", told()[0][2]),
        ]


def cascading() -> list[Any]:
    return [apps.get_model("testapp", name) for name in ("depot", "pallet", "parcel")]


@pytest.mark.skipif(not hasattr(models, "DB_CASCADE"), reason="the database cascades by Django's wish from 6.1 on")
class TestDatabaseCascades:
    def test_two_levels_deep(self) -> None:
        Depot, Pallet, Parcel = cascading()  # noqa: N806 - classes

        depot = Depot.objects.create(name="d")
        old, new = Pallet.objects.create(depot=depot), Pallet.objects.create(depot=Depot.objects.create(name="e"))
        Parcel.objects.create(name="gone", pallet=old)
        kept = Parcel.objects.create(name="kept", pallet=new, former=old)
        since, key = mark(), old.pk
        depot.delete()

        entries = told(since=since)
        assert sorted((e[0], e[1]) for e in entries) == [
            ("DELETE", "testapp.pallet"), ("DELETE", "testapp.parcel"), ("UPDATE", "testapp.parcel"),
        ]  # fmt: skip
        assert changed(kept, former=[key, None]) in entries
        assert [replayed(m) == live(m) for m in (Pallet, Parcel)] == [True, True]

    def test_from_a_queryset_and_a_raw_delete(self) -> None:
        Depot, Pallet, Parcel = cascading()  # noqa: N806 - classes

        for name in ("d", "e", "f"):
            Parcel.objects.create(name=name, pallet=Pallet.objects.create(depot=Depot.objects.create(name=name)))
        Depot.objects.filter(name="d").delete()
        Depot.objects.filter(name="e")._raw_delete("default")
        Pallet.objects.filter(depot__name="f").delete()

        assert [replayed(m) == live(m) == {} for m in (Pallet, Parcel)] == [True, True]
