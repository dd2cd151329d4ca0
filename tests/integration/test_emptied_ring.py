# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What emptying a ring has paused goes on with the next good release; what a person has paused does not."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import RingPlays
from tests.support.shapes import MakeDeployment

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


def test_a_good_release_unpauses_what_a_bad_one_left_paused(
    lab: RingLab, proxy: Proxy, session: Session, make_deployment: MakeDeployment
) -> None:
    here = RingPlays(lab, proxy, session, {"dev": {}})
    bad, good = here.release("bad", records=6), here.release("good")
    make_deployment(lab.solution, "refine-dev", work_pool_name=here.pool("dev"))
    make_deployment(lab.solution, "bad-dev", work_pool_name=here.pool("dev"), paused=True)
    failed = here.play("promote.yml", "-e", f"release={bad}", "-e", "on_drift=overwrite")
    assert failed.code == 2, failed.output
    there = here.deployments()
    assert {name: row["paused"] for name, row in there.items()} == {"refine-dev": True, "bad-dev": True}
    label = "hotpass.prefect/paused-by"
    assert there["refine-dev"]["labels"][label] == "generation 1 of dev, which was rolled back"
    assert label not in there["bad-dev"]["labels"]

    done = here.play("promote.yml", "-e", f"release={good}", "-e", "on_drift=overwrite")
    assert done.code == 0, done.output
    row = here.deployments()["refine-dev"]
    assert (row["paused"], row["version"], label in row["labels"]) == (False, good, False)
    assert here.play("reconcile.yml", "--check").code == 0
