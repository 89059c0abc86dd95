"""What a page says: its tables as rows of texts, its links by text."""

from __future__ import annotations

from html.parser import HTMLParser


class _Reader(HTMLParser):
    """Collects the cells of table bodies and the texts of links."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[list[str]]] = []
        self.links: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self._head = self._cell = False
        self._link: list[str] | None = None
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        if tag == "thead":
            self._head = True
        elif tag == "tr" and not self._head:
            self.rows.append([])
        elif tag in ("td", "th") and not self._head:
            self.rows[-1].append([])
            self._cell = True
        elif tag == "a":
            self._link, self._href = [], given.get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "thead":
            self._head = False
        elif tag in ("td", "th"):
            self._cell = False
        elif tag == "a" and self._link is not None:
            self.links.append((_text(self._link), self._href))
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1].append(data)
        if self._link is not None:
            self._link.append(data)


def _text(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def _main(html: str) -> str:
    """The page without its header and sidebar."""
    return html[html.index("<main") :] if "<main" in html else html


def table(html: str) -> list[tuple[str, ...]]:
    """The rows of all table bodies of the content, each cell as its text."""
    return [tuple(_text(cell) for cell in row) for row in _read(_main(html)).rows]


def links(html: str) -> list[tuple[str, str]]:
    """Text and address of every link of the content."""
    return _read(_main(html)).links


def link(html: str, text: str) -> str:
    """The address of the first link with that text."""
    return next(address for each, address in links(html) if each == text)


def tags(html: str) -> list[str]:
    """The names of all elements, in order."""
    return _read(html).tags


def ids(html: str) -> list[str]:
    """All ids, in order; a page must not give one twice."""
    return _read(html).ids
