"""Processes that write at the same time, and processes that die while they write; started by the race and crash tests.

``python -m tests.workers race SEED SAVES`` changes the same 20 rows as its siblings; ``python -m tests.workers crash
SEED KILLS`` forks children that save in autocommit and kills each with SIGKILL after a moment.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

import django
from django.db import OperationalError, transaction
from django.db.models import F

if __name__ == "__main__":
    django.setup()

from tests.testapp.models import Category, Product, Tag

ROWS = 20
_DEADLOCK = 1213


def race(seed: int, saves: int) -> None:
    """Change random ones of the shared rows; half of the saves are made inside the caller's transaction."""
    dice = random.Random(seed)
    keys = list(Product.objects.order_by("pk").values_list("pk", flat=True)[:ROWS])
    for number in range(saves):
        product = Product.objects.get(pk=dice.choice(keys))
        product.stock = seed * 100_000 + number
        if dice.random() < 0.5:
            with transaction.atomic():
                product.save()
        else:
            product.save()


def count(seed: int, saves: int) -> None:
    """Add one to the shared rows by ``F()``: a lost update would show in the sum."""
    dice = random.Random(seed)
    keys = list(Product.objects.order_by("pk").values_list("pk", flat=True)[:ROWS])
    for _ in range(saves):
        product = Product.objects.get(pk=dice.choice(keys))
        product.stock = F("stock") + 1
        product.save(update_fields=["stock"])


def link(seed: int, times: int) -> None:
    """Relate and separate the same products and tags from both sides."""
    dice = random.Random(seed)
    products, tags = list(Product.objects.order_by("pk")), list(Tag.objects.order_by("pk"))
    for _ in range(times):
        product, tag = dice.choice(products), dice.choice(tags)
        some = dice.sample(tags, 2)
        jobs: list[Callable[[], object]] = [
            partial(product.tags.add, tag),
            partial(product.tags.remove, tag),
            partial(product.tags.set, some),
            product.tags.clear,
            partial(tag.products.add, product),
            partial(tag.products.remove, product),
            tag.products.clear,
        ]
        again(dice.choice(jobs))


def again(job: Callable[[], object]) -> None:
    """Run the job until it is not the one that MariaDB chose to end a deadlock, which Django alone has as well."""
    while True:
        try:
            job()
        except OperationalError as error:
            if error.args[0] != _DEADLOCK:
                raise
        else:
            return


def sets(seed: int, times: int) -> None:
    """Change overlapping sets of the shared rows: add one to some, delete and make others."""
    dice = random.Random(seed)
    for number in range(times):
        rows = Product.objects.filter(pk__in=dice.sample(list(Product.objects.values_list("pk", flat=True)), 5))
        new = [Product(name=f"s{seed}-{number}-{n}") for n in range(2)]
        jobs: list[Callable[[], object]] = [
            partial(Product.objects.filter(stock__lt=10_000).update, stock=F("stock") + 1),
            partial(rows.update, price=F("price") + 1),
            partial(Product.objects.bulk_create, new),
            Product.objects.filter(name__startswith=f"s{seed}-").delete,
        ]
        again(dice.choice(jobs))


def crash(seed: int, kills: int) -> None:
    """Kill a saving child ``kills`` times, each after it has begun and at a random moment."""
    dice = random.Random(seed)
    for number in range(kills):
        begun, tell = os.pipe()
        child = os.fork()
        if child == 0:
            _save_for_ever(seed * 1000 + number, tell)
        os.close(tell)
        ready, _, _ = select.select([begun], [], [], 30)
        if not ready or not os.read(begun, 1):
            sys.exit("a child ended before its first save")
        time.sleep(dice.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(begun)


def _save_for_ever(seed: int, tell: int) -> None:
    dice = random.Random(seed)
    for number in range(100_000):
        category = Category.objects.create(name=f"c{seed}-{number}")
        if number == 0:
            os.write(tell, b"!")
        category.name += "!"
        category.save()
        if dice.random() < 0.3:
            category.delete()
    os._exit(1)


if __name__ == "__main__":
    {"race": race, "count": count, "link": link, "sets": sets, "crash": crash}[sys.argv[1]](
        int(sys.argv[2]), int(sys.argv[3])
    )
