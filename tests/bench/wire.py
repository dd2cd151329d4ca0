# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went over the wire, read from the server's own access log, so that no contender counts for itself."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tests.support.proxy import Seen

# uvicorn writes this line before it sends the answer's body, so whatever was answered is in the log.
_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/[\d.]+" (\d{3})')


@dataclasses.dataclass(frozen=True)
class Traffic:
    """The requests of one phase.

    :param requests: all of them.
    :param writes: those that could have changed something, whatever the server answered.
    :param unanswered: those that the server answered with a status from 500, which clients send again.
    """

    requests: int
    writes: int
    unanswered: int


def traffic_in(log: str) -> Traffic:
    """The traffic that a piece of a server's log shows; lines that are no requests are passed over."""
    seen = [Seen(method, path, int(status), True, None, {}) for method, path, status in _REQUEST.findall(log)]
    return Traffic(len(seen), sum(request.writes for request in seen), sum(request.status >= 500 for request in seen))


class AccessLog:
    """The log of a running server, read phase by phase."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def begin(self) -> None:
        """Begin a phase here."""
        self._offset = self._path.stat().st_size

    def traffic(self) -> Traffic:
        """The traffic since :meth:`begin`.

        :raises RuntimeError: when there was none, which means that the log is not what it should be.
        """
        with self._path.open("rb") as log:
            log.seek(self._offset)
            traffic = traffic_in(log.read().decode("utf-8", "replace"))
        if not traffic.requests:
            raise RuntimeError(f"{self._path} shows no request since byte {self._offset}: is the access log on?")
        return traffic
