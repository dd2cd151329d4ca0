# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: what the same deployments cost without any tool, one kept-alive connection and one request after another.

``floor.py create API_URL BODIES`` posts the flow and then each deployment; ``floor.py read API_URL BODIES`` reads the
flow's deployments back. A process of its own, in which nothing is imported that it does not need.
"""

from __future__ import annotations

import http.client
import json
import sys
import typing as t
import urllib.parse

_ATTEMPTS = 6
_PAGE = 200


class _Server:
    def __init__(self, api_url: str) -> None:
        parts = urllib.parse.urlsplit(api_url)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)

    def post(self, path: str, body: t.Any) -> t.Any:
        """Send until it is taken: a server on SQLite answers 503 now and then, and hangs up after it."""
        data = json.dumps(body)
        said = ""
        for _attempt in range(_ATTEMPTS):
            try:
                self._connection.request("POST", self._path + path, data, {"Content-Type": "application/json"})
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                said = repr(error)
                self._connection.close()
                continue
            if answer.status in (200, 201):
                return json.loads(text)
            said = f"{answer.status} {text.decode()[:500]}"
            if answer.status != 503:
                break
        raise SystemExit(f"POST {path} was not taken: {said}")


def main(what: str, api_url: str, bodies: str) -> None:
    """Create everything, or read it."""
    server = _Server(api_url)
    with open(bodies) as file:
        wanted = json.load(file)
    if what == "create":
        flow_id = server.post("/flows/", wanted["flow"])["id"]
        for body in wanted["deployments"]:
            server.post("/deployments/", {**body, "flow_id": flow_id})
        return
    seen = 0
    while seen < len(wanted["deployments"]):
        body = {"flows": {"name": {"any_": [wanted["flow"]["name"]]}}, "limit": _PAGE, "offset": seen}
        page = server.post("/deployments/filter", body)
        if not page:
            raise SystemExit(f"the server has {seen} deployments of {len(wanted['deployments'])}")
        seen += len(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
