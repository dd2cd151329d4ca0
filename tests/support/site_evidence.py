# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every generation of a site has its bundle, and all of them are one chain."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import end_of
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support.ring_site import RING, Site


def unsealed(site: Site) -> list[str]:
    """What is wrong with the evidence of a ring in which nothing is under way, each a few words.

    Each generation that has come to its end has exactly one bundle of that end, and nothing lies about half made. The
    numbers have no gap, each names the one before, and the server's newest entry is the newest bundle.
    """
    root = Path(site.settings("")["evidence_dir"])
    directories = sorted((root / RING).glob("*/*"))
    found = [f"{path} was left" for path in directories if path.name.startswith(".")]
    bundles = sorted(
        (_claims(path) for path in directories if not path.name.startswith(".")), key=lambda one: one[0]["sequence"]
    )
    ends = sorted((claims["generation"], state) for claims, _seal, state, _path in bundles if claims["generation"])
    wanted = []
    for generation in site.chain().generations:
        end = end_of(generation)
        wanted.append((generation.number, end.state.value if end is not None and end.state is not None else None))
    if ends != wanted:
        found.append(f"bundles are there of {ends} and not of {wanted}")
    previous: str | None = None
    for number, (claims, seal, _state, path) in enumerate(bundles, 1):
        if (claims["sequence"], claims["previous"]) != (number, previous):
            found.append(f"{path} has number {claims['sequence']} after {claims['previous']}, and not {number}")
        previous = seal
    head = log.read(site.session, site.solution, RING).head
    if (head.sequence if head else 0, head.seal if head else None) != (len(bundles), previous):
        found.append(f"the chain on the server ends with {head}, and not with bundle {len(bundles)}, {previous}")
    if bundles:
        verified = verify(bundles[-1][3], Trust.from_setting(site.settings("")["ring"]["trust"]))
        found += [str(problem) for problem in verified.problems]
    return found


def _claims(path: Path) -> tuple[dict[str, t.Any], str, str, Path]:
    """What the seal of a bundle claims, its digest, the state that the bundle is about, and where it is."""
    seal = (path / "seal.dsse.json").read_bytes()
    state = json.loads((path / "summary.json").read_text(encoding="utf-8"))["state"]
    return statements.peek(seal)["predicate"], digest_of(seal), state, path
