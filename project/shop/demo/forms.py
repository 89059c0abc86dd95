"""Reads an HTML form as a browser does: which values it would send if nobody touched it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

NOT_SENT = frozenset({"submit", "button", "image", "reset", "file"})
Attributes = dict[str, str | None]


@dataclass
class Form:
    """Where one form is sent, and its values by name; a name may have several."""

    action: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str | None, value: str) -> None:
        """Take in one more value."""
        if name:
            self.values.setdefault(name, []).append(value)


class FormReader(HTMLParser):
    """Collects the form that holds a field of the wanted name."""

    def __init__(self, holding: str) -> None:
        super().__init__()
        self.holding = holding
        self.found: Form | None = None
        self._form: Form | None = None
        self._seen: set[str] = set()
        self._select: tuple[str | None, bool, bool] = (None, False, False)
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a form, or take in one of its controls."""
        attributes: Attributes = dict(attrs)
        if tag == "form":
            self._form, self._seen = Form(attributes.get("action") or ""), set()
        elif self._form is not None:
            self._control(self._form, tag, attributes)

    def _control(self, form: Form, tag: str, attributes: Attributes) -> None:
        name = attributes.get("name")
        if name:
            self._seen.add(name)
        if tag == "input":
            self._input(form, attributes)
        elif tag == "textarea" and name:
            form.add(name, "")
            self._text = name
        elif tag == "select":
            self._select = (name, "multiple" in attributes, False)
        elif tag == "option":
            self._option(form, attributes)

    def _input(self, form: Form, attributes: Attributes) -> None:
        kind = (attributes.get("type") or "text").lower()
        ticked = kind not in {"checkbox", "radio"} or "checked" in attributes
        if kind not in NOT_SENT and ticked:
            form.add(attributes.get("name"), attributes.get("value") or ("" if kind != "checkbox" else "on"))

    def _option(self, form: Form, attributes: Attributes) -> None:
        name, multiple, chosen = self._select
        if "selected" in attributes or not (multiple or chosen):
            if name and not multiple and chosen:
                form.values[name] = []
            form.add(name, attributes.get("value") or "")
            self._select = (name, multiple, True)

    def handle_data(self, data: str) -> None:
        """Text inside a text area is its value; browsers drop the first line break."""
        if self._form is not None and self._text is not None:
            self._form.values[self._text][-1] += data

    def handle_endtag(self, tag: str) -> None:
        """Close a text area or the form."""
        if tag == "textarea" and self._form is not None and self._text is not None:
            self._form.values[self._text][-1] = self._form.values[self._text][-1].removeprefix("\n")
            self._text = None
        elif tag == "form":
            if self.holding in self._seen:
                self.found = self._form
            self._form = None


def read_form(html: str, holding: str) -> Form:
    """The form that has a control named ``holding``."""
    reader = FormReader(holding)
    reader.feed(html)
    if reader.found is None:
        raise LookupError(f"The page has no form with a field {holding!r}.")
    return reader.found
