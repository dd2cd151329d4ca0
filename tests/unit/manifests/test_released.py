# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests out of a release: the fence takes the place of the pull steps, and the flows' code is not asked again."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.released import (
    FENCE,
    Entrance,
    read_flow_code,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted

RELEASE = f"sha256:{'a' * 64}"
ENTRANCE = Entrance(ring="dev", solution="hotpass", generation=3, release=RELEASE, store="/srv/store")
CODE = {"name": "refine", "entrypoint": "pkg/mod.py:refine", "parameter_openapi_schema": {}, "sha256": "b" * 64}


def _wanted(**fields: t.Any) -> Wanted:
    return Wanted(flow_name="refine", name="nightly", fields=fields)


def test_the_fence_is_the_only_pull_step_and_the_digest_the_version() -> None:
    before = _wanted(
        version="1.2", tags=["x"], pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "/x"}}]
    )
    after = ENTRANCE.stand_before("refine", before)
    assert after.fields == {
        "version": RELEASE,
        "tags": ["x"],
        "pull_steps": [
            {FENCE: {"ring": "dev", "solution": "hotpass", "generation": 3, "release": RELEASE, "store": "/srv/store"}}
        ],
    }
    assert (after.flow_name, after.name) == ("refine", "nightly")


@pytest.mark.parametrize("fields", [{}, {"pull_steps": None}, {"pull_steps": []}])
def test_a_manifest_without_pull_steps_gets_the_fence_too(fields: dict[str, t.Any]) -> None:
    assert list(ENTRANCE.stand_before("refine", _wanted(**fields)).fields["pull_steps"][0]) == [FENCE]


def test_a_pull_step_that_would_be_dropped_is_refused_by_name() -> None:
    step = {"prefect.deployments.steps.git_clone": {"repository": "https://git.example.com/x"}}
    with pytest.raises(CollectionError, match=r"^refine: pull_steps has prefect\.deployments\.steps\.git_clone; "):
        ENTRANCE.stand_before("refine", _wanted(pull_steps=[step]))


def test_the_kept_flow_code_is_read_for_the_named_flows_only(tmp_path: Path) -> None:
    file = tmp_path / "flow-code.json"
    file.write_text(json.dumps({"pkg.mod:refine": CODE, "pkg.mod:other": CODE}))
    code = read_flow_code(file, ["pkg.mod:refine", "pkg.mod:refine"])
    assert list(code) == ["pkg.mod:refine"]
    assert code["pkg.mod:refine"].entrypoint == "pkg/mod.py:refine"


def test_a_flow_that_was_not_kept_is_named(tmp_path: Path) -> None:
    file = tmp_path / "flow-code.json"
    file.write_text(json.dumps({"pkg.mod:refine": CODE}))
    with pytest.raises(CollectionError, match=r"says nothing of pkg\.mod:absent; build the release again"):
        read_flow_code(file, ["pkg.mod:absent", "pkg.mod:refine"])


@pytest.mark.parametrize(
    "content", [None, "{", '{"pkg.mod:refine": {"name": "refine"}}', '{"pkg.mod:refine": 1}', "[]"]
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "flow-code.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CollectionError, match=r"^flow_code .*flow-code\.json' (cannot be read|says nothing of)"):
        read_flow_code(file, ["pkg.mod:refine"])
