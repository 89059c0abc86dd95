"""What the temporary database servers of a test run share: a folder that goes away, and an ordinary user."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

NOBODY = 65534  # PostgreSQL and MariaDB refuse to run as root
StrPath: TypeAlias = "str | Path"


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder for a server while the block runs; its path is short, because a socket's is limited to 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def process_options(root: Path, foreign: str) -> dict[str, Any]:
    """Arguments for subprocess: no environment variable that begins with ``foreign`` and, as root, the user nobody."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    options: dict[str, Any] = {
        "cwd": root,
        "env": env | {"HOME": str(root), "LC_ALL": "C.UTF-8"},
        "stdin": subprocess.DEVNULL,
    }
    if os.geteuid() == 0:
        root.chmod(0o755)
        os.chown(root, NOBODY, NOBODY)
        options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return options
