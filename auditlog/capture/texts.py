"""What ``str(obj)`` says, asked so that neither the object nor the open transaction notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections, models, transaction
from django.utils.functional import LazyObject, empty

_DEPTH = 3
"""How many relations away from an object its text is expected to reach."""


def unwrapped(obj: models.Model) -> models.Model:
    """The object itself, also where a lazy one stands for it (``request.user``)."""
    if not isinstance(obj, LazyObject):
        return obj
    if obj._wrapped is empty:
        obj._setup()
    return unwrapped(obj._wrapped)


def within_reach(obj: models.Model) -> list[models.Model]:
    """``obj`` and the objects that are loaded along its relations, each once."""
    found = {id(obj): obj}
    newest = [obj]
    for _ in range(_DEPTH):
        related = [each for near in newest for each in near._state.fields_cache.values()]
        newest = [each for each in map(unwrapped, related) if isinstance(each, models.Model) and id(each) not in found]
        found.update((id(each), each) for each in newest)
    return list(found.values())


@contextmanager
def no_trace(obj: models.Model) -> Iterator[None]:
    """Take back what the block loads into ``obj`` and the objects in its reach, and survive its failing queries.

    A deferred field that a ``__str__`` loaded would be written back by the next save, over what others wrote meanwhile.
    """
    before = [(each, frozenset(each.__dict__), frozenset(each._state.fields_cache)) for each in within_reach(obj)]
    try:
        with _savepoints():
            yield
    finally:
        for each, names, relations in before:
            for name in each.__dict__.keys() - names:
                del each.__dict__[name]
            for name in each._state.fields_cache.keys() - relations:
                del each._state.fields_cache[name]


@contextmanager
def _savepoints() -> Iterator[None]:
    """Run each query of the block that happens in a transaction within a savepoint: a failing one ends only itself."""
    with ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            stack.enter_context(connection.execute_wrapper(_Guard()))
        yield


class _Guard:
    """The wrapper of one connection's queries; without a query it costs nothing."""

    inside = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        connection = context["connection"]
        if self.inside or not (connection.in_atomic_block or not connection.get_autocommit()):
            return execute(sql, params, many, context)
        self.inside = True  # the statements of the savepoint come here too
        try:
            with transaction.atomic(connection.alias):
                return execute(sql, params, many, context)
        finally:
            self.inside = False
