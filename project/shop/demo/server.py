"""A web server of its own on a free port of the loopback address, for as long as a ``with`` block runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler


class QuietHandler(WSGIRequestHandler):
    """Serves without a line per request on the terminal."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's own name
        """Say nothing."""


@contextmanager
def running() -> Iterator[str]:
    """Serve the project while the block runs; gives the address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="demo server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
