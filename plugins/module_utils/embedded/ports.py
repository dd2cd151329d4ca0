# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out whether a TCP port can be had, and who has it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import has_proc
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_PROC = Path("/proc")
_LISTEN = "0A"
_SECONDS = 1.0


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen here now.

    :raises CollectionError: when nobody may: no such address on this machine, or a port for root alone.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise CollectionError(
            f"Nothing can listen on port {port} of {host} ({error.strerror}): name an address of this machine and a "
            "port above 1023."
        ) from None
    return True


def accepts(host: str, port: int) -> bool:
    """Whether somebody answers here."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=_SECONDS):
        return True
    return False


def listens(pids: t.Iterable[int], host: str, port: int) -> bool:
    """Whether one of these processes listens on the port; without ``/proc``, whether anybody does."""
    if not has_proc():
        return accepts(host, port)
    sockets = _listening(port)
    return any(sockets & _sockets_of(pid) for pid in pids) if sockets else False


def holder(port: int) -> str | None:
    """Who listens on the port, as ``pid 123 (command)``; None when it cannot be found out.

    The arguments of the command are left out: they may hold secrets.
    """
    sockets = _listening(port) if has_proc() else set()
    if not sockets:
        return None
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and sockets & _sockets_of(int(entry.name)):
            with contextlib.suppress(OSError):
                return f"pid {entry.name} ({(entry / 'comm').read_text(encoding='utf-8', errors='replace').strip()})"
    return None


def _listening(port: int) -> set[str]:
    """The sockets that listen on the port, as ``/proc/<pid>/fd`` names them."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _sockets_of(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(_PROC / str(pid) / "fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(descriptor.path))
    return found
