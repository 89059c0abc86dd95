"""Every write path of the ORM, each as one operation on random rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from random import Random
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connections, models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat, Lower

from tests.oracle.rows import assign, changes, some, value_for, values, zoo
from tests.testapp.models import (
    Category,
    Computed,
    Crate,
    Discounted,
    Person,
    Place,
    Product,
    Remark,
    Seat,
    Shelf,
    Supplier,
    Supply,
    Tag,
    Team,
)

Operation = Callable[[Random, str], object]
OPERATIONS: dict[str, Operation] = {}


def operation(run: Operation) -> Operation:
    """Make the function one of the operations."""
    OPERATIONS[run.__name__] = run
    return run


def run(name: str, rng: Random, using: str) -> None:
    """Run one operation; raises ObjectDoesNotExist where Django says in its own ways that the row is gone."""
    try:
        OPERATIONS[name](rng, using)
    except (DatabaseError, ValueError) as error:
        # the first is a bare DatabaseError before 6.0; the second comes of a save() that finds nothing to update
        if str(error).endswith(("did not affect any rows.", "can only be used to update, not to insert.")):
            raise ObjectDoesNotExist(str(error)) from error
        raise


def _model(rng: Random) -> type[models.Model]:
    """Any model; half of the time one of those with relations."""
    if rng.random() < 0.5:
        return rng.choice([Product, Category, Shelf, Crate, Place])
    return rng.choice(zoo())


def _rows(model: type[models.Model], rng: Random, using: str) -> models.QuerySet[Any]:
    """Some of the model's rows, by a filter of any make."""
    every = model._base_manager.using(using).all()
    found = some(model, rng, using)
    keys = [found.pk] if found is not None else []
    # Django itself cannot update an ordered queryset of an inherited model on MariaDB
    ordered = every if model._meta.parents else every.order_by("-pk")
    return rng.choice([
        every, every.filter(pk__in=keys), every.exclude(pk__in=keys), ordered, every.distinct(),
        every.filter(Q(pk__in=keys) | Q(pk__isnull=True)), every.none() | every.filter(pk__in=keys),
        pickle.loads(pickle.dumps(every.filter(pk__in=keys))),
    ])  # fmt: skip


@operation
def create(rng: Random, using: str) -> None:
    model = _model(rng)
    model._base_manager.using(using).create(**values(model, rng, using))


@operation
def acreate(rng: Random, using: str) -> None:
    given = values(Category, rng, using)

    async def write() -> None:
        await Category.objects.using(using).acreate(**given)

    async_to_sync(write)()


@operation
def save(rng: Random, using: str) -> None:
    model = _model(rng)
    obj = some(model, rng, using)
    if obj is not None:
        assign(obj, changes(model, rng, using))
        obj.save(using=using)


@operation
def save_some_fields(rng: Random, using: str) -> None:
    model = _model(rng)
    obj = some(model, rng, using)
    if obj is not None:
        given = changes(model, rng, using)
        assign(obj, changes(model, rng, using))
        assign(obj, given)
        obj.save(using=using, update_fields=rng.sample(sorted(given), rng.randint(0, len(given))))


@operation
def save_stale(rng: Random, using: str) -> None:
    model = _model(rng)
    obj = some(model, rng, using)
    if obj is not None:
        model._base_manager.using(using).filter(pk=obj.pk).update(**changes(model, rng, using))
        assign(obj, changes(model, rng, using))
        obj.save(using=using)


@operation
def save_deferred(rng: Random, using: str) -> None:
    model = _model(rng)
    found = some(model, rng, using)
    given = changes(model, rng, using)
    if found is not None and given:
        obj = model._base_manager.using(using).only(*given).get(pk=found.pk)
        assign(obj, given)
        obj.save(using=using)


@operation
def save_by_hand_over_an_existing_key(rng: Random, using: str) -> None:
    model = _model(rng)
    found = some(model, rng, using)
    if found is not None:
        given = {f.attname: getattr(found, f.attname) for f in model._meta.pk_fields}
        model(**{**values(model, rng, using), **given}).save(using=using)


@operation
def save_a_copy(rng: Random, using: str) -> None:
    obj = some(rng.choice([Product, Category, Crate, Tag]), rng, using)
    if obj is not None:
        obj.pk = None
        obj._state.adding = True
        obj.save(using=using)


@operation
def save_expressions(rng: Random, using: str) -> None:
    product = some(Product, rng, using)
    if product is not None:
        product.stock = F("stock") + 1
        product.name = Lower(F("name"))
        product.save(using=using)


@operation
def save_twice(rng: Random, using: str) -> None:
    shelf = some(Shelf, rng, using)
    if shelf is not None:
        shelf.slots += 1
        shelf.save(using=using)
        shelf.row = rng.randrange(9)
        shelf.save(using=using)
        shelf.save(using=using)


@operation
def save_a_proxy(rng: Random, using: str) -> None:
    product = some(Discounted, rng, using)
    if product is not None:
        product.price = value_for(Product._meta.get_field("price"), rng, using)
        product.save(using=using)


@operation
def get_or_create(rng: Random, using: str) -> None:
    Shelf.objects.using(using).get_or_create(name=f"n{rng.randrange(9)}", defaults={"slots": rng.randrange(5)})


@operation
def update_or_create(rng: Random, using: str) -> None:
    Shelf.objects.using(using).update_or_create(name=f"n{rng.randrange(9)}", defaults={"slots": rng.randrange(5)})


@operation
def load_a_fixture(rng: Random, using: str) -> None:
    model = _model(rng)
    obj = some(model, rng, using)
    if obj is not None:
        assign(obj, changes(model, rng, using))
        for each in serializers.deserialize("json", serializers.serialize("json", [obj]), using=using):
            each.save(using=using)


@operation
def bulk_create(rng: Random, using: str) -> None:
    model = _model(rng)
    if not model._meta.parents:
        rows = [model(**values(model, rng, using)) for _ in range(rng.randint(0, 4))]
        model._base_manager.using(using).bulk_create(rows, batch_size=rng.choice([None, 1, 2]))


@operation
def bulk_create_ignoring(rng: Random, using: str) -> None:
    rows = [Shelf(**values(Shelf, rng, using)) for _ in range(rng.randint(1, 4))]
    Shelf.objects.using(using).bulk_create(rows, ignore_conflicts=True)


@operation
def bulk_create_updating(rng: Random, using: str) -> None:
    names = rng.sample(range(9), rng.randint(1, 4))
    rows = [Shelf(**{**values(Shelf, rng, using), "name": f"n{name}"}) for name in names]
    target = connections[using].features.supports_update_conflicts_with_target
    Shelf.objects.using(using).bulk_create(
        rows,
        update_conflicts=True,
        update_fields=rng.sample(["slots", "row", "seen"], rng.randint(1, 3)),
        unique_fields=["name"] if target else None,
    )


@operation
def bulk_update(rng: Random, using: str) -> None:
    model = _model(rng)
    rows = list(_rows(model, rng, using)[:5])
    given = changes(model, rng, using)
    if model._meta.parents and not model._meta.pk.remote_field:  # Django takes the child's key for the parent's
        given = {name: value for name, value in given.items() if model._meta.get_field(name).model is model}
    for obj in rows:
        assign(obj, {name: value_for(obj._meta.get_field(name), rng, using) for name in given})
    if rows and given:
        model._base_manager.using(using).bulk_update(rows, list(given), batch_size=rng.choice([None, 1, 2]))


@operation
def update(rng: Random, using: str) -> None:
    model = _model(rng)
    given = changes(model, rng, using)
    if given:
        _rows(model, rng, using).update(**given)


@operation
def aupdate(rng: Random, using: str) -> None:
    async def write() -> None:
        await Shelf.objects.using(using).aupdate(row=rng.randrange(9))

    async_to_sync(write)()


@operation
def update_by_expressions(rng: Random, using: str) -> None:
    rows = Product.objects.using(using)
    rng.choice([
        lambda: rows.filter(stock__lt=5).update(stock=F("stock") + 1),
        lambda: rows.update(name=Concat("name", Value("+"))) if rng.random() < 0.2 else None,
        lambda: rows.update(price=F("price") / 3),
        lambda: rows.update(stock=Case(When(name="a", then=Value(1)), default=F("stock"))),
        lambda: rows.filter(category__name="a").update(stock=3),
        lambda: rows.filter(tags__name__in=["a", "b"]).update(stock=4),
        lambda: rows.annotate(n=models.Count("tags")).filter(n__gt=0).update(stock=5),
        lambda: Shelf.objects.using(using).filter(crates__isnull=False).update(slots=F("slots") + 1),
        lambda: Computed.objects.using(using).update(width=F("width") + 1),
    ])()  # fmt: skip


@operation
def update_keys(rng: Random, using: str) -> None:
    Seat.objects.using(using).filter(number__lt=50).update(number=F("number") + 100)


@operation
def delete(rng: Random, using: str) -> None:
    obj = some(_model(rng), rng, using)
    if obj is not None:
        obj.delete(using=using)


@operation
def delete_rows(rng: Random, using: str) -> None:
    model = _model(rng)
    keys = list(_rows(model, rng, using).values_list("pk", flat=True)[:3])
    model._base_manager.using(using).filter(pk__in=keys).delete()


@operation
def delete_and_save_again(rng: Random, using: str) -> None:
    obj = some(rng.choice([Tag, Person, Supplier]), rng, using)
    if obj is not None:
        key = obj.pk
        obj.delete(using=using)
        obj.pk = key
        obj.save(using=using)


@operation
def delete_raw(rng: Random, using: str) -> None:
    model = rng.choice([Remark, Seat, Crate])
    keys = list(_rows(model, rng, using).values_list("pk", flat=True)[:2])
    model._base_manager.using(using).filter(pk__in=keys)._raw_delete(using)


def _managers(rng: Random, using: str) -> tuple[Any, list[Any]]:
    """A many-to-many manager, from either side, and objects for it."""
    ends: list[tuple[Any, str, Any]] = [
        (Product, "tags", Tag), (Tag, "products", Product), (Person, "friends", Person), (Person, "follows", Person),
        (Person, "followers", Person), (Product, "suppliers", Supplier), (Supplier, "products", Product),
        (Team, "members", Person), (Place, "guests", Person),
    ]  # fmt: skip
    end, name, other = rng.choice(ends)
    obj = some(end, rng, using) or end.objects.using(using).create(**values(end, rng, using))
    others = [found for _ in range(3) if (found := some(other, rng, using)) is not None]
    return getattr(obj, name), others


@operation
def relate(rng: Random, using: str) -> None:
    manager, others = _managers(rng, using)
    rng.choice([
        lambda: manager.add(*others), lambda: manager.remove(*others), lambda: manager.set(others),
        lambda: manager.set(others, clear=True), manager.clear, lambda: manager.add(*[each.pk for each in others]),
    ])()  # fmt: skip


@operation
def write_links(rng: Random, using: str) -> None:
    product, tag = some(Product, rng, using), some(Tag, rng, using)
    if product is None or tag is None:
        return
    through = Product.tags.through
    rows = through.objects.using(using)
    rng.choice([
        lambda: rows.create(product=product, tag=tag),
        lambda: rows.filter(tag=tag).delete(),
        lambda: rows.bulk_create([through(product=product, tag=tag)], ignore_conflicts=True),
        lambda: rows.filter(product=product, tag=tag).update(tag=some(Tag, rng, using)),
        lambda: [row.delete(using=using) for row in rows.filter(product=product)],
    ])()  # fmt: skip


@operation
def write_links_with_columns(rng: Random, using: str) -> None:
    product, supplier = some(Product, rng, using), some(Supplier, rng, using)
    if product is None or supplier is None:
        return
    rows = Supply.objects.using(using)
    if rows.filter(product=product, supplier=supplier).exists():
        rows.filter(product=product).update(days=F("days") + 1)
        rows.filter(product=product, supplier=supplier).delete()
    else:
        rows.create(product=product, supplier=supplier)


@operation
def relate_back(rng: Random, using: str) -> None:
    shelf = some(Shelf, rng, using)
    crates = [crate for _ in range(2) if (crate := some(Crate, rng, using)) is not None]
    if shelf is None:
        return
    bulk = rng.random() < 0.5
    rng.choice([
        lambda: shelf.crates.add(*crates, bulk=bulk), lambda: shelf.crates.set(crates, bulk=bulk),
        lambda: shelf.crates.clear(bulk=bulk), lambda: shelf.crates.remove(*shelf.crates.all()[:1], bulk=bulk),
        lambda: shelf.crates.create(name="new"),
    ])()  # fmt: skip


@operation
def relate_generically(rng: Random, using: str) -> None:
    shelf, remark = some(Shelf, rng, using), some(Remark, rng, using)
    if shelf is None:
        return
    bulk = rng.random() < 0.5
    rng.choice([
        lambda: shelf.remarks.create(text="!"), lambda: shelf.remarks.clear(bulk=bulk),
        lambda: remark and shelf.remarks.add(remark, bulk=bulk), lambda: shelf.remarks.set([], bulk=bulk),
        lambda: shelf.remarks.remove(*shelf.remarks.all()[:1], bulk=bulk),
    ])()  # fmt: skip
    ContentType.objects.clear_cache()


@operation
def write_what_the_database_cascades(rng: Random, using: str) -> None:
    if not hasattr(models, "DB_CASCADE"):  # Django 6.1
        return
    Depot, Pallet, Parcel = (apps.get_model("testapp", name) for name in ("depot", "pallet", "parcel"))  # noqa: N806
    depot = Depot._base_manager.using(using).create(name="d")
    pallet = Pallet._base_manager.using(using).create(depot=depot)
    Parcel._base_manager.using(using).create(name="p", pallet=pallet, former=some(Pallet, rng, using))
    gone = some(rng.choice([Depot, Pallet]), rng, using)
    if rng.random() < 0.5:
        gone.delete(using=using)
    else:
        type(gone).objects.using(using).filter(pk=gone.pk).delete()
