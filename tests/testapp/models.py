"""The model zoo: a model for every kind of field, key and relation that capture must get right, each with why."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

import auditlog
from tests.testapp import value_models  # noqa: F401 - models are made by importing them

if connection.vendor == "postgresql":
    from tests.testapp import postgres_models  # noqa: F401


@auditlog.register
class Category(models.Model):
    """A relation to itself, and the target of cascades."""

    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Tag(models.Model):
    """The far end of many-to-many relations."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Product(models.Model):
    """The ordinary model: text, decimal, integer, JSON, file, foreign key, many-to-many without a through model."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    stock = models.IntegerField(default=0)
    details = models.JSONField(default=dict, blank=True)
    manual = models.FileField(upload_to="manuals", blank=True)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")
    suppliers: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        "Supplier", through="Supply", blank=True, related_name="products"
    )

    def __str__(self) -> str:
        return self.name


class Discounted(Product):
    """A proxy: its saves are sent with the proxy as sender and recorded under the concrete model."""

    class Meta:
        proxy = True


@auditlog.register
class Supplier(models.Model):
    """The far end of a relation with a through model."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Supply(models.Model):
    """A through model with a column of its own, not registered: recorded as the relation of its product."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE)
    days = models.IntegerField(default=1)


@auditlog.register
class Person(models.Model):
    """A symmetrical relation: one signal, two rows."""

    name = models.CharField(max_length=50)
    friends = models.ManyToManyField("self", blank=True)
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers", blank=True)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Team(models.Model):
    """A relation whose through model is registered itself."""

    name = models.CharField(max_length=50)
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(Person, through="Membership", blank=True)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Membership(models.Model):
    """A registered through model: its rows are recorded as rows."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    role = models.CharField(max_length=20, default="member")


class Place(models.Model):
    """The parent of a multi-table tree, registered through its child."""

    name = models.CharField(max_length=50)
    city = models.CharField(max_length=50, blank=True)
    guests: models.ManyToManyField[Any, Any] = models.ManyToManyField("Person", blank=True, related_name="+")

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Restaurant(Place):
    """The middle of a multi-table tree; registering it registers its parent and its child."""

    stars = models.IntegerField(default=0)


class Bistro(Restaurant):
    """The third table of the tree."""

    wine = models.CharField(max_length=50, blank=True)


@auditlog.register
class Ticket(models.Model):
    """A UUID that Python makes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=50)


@auditlog.register
class Document(models.Model):
    """A text key chosen by people, with slashes, and too long for the entry's column where one wants it."""

    path = models.CharField(primary_key=True, max_length=400)
    body = models.TextField(blank=True)


@auditlog.register
class Seat(models.Model):
    """A composite key."""

    pk = models.CompositePrimaryKey("hall", "number")
    hall = models.CharField(max_length=20)
    number = models.IntegerField()
    guest = models.CharField(max_length=50, blank=True)


@auditlog.register
class Computed(models.Model):
    """Values that the database makes: a generated column, database defaults, and a quiet automatic one."""

    width = models.IntegerField()
    height = models.IntegerField(default=1)
    area = models.GeneratedField(
        expression=models.F("width") * models.F("height"), output_field=models.IntegerField(), db_persist=True
    )
    level = models.IntegerField(db_default=7)
    made_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(auto_now=True)


@auditlog.register(snapshot="loaded")
class Gauge(models.Model):
    """Old values from memory instead of a locked SELECT."""

    name = models.CharField(max_length=50)
    value = models.IntegerField(default=0)
    settings = models.JSONField(default=dict)


@auditlog.register(mask=["phone"])
class Account(models.Model):
    """Secrets: by their name (``api_key``), by choice (``phone``), and in the label."""

    owner = models.CharField(max_length=50)
    api_key = models.CharField(max_length=64, blank=True)
    phone = models.CharField(max_length=30, blank=True)

    def __str__(self) -> str:
        return f"{self.owner} ({self.api_key})"


@auditlog.register
class Mumbler(models.Model):
    """A ``__str__`` that fails must not hurt a save."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        raise RuntimeError("no label today")


@auditlog.register(exclude=["draft"])
class Article(models.Model):
    """An excluded field."""

    title = models.CharField(max_length=50)
    draft = models.TextField(blank=True)


@auditlog.register(transaction="caller")
class Legacy(models.Model):
    """Captured in the caller's transaction only, as before."""

    name = models.CharField(max_length=50)


@auditlog.register(on_error="log")
class Lenient(models.Model):
    """Saved even where its entry cannot be written."""

    name = models.CharField(max_length=50)


@auditlog.register(reason="required")
class Contract(models.Model):
    """Changed only with a reason."""

    terms = models.CharField(max_length=50)


@auditlog.register
class KeyOnly(models.Model):
    """Nothing but a key."""


@auditlog.register
class Shouting(models.Model):
    """A field of the project's own that changes the value on its way to the database and back."""

    class LoudField(models.CharField):  # type: ignore[type-arg] # no subscript at run time
        """Stores upper case."""

        def get_prep_value(self, value: Any) -> Any:
            """Upper case."""
            prepared = super().get_prep_value(value)
            return prepared.upper() if isinstance(prepared, str) else prepared

    word = LoudField(max_length=50)


class Unregistered(models.Model):
    """Nobody registered it: nothing is recorded and nothing is paid."""

    name = models.CharField(max_length=50)
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, blank=True)


@auditlog.register
class Recipe(models.Model):
    """Versions by simple-history beside the log, with one of its two many-to-many relations."""

    name = models.CharField(max_length=50)
    portions = models.IntegerField(default=4)
    tags = models.ManyToManyField(Tag, blank=True, related_name="recipes")
    cooks = models.ManyToManyField(Supplier, blank=True, related_name="recipes")
    history = HistoricalRecords(m2m_fields=[tags], user_db_constraint=False)  # users come from a migration, later

    def __str__(self) -> str:
        return self.name


class Vehicle(models.Model):
    """The parent of a model with versions; it has none of its own."""

    plate = models.CharField(max_length=20)


@auditlog.register
class Truck(Vehicle):
    """Versions of a multi-table child hold the parent's fields too."""

    load = models.IntegerField(default=0)
    history = HistoricalRecords(user_db_constraint=False)


@auditlog.register
class Leaflet(models.Model):
    """Versions with UUID keys and reasons of any length, which go away with their object."""

    title = models.CharField(max_length=50)
    history = HistoricalRecords(
        cascade_delete_history=True,
        user_db_constraint=False,
        history_id_field=models.UUIDField(default=uuid.uuid4),
        history_change_reason_field=models.TextField(null=True),
    )


class Plain(models.Model):
    """What benchmarks save without recording."""

    name = models.CharField(max_length=50)
    number = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Recorded(models.Model):
    """What benchmarks save with recording; the same columns as :class:`Plain`."""

    name = models.CharField(max_length=50)
    number = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.name


@auditlog.register
class Franchise(Place):
    """A child in a multi-table tree with a key of its own, which is not its parent's."""

    code = models.CharField(primary_key=True, max_length=10)
    place = models.OneToOneField(Place, on_delete=models.CASCADE, parent_link=True)


class Strongbox(models.Model):
    """The parent of a tree with a secret that it also shows in its label."""

    owner = models.CharField(max_length=50)
    api_key = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.owner} ({self.api_key})"


@auditlog.register
class Vault(Strongbox):
    """A child whose label shows its parent's secret."""

    floor = models.IntegerField()


@auditlog.register
class Badge(models.Model):
    """A label that shows the label of a related object."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"badge of {self.account}"


@auditlog.register
class Payment(models.Model):
    """Relations to a model whose key is masked by choice, which is registered later."""

    card = models.ForeignKey("Card", on_delete=models.CASCADE)
    cards: models.ManyToManyField[Any, Any] = models.ManyToManyField("Card", related_name="+")
    amount = models.IntegerField()


@auditlog.register(mask=["number"])
class Card(models.Model):
    """A key masked by choice."""

    number = models.CharField(primary_key=True, max_length=20)
    holder = models.CharField(max_length=50)


@auditlog.register
class Remark(models.Model):
    """The far end of generic relations."""

    text = models.CharField(max_length=50)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.CharField(max_length=50)
    subject = GenericForeignKey()


class ShelfQuerySet(models.QuerySet):  # type: ignore[type-arg] # no subscript at run time
    """A project's own queryset, which becomes a manager."""

    def emptied(self) -> int:
        """A set-based write behind a method."""
        return self.update(slots=0)


@auditlog.register(repr="name", quiet=["seen"])
class Shelf(models.Model):
    """What set-based writes meet: a unique column, a label by expression, a quiet field, generic relations."""

    name = models.CharField(max_length=50, unique=True)
    slots = models.IntegerField(default=1)
    seen = models.IntegerField(default=0)
    row = models.IntegerField(default=0)
    remarks = GenericRelation(Remark)

    objects = ShelfQuerySet.as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(slots__gte=0), name="shelf_slots"),)

    def __str__(self) -> str:
        return f"shelf {self.name}"


def spare_shelf() -> int | None:
    """What takes the place of a deleted shelf, asked at that moment."""
    spare = Shelf.objects.filter(name="spare").first()
    return None if spare is None else spare.pk


@auditlog.register
class Crate(models.Model):
    """Foreign keys that Django changes when what they point at is deleted."""

    name = models.CharField(max_length=50)
    shelf = models.ForeignKey(Shelf, on_delete=models.SET_NULL, null=True, related_name="crates")
    usual = models.ForeignKey(Shelf, on_delete=models.SET_DEFAULT, null=True, default=spare_shelf, related_name="+")
    spare = models.ForeignKey(Shelf, on_delete=models.SET(spare_shelf), null=True, related_name="+")
    fixed = models.ForeignKey(Shelf, on_delete=models.SET(None), null=True, related_name="+")
    inside = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="contents")

    def __str__(self) -> str:
        return self.name


if hasattr(models, "DB_CASCADE"):  # Django 6.1

    class Depot(models.Model):
        """Not registered itself; the database deletes what belongs to it."""

        name = models.CharField(max_length=50)

    @auditlog.register
    class Pallet(models.Model):
        """Deleted by the database with its depot."""

        depot = models.ForeignKey(Depot, on_delete=models.DB_CASCADE)

    @auditlog.register(repr="name")
    class Parcel(models.Model):
        """Deleted by the database with its pallet, two levels deep; emptied with its sender or its former pallet."""

        name = models.CharField(max_length=50)
        pallet = models.ForeignKey(Pallet, on_delete=models.DB_CASCADE)
        former = models.ForeignKey(Pallet, on_delete=models.DB_SET_NULL, null=True, related_name="+")
