# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container image: what an engine is told, by a stand-in that writes it down; and no engine, for real."""

from __future__ import annotations

import json
import os
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import image, tar

from tests.support import projects
from tests.support.engines import stand_in

FILES = {"flows/lab/nightly.py": b"x = 1\n", "checks/run.sh": b"#!/bin/sh\n", "requirements.txt": b"lock"}
RELEASE = projects.release(FILES)
WANTED = image.Image("registry.example:5000/hotpass/worker:1", base="python:3.12-slim")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where a stand-in, the only podman there is, keeps what it is told."""
    home = tmp_path / "engine"
    home.mkdir()
    stand_in(tmp_path / "bin" / "podman", home)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return home


def ensure(wanted: image.Image = WANTED, check: bool = False) -> image.Built:
    members = tar.unpack(RELEASE.blobs[1])
    return image.ensure(wanted, RELEASE.digest, RELEASE.config, members, projects.run_command, check)


def calls(engine: Path) -> list[list[str]]:
    return [json.loads(line) for line in (engine / "calls").read_text().splitlines()]


def kinds(engine: Path) -> list[str]:
    return [call[0] for call in calls(engine)]


def test_it_is_built_from_the_release_and_says_so(engine: Path) -> None:
    made = ensure()
    assert (made.engine, made.name, made.id, made.changed, made.pushed) == (
        "podman",
        WANTED.name,
        "sha256:feed",
        True,
        None,
    )
    context = engine / "context"
    assert {str(file.relative_to(context)): file.read_bytes() for file in context.rglob("*") if file.is_file()} == FILES
    assert os.access(context / "checks/run.sh", os.X_OK)
    lines = (engine / "Containerfile").read_text().splitlines()
    assert lines[0] == "FROM python:3.12-slim"
    assert "RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt" in lines
    assert "COPY flows/ flows/" in lines
    assert not [line for line in lines if "fence" in line]
    labels = json.loads((engine / "built.json").read_text())["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == RELEASE.digest
    assert labels["org.opencontainers.image.revision"] == RELEASE.config.commit
    assert labels["org.opencontainers.image.created"] == RELEASE.config.commit_time
    assert labels["org.opencontainers.image.title"] == "hotpass"
    assert labels["org.opencontainers.image.base.name"] == "python:3.12-slim"


def test_it_is_built_once_while_its_recipe_stays(engine: Path, tmp_path: Path) -> None:
    ensure()
    assert ensure().changed is False
    assert kinds(engine).count("build") == 1
    (tmp_path / "fence" / "hotpass_fence").mkdir(parents=True)
    (tmp_path / "fence" / "hotpass_fence" / "steps.py").write_text("y = 1\n")
    fenced = image.Image(WANTED.name, base=WANTED.base, fence=str(tmp_path / "fence"))
    assert ensure(fenced).changed is True
    assert (engine / "context/fence/hotpass_fence/steps.py").read_text() == "y = 1\n"
    recipe = (engine / "Containerfile").read_text()
    assert "COPY fence/ fence/\n" in recipe
    assert "PYTHONPATH=/opt/hotpass/flows:/opt/hotpass/fence " in recipe
    assert ensure(fenced).changed is False
    (tmp_path / "fence" / "hotpass_fence" / "steps.py").write_text("y = 2\n")
    assert ensure(fenced).changed is True


def test_a_containerfile_of_ones_own_is_used(engine: Path, tmp_path: Path) -> None:
    (tmp_path / "Own").write_text("FROM scratch\nCOPY flows/ /flows/\n")
    ensure(image.Image("lab", containerfile=str(tmp_path / "Own")))
    assert (engine / "Containerfile").read_text() == "FROM scratch\nCOPY flows/ /flows/\n"
    with pytest.raises(CollectionError, match="cannot be read"):
        ensure(image.Image("lab", containerfile=str(tmp_path / "None")))


def test_it_is_pushed_when_asked(engine: Path) -> None:
    wanted = image.Image(WANTED.name, base=WANTED.base, push=True)
    made = ensure(wanted)
    assert (made.changed, made.pushed) == (True, f"sha256:{'ab' * 32}")
    assert ["push", WANTED.name] in calls(engine)
    assert ensure(wanted).changed is False


def test_check_mode_builds_and_pushes_nothing(engine: Path) -> None:
    wanted = image.Image(WANTED.name, base=WANTED.base, push=True)
    assert ensure(wanted, check=True) == image.Built("podman", WANTED.name, None, True, None)
    assert set(kinds(engine)) == {"version", "image"}
    ensure(wanted)
    assert ensure(wanted, check=True).changed is False


@pytest.mark.parametrize("step", ["build", "push"])
def test_a_step_that_fails_is_said_with_the_engines_last_line(engine: Path, step: str) -> None:
    (engine / "fails").write_text(step)
    with pytest.raises(CollectionError) as caught:
        ensure(image.Image(WANTED.name, base=WANTED.base, push=True))
    assert caught.value.message == f"podman could not {step} {WANTED.name}: no space left on device."


def test_an_engine_that_does_not_run_gives_way_to_one_that_does(engine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (engine / "fails").write_text("version")
    with pytest.raises(CollectionError, match="podman says: no space left on device"):
        ensure()
    stand_in(tmp_path / "bin" / "docker", other)
    assert ensure().engine == "docker"


def test_no_engine_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CollectionError) as caught:
        ensure()
    assert caught.value.message == (
        "No image was built: neither podman nor docker is installed where the release is built. Install one, or build "
        "without an image; the release itself needs none."
    )


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command line, with or without an engine")
def test_a_docker_without_its_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker = t.cast("str", shutil.which("docker"))
    (tmp_path / "docker").symlink_to(docker)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(CollectionError) as caught:
        ensure()
    said = caught.value.message
    assert said.startswith(f"No image was built: no container engine runs here. {tmp_path}/docker says: ")
    assert "no.sock" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["", "two words", "-v", "a\nb", "x" * 300])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    given = {"name": name, "base": "python:3.12", "containerfile": None, "fence": None, "push": False}
    with pytest.raises(CollectionError, match="cannot name an image"):
        image.Image.from_params(given)


@pytest.mark.usefixtures("engine")
def test_a_fence_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="has no Python files in it"):
        ensure(image.Image("lab", base="python:3.12", fence=str(tmp_path / "none")))
