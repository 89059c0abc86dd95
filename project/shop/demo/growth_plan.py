"""What a big log looks like: which models change how often, which of their fields, in what groups, by whom.

Everything here is small data of Python; :mod:`project.shop.demo.growth_sql` turns it into statements. A cycle of 1,000
slots is repeated; what differs between cycles is computed from the number of the cycle.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from faker import Faker

from auditlog.models import Action

CYCLE = 1000
ACTORS = 300
FIRST_ACTOR_ID = 1_000_001
"""Grown actors have left the company: no user has their ids."""
FIRST_OBJECT_ID = 1_000_001
"""Grown objects are gone as well: no row has their keys."""


class GrownField(NamedTuple):
    """A field that changes with every ``period``-th entry of an object; ``kind`` says what its values are."""

    name: str
    kind: str
    period: int


class GrownModel(NamedTuple):
    """A model, how many of 1,000 entries it has, how many entries an object gets, and whether objects are deleted."""

    label: str
    share: int
    entries_per_object: int
    dies: bool
    fields: tuple[GrownField, ...]


def _fields(text: str) -> tuple[GrownField, ...]:
    parts = (one.split(":") for one in text.split())
    return tuple(GrownField(name, kind, int(period)) for name, kind, period in parts)


MODELS = (
    GrownModel("shop.product", 300, 40, False, _fields("stock:int:1 price:decimal:3 name:text:31 active:bool:53")),
    GrownModel("shop.order", 240, 6, False, _fields("status:status:1 note:text:4 currency:currency:41")),
    GrownModel("shop.orderline", 150, 4, True, _fields("quantity:int:1 unit_price:decimal:3 product:int:59")),
    GrownModel("shop.customer", 110, 12, False, _fields("discount:decimal:1 preferences:json:5")),
    GrownModel("shop.contact", 60, 9, False, _fields("email:text:1 name:text:23 country:country:61")),
    GrownModel(
        "auth.user", 40, 25, False, _fields("first_name:text:1 is_active:bool:7 is_staff:bool:37 email:text:83")
    ),
    GrownModel("shop.supplier", 20, 15, False, _fields("lead_days:int:1 contract:text:43")),
    GrownModel("shop.category", 12, 20, True, _fields("name:text:1 parent:int:6")),
    GrownModel("shop.tag", 10, 3, True, _fields("name:text:1 colour:text:2")),
    GrownModel("geo.country", 4, 2000, False, _fields("delivered_to:bool:1 official_name:text:89")),
    GrownModel("geo.currency", 3, 2000, False, _fields("rate:decimal:1 name:text:97")),
    GrownModel("auth.group", 1, 5000, False, _fields("name:text:1")),
)
OTHERS = (
    *[Action.ACCESS] * 15, *[Action.LOGIN] * 18, *[Action.LOGOUT] * 9, *[Action.LOGIN_FAILED] * 3, *[Action.EVENT] * 5,
)  # fmt: skip
"""The rest of the cycle: what is no change of a row."""


class Slot(NamedTuple):
    """One place of the cycle."""

    slot: int
    model: int
    """Index into MODELS."""
    action: int
    """0 for a change of a row, else the number of the action."""
    rank: int
    """Which of the model's changes in the cycle this is."""
    changeset: int
    """Which changeset of the cycle."""
    opens: int
    """The slot with which that changeset begins."""


def slots() -> list[Slot]:
    """The cycle: models mixed at random, cut into changesets of 1 to 50 entries, most of them small."""
    random = Random("auditlog growth")
    places = [(index, 0) for index, model in enumerate(MODELS) for _ in range(model.share)]
    places += [(_model_of(action), int(action)) for action in OTHERS]
    random.shuffle(places)
    ranks = dict.fromkeys(range(len(MODELS)), 0)
    made: list[Slot] = []
    for changeset, opens, size in _changesets(random):
        for slot in range(opens, opens + size):
            model, action = places[slot]
            made.append(Slot(slot, model, action, ranks[model], changeset, opens))
            ranks[model] += action == 0
    return made


def _model_of(action: Action) -> int:
    label = {Action.ACCESS: "shop.customer", Action.EVENT: "shop.order"}.get(action, "auth.user")
    return next(index for index, model in enumerate(MODELS) if model.label == label)


def _changesets(random: Random) -> list[tuple[int, int, int]]:
    """Number, first slot and size of each changeset of the cycle."""
    made: list[tuple[int, int, int]] = []
    opens = 0
    while opens < CYCLE:
        size = min(random.choice((1, 1, 1, 1, 2, 2, 3, 5, 8, 20, 50)), CYCLE - opens)
        made.append((len(made), opens, size))
        opens += size
    return made


def actors() -> list[tuple[int, int, str, str]]:
    """A thousand picks of 300 people, busy ones often: number of the pick, id, name and address."""
    faker = Faker("en_US")
    faker.seed_instance("auditlog growth")
    names = [faker.unique.user_name() for _ in range(ACTORS)]
    picks = Random("auditlog growth").choices(
        range(ACTORS), [1 / (rank + 3) for rank in range(ACTORS)], k=CYCLE - ACTORS
    )
    people = [*range(ACTORS), *picks]
    return [
        (pick, FIRST_ACTOR_ID + who, names[who], f"10.0.{who // 250}.{who % 250 + 1}")
        for pick, who in enumerate(people)
    ]
