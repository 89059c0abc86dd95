"""Says clearly when the port of ``make demo`` cannot be used: ``free_port.py PORT``."""

from __future__ import annotations

import socket
import sys

HIGHEST = 65535


def problem(port: str) -> str | None:
    """What is wrong with the port, or None."""
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= HIGHEST):
        return f"PORT={port} is not a port number (1 to {HIGHEST})."
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except PermissionError:
            return f"Port {port} is reserved for the system's administrator. Take another: make demo PORT=8001"
        except OSError:
            return f"Port {port} is taken by another program. Take another: make demo PORT={int(port) % HIGHEST + 1}"
    return None


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1]))
