# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building for real: with git, the shipped flows, and Prefect to ask what they take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import released
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import Interpreter, read_flows
from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store

from tests.support import projects
from tests.support.doors import Doors
from tests.support.projects import LAB, Build, lab

pytest_plugins = ["tests.support.builds"]
pytestmark = pytest.mark.integration

FLOWS = ["hotpass.orchestration:backfill_pipeline_flow", "hotpass.orchestration:refinement_pipeline_flow"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Fetches the release of what this checkout ships, which is built once for all tests that only read it."""
    home = tmp_path_factory.mktemp("shipped")
    door = Doors({"store": str(home / "store")}, home).room
    project = projects.shipped(home / "project")
    built = door("hotpass_artifact", project=str(project), solution="hotpass", flow_python=sys.executable)
    return lambda **more: door("hotpass_artifact", state="fetched", release=built["release"], **more)


def test_the_commit_is_built_once(build: Build, store: Store, project: Path) -> None:
    foreseen = build(check_mode=True)
    assert foreseen["changed"], foreseen
    assert not Path(store.address).exists()
    first = build()
    assert (first["changed"], first["existed"], first["dirty"]) == (True, False, False)
    assert first["release"] == foreseen["release"]
    assert first["commit"] == projects.git(project, "rev-parse", "HEAD")
    assert (first["flows"], first["overlays"]) == (FLOWS, ["deployments", "dev", "prod", "staging"])
    again = build()
    assert (again["changed"], again["existed"], again["release"]) == (False, True, first["release"])
    assert store.releases() == [first["release"]]
    assert store.verify().ok
    config = artifact.read(store, first["release"])
    assert {overlay.name: overlay.ids for overlay in config.overlays}["prod"] == ("backfill", "refinement")
    assert config.requirements["prefect"]
    assert len(config.requirements["airportsdata"]) == 2
    assert {"checks/automated/test_normalise.py", "flows/hotpass/rules.py", "requirements.txt"} <= config.files.keys()
    materials = json.loads(artifact.read_sbom(store, artifact.find(store, first["release"])))
    assert {one["name"] for one in materials["components"]} == config.requirements.keys()


def test_what_was_built_deploys_without_prefect(shipped: Build, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    fetched = shipped(cache_dir=cache)
    assert fetched["changed"], fetched
    asked = read_flows(FLOWS, Interpreter(sys.executable, fetched["flow_path"], str(tmp_path)), projects.run_command)
    assert released.read_flow_code(Path(fetched["flow_code"]), FLOWS) == asked
    again = shipped(cache_dir=cache)
    assert (again["changed"], again["path"]) == (False, fetched["path"])
    foreseen = shipped(check_mode=True, cache_dir=cache)
    assert (foreseen["changed"], foreseen["path"]) == (False, fetched["path"])
    other = shipped(check_mode=True, cache_dir=str(tmp_path / "other"))
    assert other["changed"]
    assert "path" not in other
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("suite", ["automated", "integration"])
def test_its_own_tests_run_in_its_verified_bytes(suite: str, shipped: Build, tmp_path: Path) -> None:
    done = own_tests(shipped(cache_dir=str(tmp_path))["path"], suite)
    assert done.returncode == 0, done.stderr
    assert "Ran 0 tests" not in done.stderr
    again = shipped(cache_dir=str(tmp_path))
    assert (again["changed"], "warnings" in again) == (False, False), "the tests must leave the release as it is"


def own_tests(path: str, suite: str) -> subprocess.CompletedProcess[str]:
    """Run the release's own tests as the gate does."""
    return subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", f"checks/{suite}", "-t", "checks"],
        cwd=path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "flows", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_release_with_a_fault_fails_its_own_tests(build: Build, project: Path, tmp_path: Path) -> None:
    rules = project / "prefect/flows/hotpass/dedupe.py"
    rules.write_text(rules.read_text().replace("newest_first = -(", "newest_first = ("))
    projects.commit(project, "the oldest wins")
    fetched = build(state="fetched", release=build()["release"], cache_dir=str(tmp_path / "cache"))
    done = own_tests(fetched["path"], "automated")
    assert done.returncode == 1
    assert "test_the_newest_wins_and_the_others_fill_its_gaps" in done.stderr


def test_an_overlay_that_is_broken_is_never_built(build: Build, project: Path, store: Store) -> None:
    overlay = project / "prefect/staging/refinement.yaml"
    overlay.write_text(overlay.read_text() + "shedule: {}\n")
    projects.commit(project, "a slip")
    refused = build()
    assert refused["failed"]
    line = len(overlay.read_text().splitlines())
    assert refused["msg"].startswith(f"{overlay}:{line}: shedule: found an unknown key; allowed: perhaps schedule")
    assert not Path(store.address).exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"prefect/staging/nightly.yaml": "extends: nightly\nparameters: {dya: 2}\n"},
            "manifests/staging, nightly: parameters names 'dya', which the flow does not have",
        ),
        (
            {
                "prefect/staging/nightly.yaml": "extends: nightly\n"
                "pull_steps: [{prefect.deployments.steps.git_clone: {repository: x}}]\n"
            },
            "manifests/staging, nightly: pull_steps has prefect.deployments.steps.git_clone; a run enters a release",
        ),
        (
            {"prefect/staging/nightly.yaml": "extends: weekly\n"},
            'extends: found "weekly"; allowed: an id in {project}/prefect/deployments: nightly',
        ),
        (
            {"prefect/flows/lab/nightly.py": "import nowhere\n"},
            "The flow lab.nightly:build cannot be imported by {python}: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (
            {"prefect/deployments/nightly.yaml": "name: n\nflow: prefect.testing.standard_test_suites.blocks:x\n"},
            "cannot be imported by",
        ),
        (
            {
                "prefect/flows/lab/__init__.py": "import sys\nsys.path.insert(0, '{outside}')\n"
                "from outside import build\n"
            },
            "is not in the release; a manifest can only name flows that are released with it",
        ),
        ({"requirements/prefect.txt": "prefect==3.8.8\n"}, "requirements/prefect.txt:1: prefect has no hash"),
        (
            {"requirements/prefect.txt": f"polars==1 --hash=sha256:{'0' * 64}\n"},
            "do not lock prefect, which its flows need to run",
        ),
        (
            {"requirements/prefect.txt": f"prefect==2.0 --hash=sha256:{'0' * 64}\n"},
            "where the release requires 2.0; the schemas of the flows would not be those of the release",
        ),
    ],
)
def test_what_could_not_run_is_never_built(
    build: Build, project: Path, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    outside = tmp_path / "outside"
    projects.write(outside, {"outside.py": LAB})
    names = {"project": str(project), "python": sys.executable, "outside": str(outside)}
    filled = {path: text.replace("{outside}", str(outside)) for path, text in files.items()}
    if "prefect/flows/lab/__init__.py" in files:
        filled["prefect/deployments/nightly.yaml"] = "name: nightly\nflow: lab:build\nparameters: {day: 1}\n"
    lab(project, filled)
    refused = build()
    assert refused["failed"]
    for name, value in names.items():
        said = said.replace(f"{{{name}}}", value)
    assert said in refused["msg"]
    assert "hotpass-release-" not in refused["msg"], "where it was looked at is nothing to the user"


def test_what_its_image_is_made_of_is_read_before_anything_is_stored(build: Build, store: Store) -> None:
    refused = build(image={"name": "worker:1", "containerfile": "/nowhere/Containerfile"})
    assert "The Containerfile /nowhere/Containerfile cannot be read" in refused["msg"]
    assert not Path(store.address).exists()


def test_a_directory_without_manifests_is_no_release(build: Build, project: Path) -> None:
    projects.git(
        project, "rm", "-r", "--quiet", "prefect/deployments", "prefect/dev", "prefect/staging", "prefect/prod"
    )
    projects.write(project, {"prefect/manifest.schema.json": "{}"})
    projects.commit(project)
    assert "has no directory with manifests in it" in build()["msg"]


def test_a_dirty_work_tree_is_refused_or_marked(build: Build, project: Path, store: Store) -> None:
    lab(project)
    clean = build()["release"]
    file = project / "prefect/flows/lab/nightly.py"
    file.write_text(LAB.replace("0.5", "0.25"))
    assert "prefect/flows/lab/nightly.py (changed)" in build()["msg"]
    marked = build(allow_dirty=True, compare_to=clean)
    assert (marked["dirty"], marked["differing"]) == (True, {"prefect/flows/lab/nightly.py": "changed"})
    assert marked["files_changed"] == {"added": [], "changed": ["flows/lab/nightly.py"], "removed": []}
    assert marked["warnings"]
    assert artifact.read(store, marked["release"]).dirty
    schema = artifact.read(store, marked["release"]).flows["lab.nightly:build"].parameter_openapi_schema
    assert schema["properties"]["rate"]["default"] == 0.25
    file.write_text(LAB)
    assert build(allow_dirty=True)["release"] == clean, "what is clean is not marked, whatever is allowed"


def test_the_difference_to_another_release_is_shown(build: Build, project: Path) -> None:
    lab(project)
    before = build()["release"]
    projects.git(project, "mv", "prefect/checks/__init__.py", "prefect/checks/first.py")
    projects.commit(project)
    shown = build(check_mode=True, compare_to=before)
    assert shown["files_changed"] == {"added": ["checks/first.py"], "changed": [], "removed": ["checks/__init__.py"]}
    [diff] = shown["diff"]
    assert set(diff["after"].splitlines()) ^ set(diff["before"].splitlines()) == {
        line for line in (diff["after"] + diff["before"]).splitlines() if line.startswith("checks/")
    }
