"""A MariaDB server of its own for one run of the tests: temporary, on a socket, started as an ordinary user.

The binaries are the system's (Debian: ``mariadb-server-core`` and ``mariadb-client-core``, which start no service).
``python -m tests.mariatemp`` tells whether there are any, by its exit code.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tempserver import process_options, scratch

# nothing here has to survive the run
FAST = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0")
# the server's clock is in UTC as Django's is: CURRENT_TIMESTAMP has no zone in MariaDB
SETTINGS = ("--skip-networking", "--skip-log-bin", "--character-set-server=utf8mb4", "--default-time-zone=+00:00")


class NoMariadbError(RuntimeError):
    """No MariaDB was found: install it (Debian: apt install mariadb-server-core mariadb-client-core)."""


def find_program(name: str) -> str:
    """The path of one of MariaDB's programs; servers stand in folders that are not on everybody's PATH."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=folders)
    if found is None:
        raise NoMariadbError(NoMariadbError.__doc__)
    return found


def find_binaries() -> tuple[str, str]:
    """The paths of the server and of the program that makes its first tables."""
    find_program("my_print_defaults")  # which the latter calls
    return find_program("mariadbd"), find_program("mariadb-install-db")


def _start(root: Path, options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Make an empty data folder and start its server."""
    server, install = find_binaries()
    log = (root / "log").open("wb")
    with log:
        output: dict[str, Any] = {"stdout": log, "stderr": subprocess.STDOUT, **options}
        first = [
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--datadir={root}/data",
        ]
        if subprocess.run([install, *first], check=False, **output).returncode:
            raise NoMariadbError((root / "log").read_text())
        places = [f"--datadir={root}/data", f"--socket={root}/socket", "--max-connections=120"]
        return subprocess.Popen([server, "--no-defaults", *places, *SETTINGS, *FAST], **output)


def _answers(path: str) -> bool:
    """Whether the server greets who connects."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(path)
            return client.recv(1) != b""
        except OSError:
            return False


def _wait_until_ready(process: subprocess.Popen[bytes], root: Path) -> None:
    for _attempt in range(1200):
        if process.poll() is not None:
            raise NoMariadbError((root / "log").read_text())
        if _answers(str(root / "socket")):
            return
        time.sleep(0.05)
    raise NoMariadbError(f"MariaDB does not answer:\n{(root / 'log').read_text()}")


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run a server while the block runs; gives the path of its socket, which is Django's ``HOST``."""
    with scratch("maria-") as root:
        process = _start(root, process_options(root, foreign="MYSQL"))
        try:
            _wait_until_ready(process, root)
            yield str(root / "socket")
        finally:
            process.terminate()
            process.wait(60)


if __name__ == "__main__":
    try:
        find_binaries()
    except NoMariadbError as error:
        sys.exit(f"SKIPPED: the tests on MariaDB. {error}")
