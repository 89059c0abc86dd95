"""SQL text as tokens, as far as needed to see which tables it writes: comments gone, literals and names told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "name", "literal", "mark"]


@dataclass(frozen=True, slots=True)
class Token:
    """A bare word, a quoted name, a string literal or a mark of punctuation; quotes are taken off."""

    kind: Kind
    text: str

    @property
    def word(self) -> str:
        """The bare word in capitals; empty for everything else, so that a quoted name is never a keyword."""
        return self.text.upper() if self.kind == "word" else ""

    def is_mark(self, mark: str) -> bool:
        """Whether this is that mark of punctuation."""
        return self.kind == "mark" and self.text == mark


_STRING = r"(?P<literal>'(?:[^']|'')*')"
_REST = r"|%(?:\(\w+\))?s|(?P<word>[\w$]+)|(?P<mark>[().,;=*])"

_DIALECTS = {
    "sqlite": rf"""--[^\n]*|(?P<comment>/\*)|{_STRING}|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])""",
    # MySQL runs what stands in /*! */, and "" quotes a string unless ANSI_QUOTES is set
    "mysql": (
        r"--(?=\s|\Z)[^\n]*|\#[^\n]*|/\*M?!\d*|\*/|(?P<comment>/\*)"
        r"""|(?P<literal>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*")|(?P<name>`(?:[^`]|``)*`)"""
    ),
    "postgresql": (
        r"--[^\n]*|(?P<comment>/\*)"
        r"""|\b[eE](?P<escaped>'(?:[^'\\]|''|\\.)*')|(?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)"""
        rf"""|{_STRING}|(?P<name>"(?:[^"]|"")*")"""
    ),
}
_PATTERNS = {vendor: re.compile(pattern + _REST, re.DOTALL) for vendor, pattern in _DIALECTS.items()}

_PLACEHOLDERS = re.compile(r"(?:\(?%s\)?\s*,\s*){2,}")
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def without_lists(sql: str) -> str:
    """The text with long lists of placeholders cut short: batches of any size read alike."""
    return _PLACEHOLDERS.sub("%s, ", sql)


def tokens(sql: str, vendor: str) -> Iterator[Token]:
    """The tokens of ``sql`` as the databases of that vendor read it."""
    pattern = _PATTERNS.get(vendor, _PATTERNS["sqlite"])
    at = 0
    while match := pattern.search(sql, at):
        at, kind, text = match.end(), match.lastgroup, match.group()
        if kind == "comment":
            at = _end_of_comment(sql, at, nested=vendor == "postgresql")
        elif kind in {"word", "mark"}:
            yield Token(kind, text)  # type: ignore[arg-type] # narrowed by the line above
        elif kind == "name":
            quote = text[-1]
            yield Token("name", text[1:-1].replace(quote * 2, quote))
        elif kind == "dollar":
            delimiter = len(match["tag"]) + 2
            yield Token("literal", text[delimiter:-delimiter])
        elif kind is not None:
            yield Token("literal", match[kind][1:-1])


def _end_of_comment(sql: str, at: int, *, nested: bool) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, at):
        if edge.group() == "*/":
            depth -= 1
        elif nested:
            depth += 1
        if not depth:
            return edge.end()
    return len(sql)


def statements(read: Iterator[Token]) -> Iterator[tuple[Token, ...]]:
    """The statements that stand in one text; the body of a trigger or function belongs to its CREATE."""
    statement: list[Token] = []
    depth = 0
    for token in read:
        if statement and statement[0].word == "CREATE":
            depth += _STEPS.get(token.word or (token.text if token.kind == "mark" else ""), 0)
        if token.is_mark(";") and depth <= 0:
            yield tuple(statement)
            statement, depth = [], 0
        else:
            statement.append(token)
    yield tuple(statement)


_STEPS = {"BEGIN": 1, "CASE": 1, "(": 1, "END": -1, ")": -1}


def without_values(sql: str, vendor: str) -> str:
    """The text on one line, with every string literal as ``'…'``: it may be shown where values must not."""
    pattern = _PATTERNS.get(vendor, _PATTERNS["sqlite"])

    def hidden(match: re.Match[str]) -> str:
        return "'…'" if match.lastgroup in {"literal", "escaped", "dollar", "tag"} else match.group()

    return " ".join(pattern.sub(hidden, sql).split())
