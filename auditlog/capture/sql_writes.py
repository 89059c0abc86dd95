"""Which tables a text of SQL writes, by its words alone: no database is asked and nothing is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from auditlog.capture.sql_names import Named, Statement, at_top, named, names, skipped, sources
from auditlog.capture.sql_tokens import statements, tokens, without_lists

_READ_ONCE = 4_000
"""Texts up to this length are read once per process; longer ones hold literals and seldom come again."""

_DEFINES = frozenset({"CREATE", "ALTER", "DROP", "GRANT", "REVOKE"})
_BEFORE_VERB = frozenset({"ANALYZE", "VERBOSE", "JSON"})
_BEFORE_VERB_IN_BLOCK = frozenset({"BEGIN", "THEN", "ELSE", "LOOP"})
_MODIFIERS = {
    "INSERT": frozenset({
        "OR", "REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "INTO",
    }),
    "UPDATE": frozenset({"OR", "REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY", "ONLY"}),
    "DELETE": frozenset({"LOW_PRIORITY", "QUICK", "IGNORE"}),
}  # fmt: skip
_ENDS = frozenset({"WHERE", "ORDER", "LIMIT", "RETURNING"})


def written_tables(sql: str, vendor: str) -> tuple[str, ...]:
    """The tables that the statements in ``sql`` insert into, update or delete from, in lower case, without schema.

    Definitions of tables and triggers write nothing here, nor does a DELETE whose whole condition is ``0``. A table
    may be named that is none (an alias within a form nobody foresaw); one that is written is never left out.
    """
    if len(sql) > _READ_ONCE:
        sql = without_lists(sql)
    return _read_once(sql, vendor) if len(sql) <= _READ_ONCE else _read(sql, vendor)


def _read(sql: str, vendor: str, *, block: bool = False) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for statement in statements(tokens(sql, vendor)):
        for name in _written(statement, block=block):
            found[name[-1].lower()] = None
        if statement and statement[0].word == "DO":
            for token in statement:
                if token.kind == "literal":
                    found.update(dict.fromkeys(_read(token.text, vendor, block=True)))
    return tuple(found)


_read_once = lru_cache(maxsize=512)(_read)


def _written(statement: Statement, *, block: bool) -> Iterator[Named]:
    words = [token.word for token in statement]
    if not words or words[0] in _DEFINES or (words[0] == "EXPLAIN" and "ANALYZE" not in words):
        return
    before = _BEFORE_VERB | (_BEFORE_VERB_IN_BLOCK if block else frozenset())
    for at, word in enumerate(words):
        if word in _TARGETS and (
            at == 0 or words[at - 1] in before or statement[at - 1].is_mark("(") or statement[at - 1].is_mark(")")
        ):
            yield from _TARGETS[word](statement, at + 1)


def _inserted(statement: Statement, at: int) -> Iterator[Named]:
    name, _ = named(statement, skipped(statement, at, _MODIFIERS["INSERT"] | {"ONLY"}))
    if name:
        yield name


def _updated(statement: Statement, at: int) -> Iterator[Named]:
    """The table of an UPDATE; of several tables joined, those whose columns are set."""
    at = skipped(statement, at, _MODIFIERS["UPDATE"])
    joined = sources(statement, at, {"SET"})
    tables = list(dict.fromkeys(joined.values()))
    if len(tables) < 2:  # noqa: PLR2004 - one table
        yield from tables
        return
    qualifiers = _set_qualifiers(statement, at)
    if None in qualifiers:
        yield from tables
    else:
        yield from (joined.get(name, (name,)) for name in qualifiers if name)


def _set_qualifiers(statement: Statement, at: int) -> set[str | None]:
    """What stands before the columns that are set: a table or an alias, None where nothing does."""
    found: set[str | None] = set()
    setting = starts = False
    for place in at_top(statement, at):
        token = statement[place]
        if setting and token.word in _ENDS:
            break
        if starts:
            column, _ = named(statement, place)
            found.add(column[-2].lower() if len(column) > 1 else None)
        starts = (not setting and token.word == "SET") or (setting and token.is_mark(","))
        setting = setting or token.word == "SET"
    return found


def _deleted(statement: Statement, at: int) -> Iterator[Named]:
    """The tables of a DELETE: those before FROM or USING, by name or by the alias that is given there."""
    at = skipped(statement, at, _MODIFIERS["DELETE"])
    targets, at = names(statement, skipped(statement, at, ("FROM",)))
    if [token.text.upper() for token in statement[at:]] == ["WHERE", "0"]:
        return
    joined: dict[str, Named] = {}
    for place in at_top(statement, at):
        if statement[place].word in _ENDS:
            break
        if statement[place].word in {"FROM", "USING"}:
            joined = sources(statement, place + 1, _ENDS)
            break
    yield from (joined.get(name[-1].lower(), name) for name in targets)


def _truncated(statement: Statement, at: int) -> Iterator[Named]:
    if at < len(statement) and statement[at].is_mark("("):
        return  # the function of MySQL
    yield from names(statement, skipped(statement, at, ("TABLE",)))[0]


def _copied(statement: Statement, at: int) -> Iterator[Named]:
    """``COPY table (columns) FROM``; TO only reads."""
    name, at = named(statement, at)
    ways = [statement[place].word for place in at_top(statement, at) if statement[place].word in {"FROM", "TO"}]
    if name and ways[:1] == ["FROM"]:
        yield name


def _loaded(statement: Statement, at: int) -> Iterator[Named]:
    """``LOAD DATA INFILE … INTO TABLE table``."""
    for place in range(at, len(statement) - 1):
        if statement[place].word == "INTO" and statement[place + 1].word == "TABLE":
            yield named(statement, place + 2)[0]
            return


_TARGETS: dict[str, Callable[[Statement, int], Iterator[Named]]] = {
    "INSERT": _inserted,
    "REPLACE": _inserted,
    "MERGE": _inserted,
    "UPDATE": _updated,
    "DELETE": _deleted,
    "TRUNCATE": _truncated,
    "COPY": _copied,
    "LOAD": _loaded,
}
