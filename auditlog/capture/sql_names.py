"""Names within a statement of SQL: dotted names, lists of them, and the tables of a FROM with their aliases."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from auditlog.capture.sql_tokens import Token

Statement = tuple[Token, ...]
Named = tuple[str, ...]
"""A dotted name, part by part: ``("public", "shop_product")``."""


def skipped(statement: Statement, at: int, words: Collection[str]) -> int:
    """The place after these words, and after the parenthesis of ``ONLY (name)``."""
    while at < len(statement) and (
        statement[at].word in words or (statement[at].is_mark("(") and statement[at - 1].word == "ONLY")
    ):
        at += 1
    return at


def named(statement: Statement, at: int) -> tuple[Named, int]:
    """The dotted name at a place, empty where none stands, and the place after it."""
    parts: list[str] = []
    while at < len(statement) and statement[at].kind != "mark":
        parts.append(statement[at].text)
        at += 1
        if at >= len(statement) or not statement[at].is_mark("."):
            break
        at += 1
        if at < len(statement) and statement[at].is_mark("*"):
            return tuple(parts), at + 1
    return tuple(parts), at


def names(statement: Statement, at: int) -> tuple[list[Named], int]:
    """The names in a list with commas."""
    found: list[Named] = []
    while True:
        name, at = named(statement, skipped(statement, at, ("ONLY",)))
        found += [name] if name else []
        while at < len(statement) and (statement[at].is_mark("*") or statement[at].is_mark(")")):
            at += 1
        if at >= len(statement) or not statement[at].is_mark(","):
            return found, at
        at += 1


def at_top(statement: Statement, at: int) -> Iterator[int]:
    """The places from here on that stand in no parentheses."""
    depth = 0
    for place in range(at, len(statement)):
        depth -= statement[place].is_mark(")")
        if depth < 0:
            return
        if not depth:
            yield place
        depth += statement[place].is_mark("(")


def sources(statement: Statement, at: int, ends: Collection[str]) -> dict[str, Named]:
    """The tables of a FROM, USING or multi-table UPDATE, by alias and by name, up to one of the words."""
    found: dict[str, Named] = {}
    expected = True
    for place in at_top(statement, at):
        token = statement[place]
        if token.word in ends:
            break
        if expected and token.kind != "mark":
            name, after = named(statement, skipped(statement, place, ("ONLY", "LATERAL")))
            if not name:
                continue
            alias, _ = named(statement, skipped(statement, after, ("AS",)))
            found[name[-1].lower()] = name
            if len(alias) == 1:
                found[alias[0].lower()] = name
            expected = False
        expected = expected or token.is_mark(",") or token.word in {"JOIN", "STRAIGHT_JOIN"}
    return found
