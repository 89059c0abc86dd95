"""Somebody at a browser: real HTTP with cookies, forms and uploads, from the standard library."""

from __future__ import annotations

import http.cookiejar
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from project.shop.demo.forms import read_form

Values = Mapping[str, str | list[str]]
Files = Mapping[str, tuple[str, bytes]]


class RefusedError(RuntimeError):
    """A form was answered with itself: something in it was not accepted."""


class Browser:
    """One person's browser."""

    def __init__(self, address: str, agent: str) -> None:
        self.address = address
        jar = http.cookiejar.CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(jar))
        self._opener.addheaders = [("User-Agent", agent)]

    def _send(self, request: Request) -> str:
        with self._opener.open(request, timeout=60) as answer:
            return str(answer.read(), "utf-8")

    def get(self, path: str) -> str:
        """The text of a page."""
        return self._send(Request(self.address + path))  # noqa: S310  # always our own loopback server

    def post(self, path: str, values: Values, files: Files | None = None) -> str:
        """Send values; gives the page that follows."""
        body, kind = _multipart(values, files) if files else (urlencode(values, doseq=True).encode(), _URLENCODED)
        return self._send(Request(self.address + path, data=body, headers={"Content-Type": kind}))  # noqa: S310

    def fill_in(self, path: str, changes: Values, files: Files | None = None) -> str:
        """Open a page, change some fields of the form that has them, send it, and give the page that follows."""
        form = read_form(self.get(path), holding=next(iter({**changes, **(files or {})})))
        page = self.post(urljoin(path, form.action), {**form.values, **changes}, files)
        if 'class="errornote"' in page or 'class="errorlist' in page:
            raise RefusedError(f"{path} was not accepted:\n{page}")
        return page

    def log_in(self, username: str, password: str) -> None:
        """Log in by the admin's own page."""
        self.fill_in("/admin/login/?next=/", {"username": username, "password": password})

    def log_out(self) -> None:
        """Log out by the button of the admin."""
        form = read_form(self.get("/"), holding="csrfmiddlewaretoken")
        self.post(form.action, form.values)

    def call(self, method: str, path: str, token: str, data: Mapping[str, Any]) -> Any:
        """Call the API as a program with a token does."""
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        body = json.dumps(data).encode()
        return json.loads(self._send(Request(self.address + path, data=body, headers=headers, method=method)))  # noqa: S310


_URLENCODED = "application/x-www-form-urlencoded"


def _multipart(values: Values, files: Files) -> tuple[bytes, str]:
    """The body of a form with files, and its type."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, sent in values.items()
        for value in ([sent] if isinstance(sent, str) else sent)
    ]
    for name, (filename, content) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: text/plain'
        parts.append(f"--{mark}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"
