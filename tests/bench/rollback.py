# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a rollback against a promotion, both from the command to Active; see docs/benchmarks.md.

Ends with 0 whatever is reached, and with 1 only when something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and neither the checkout's nor its collections'.
_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "collections")]

from tests.bench.process import Command, Measured, measure  # noqa: E402
from tests.support.proxy import Proxy  # noqa: E402
from tests.support.ring_site import TESTS, Site  # noqa: E402
from tests.support.server import PrefectServer  # noqa: E402

_REPEATS = 3
_MOST = 0.6
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"
Sample = dict[str, t.Any]


class Bench:
    """One ring on a server of its own, with the gates of ``inventories/staging`` but for the soak.

    The worker is the bench itself, which reports every rehearsal as done as soon as it is looked at, so that only what
    a promoter does is measured.
    """

    def __init__(self, site: Site, proxy: Proxy) -> None:
        self._site = site
        self._proxy = proxy
        self._released = 0
        proxy.before(lambda _number: site.work(), times=None, path=_WAITS)

    def promotion(self) -> Sample:
        """Promote a new release."""
        self._released += 1
        release = self._site.release(f"n{self._released}")
        return self._run("promote.yml", release, "-e", f"release={release}")

    def rollback(self) -> Sample:
        """Go back to what was Active before."""
        chain = self._site.chain()
        good = next(g.release for g in reversed(chain.verified[:-1]) if g.release not in chain.holds)
        return self._run("rollback.yml", str(good), "-e", "reason=measured")

    def _run(self, playbook: str, release: str, *arguments: str) -> Sample:
        settings = {"ring_gates": ["tests", "health", "rehearsal"], "ring_tests": TESTS}
        argv, env = self._site.command(playbook, self._proxy.api_url, *arguments, **settings)
        begin = len(self._proxy.seen)
        taken: Measured = measure(Command(tuple(argv), _ROOT, env), self._site.directory / "play.log")
        active = self._site.chain().active
        if active is None or active.release != release:
            raise RuntimeError(f"{playbook} did not make {release} Active")
        seen = self._proxy.seen[begin:]
        writes = sum(request.writes for request in seen)
        return {"wall": taken.wall, "cpu": taken.cpu, "requests": len(seen), "writes": writes}


def main() -> int:
    """Measure, print, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    parser.add_argument("--repeats", type=int, default=_REPEATS, help="how often both are done (%(default)s)")
    arguments = parser.parse_args()
    os.environ.setdefault("PYTHONTZPATH", "")
    with tempfile.TemporaryDirectory(prefix="hotpass-rollback-") as name:
        server = PrefectServer.start(Path(name) / "server")
        try:
            with Site(Path(name) / "site", server.api_url) as site, Proxy(server.api_url) as proxy:
                bench = Bench(site, proxy)
                bench.promotion()
                pairs = [(bench.promotion(), bench.rollback()) for _repeat in range(arguments.repeats)]
        finally:
            server.stop()
    forward, back = (
        {key: statistics.median(pair[side][key] for pair in pairs) for key in pairs[0][side]} for side in (0, 1)
    )
    print(f"{'':12}{'wall s':>8}{'cpu s':>8}{'requests':>10}{'writes':>8}")
    for title, row in (("promotion", forward), ("rollback", back)):
        print(f"{title:12}{row['wall']:8.2f}{row['cpu']:8.2f}{row['requests']:10.0f}{row['writes']:8.0f}")
    ratio, cpu = back["wall"] / forward["wall"], back["cpu"] / forward["cpu"]
    verdict = "PASS" if ratio <= _MOST else "MISS"
    print(f"{verdict}  a rollback takes at most {_MOST} of a promotion: {ratio:.2f} (processor time: {cpu:.2f})")
    if arguments.json:
        kept = {"promotions": [pair[0] for pair in pairs], "rollbacks": [pair[1] for pair in pairs], "ratio": ratio}
        arguments.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
