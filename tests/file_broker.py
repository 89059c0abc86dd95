"""Celery's broker of files, for the tests: a message can be found only when it is whole.

The one of kombu makes the file first and writes it afterwards, so that a worker may find it empty.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from time import monotonic_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

URL = "files://"


class Channel(filesystem.Channel):
    """Writes each message under a name that no worker looks for, and renames it."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override] # as kombu names it
        folder = Path(self.data_folder_out)
        name = f"{monotonic_ns() // 1_000_000}_{uuid.uuid4()}"
        unfinished = folder / f"{name}.unfinished"
        unfinished.write_text(dumps(payload))
        unfinished.rename(folder / f"{name}.{queue}.msg")


class Transport(filesystem.Transport):
    """The transport of such channels."""

    Channel = Channel


TRANSPORT_ALIASES[URL.partition(":")[0]] = f"{__name__}:Transport"
