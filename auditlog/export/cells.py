"""Cells of a CSV file: stored values as text, harmless in a spreadsheet; pure."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

MASKED = "••••"
_NUMBER = re.compile(r"-\d+(\.\d+)?([eE][+-]?\d+)?")
_FORMULA = frozenset("=+-@")
# white space, control characters and characters without width, which may stand before a formula
_SKIPPED = "".join(
    chr(code) for code in range(0x10000) if chr(code).isspace() or unicodedata.category(chr(code)) in ("Cc", "Cf")
)


def cell(value: Any) -> str:
    """A stored value as the text of a cell: None empty, truth values as in JSON, lists and objects as JSON text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, (bool, list, dict)):
        return harmless(json.dumps(value, ensure_ascii=False))
    return str(value)


def harmless(text: str) -> str:
    """``text`` with ``'`` before it where a spreadsheet would take it for a formula.

    That is a text that begins, also behind white space or invisible characters, with ``= + - @`` in any width, and a
    text that begins with a tab or a line break. A plain negative number stays a number.
    """
    if (text[:1].isascii() and text[:1].isalnum()) or _NUMBER.fullmatch(text):  # most texts need no closer look
        return text
    if text.startswith(("\t", "\r", "\n")):
        return "'" + text
    begin = text.lstrip(_SKIPPED)[:1]
    return "'" + text if begin and unicodedata.normalize("NFKC", begin)[0] in _FORMULA else text
