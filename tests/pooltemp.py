"""A PgBouncer in transaction mode for one test: temporary, on a socket, started as an ordinary user.

The program is the system's (Debian: ``pgbouncer``, whose service nobody has to start).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.tempserver import process_options, scratch

PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
PORT = 5432  # of a socket this is only a part of its name, the one that Django expects

CONFIGURATION = """
[databases]
* = host={server} user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
listen_addr =
unix_socket_dir = {root}
listen_port = {port}
auth_type = any
ignore_startup_parameters = extra_float_digits
"""


class NoPgbouncerError(RuntimeError):
    """PgBouncer did not start."""


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _wait_until_ready(process: subprocess.Popen[bytes], root: Path) -> None:
    for _attempt in range(600):
        if process.poll() is not None:
            raise NoPgbouncerError((root / "log").read_text())
        if _answers(root / f".s.PGSQL.{PORT}"):
            return
        time.sleep(0.05)
    raise NoPgbouncerError(f"PgBouncer does not answer:\n{(root / 'log').read_text()}")


@contextlib.contextmanager
def pool(server: str, connections: int) -> Iterator[str]:
    """Run it before the server of this socket folder; gives its own socket folder, which is Django's ``HOST``.

    All clients of a database share so many connections of the server.
    """
    with scratch("pool-") as root:
        options = process_options(root, foreign="PG")
        text = CONFIGURATION.format(server=server, connections=connections, root=root, port=PORT)
        (root / "pgbouncer.ini").write_text(text)
        with (root / "log").open("wb") as log:
            arguments = [str(PROGRAM), str(root / "pgbouncer.ini")]
            process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, **options)
        try:
            _wait_until_ready(process, root)
            yield str(root)
        finally:
            process.kill()
            process.wait(30)
