# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release on its way out: its signed provenance, a registry, a task of a play, and the playbook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys, provenance_facts, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store, open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import projects
from tests.support.doors import ROOT, Doors, Task
from tests.support.engines import stand_in
from tests.support.projects import Build, lab
from tests.support.registry import Registry, need

pytest_plugins = ["tests.support.builds"]
pytestmark = pytest.mark.integration

Play = t.Callable[..., "subprocess.CompletedProcess[str]"]
# Of the programs of this machine, what git and the modules of a play need, and no container engine.
_PROGRAMS = ("chmod", "env", "git", "mkdir", "rm", "sh", "sleep")


def test_the_provenance_is_signed_once_for_each_key(build: Build, project: Path, store: Store, tmp_path: Path) -> None:
    lab(project)
    projects.git(project, "remote", "add", "origin", "https://user:secret-token@git.example/lab.git")
    plain = build()
    assert plain["signed_by"] is None
    assert store.attachments(plain["release"], statements.ARTIFACT_TYPE) == []
    entries = []
    for name in ("builder", "other"):
        path = tmp_path / f"{name}.pem"
        entries.append({"name": name, "roles": ["builder"], "public_key": keys.create_key_pair(path, name)})
        assert build(check_mode=True, signing_key=str(path))["changed"]
        signed = build(signing_key=str(path))
        assert (signed["changed"], signed["existed"], signed["signed_by"]) == (True, True, name)
        assert signed["release"] == plain["release"]
        assert build(signing_key=str(path))["changed"] is False
    envelopes = store.attachments(plain["release"], statements.ARTIFACT_TYPE)
    assert len(envelopes) == 2
    trust = Trust.from_setting(entries)
    verified = [statements.verify(envelope, trust, "builder") for envelope in envelopes]
    assert {one.signers[0].name for one in verified} == {"builder", "other"}
    for one in verified:
        assert (one.predicate_type, one.release) == (statements.PROVENANCE, plain["release"])
        definition = one.predicate["buildDefinition"]
        assert definition["externalParameters"]["commit"] == plain["commit"]
        assert definition["externalParameters"]["source"] == "https://git.example/lab.git"
        assert definition["internalParameters"].keys() == {"user", "host"}
        assert one.predicate["runDetails"]["builder"]["version"].keys() >= {"python", "git", "cyclonedx-python-lib"}
    assert not [envelope for envelope in envelopes if b"secret-token" in envelope]


def test_a_statement_that_only_claims_to_be_signed_does_not_count(
    build: Build, project: Path, store: Store, tmp_path: Path
) -> None:
    lab(project)
    keys.create_key_pair(tmp_path / "builder.pem", "builder")
    release = build(signing_key=str(tmp_path / "builder.pem"))["release"]
    key = keys.load_signing_key(tmp_path / "builder.pem")
    [envelope] = store.attachments(release, statements.ARTIFACT_TYPE)
    other = open_store(str(tmp_path / "other"))
    forged = json.loads(envelope)
    forged["signatures"][0]["sig"] = "A" * 86 + "=="
    second = build(store=other.address)["release"]
    assert second == release
    other.attach(release, statements.ARTIFACT_TYPE, json.dumps(forged).encode(), provenance_facts.ENVELOPE_TYPE, None)
    assert not provenance_facts.attached(other, release, key)
    assert provenance_facts.attached(store, release, key)


def test_the_module_door_gives_the_same(build: Build, options: dict[str, t.Any], project: Path, tmp_path: Path) -> None:
    lab(project)
    doors = Doors({}, tmp_path)
    task = Task("hotpass_artifact", options)
    fetch = {"store": options["store"], "state": "fetched", "cache_dir": str(tmp_path / "cache")}
    expected = build(check_mode=True)["release"]
    played = doors.play(
        [
            Task("hotpass_artifact", options, check=True),
            task,
            task,
            Task("hotpass_artifact", {**fetch, "release": expected}),
            Task("hotpass_artifact", {**fetch, "release": f"sha256:{'0' * 64}"}),
            Task("hotpass_artifact", {"store": options["store"], "state": "fetched"}),
        ],
        "module",
    )
    foreseen, first, again, fetched, absent, wrong = played.results
    assert [answer["release"] for answer in (foreseen, first, again, fetched)] == [expected] * 4
    assert [answer["changed"] for answer in (foreseen, first, again, fetched)] == [True, True, False, True]
    assert f"sha256:{'0' * 64} is not in the store" in absent["msg"]
    assert "state is fetched but all of the following are missing: release, cache_dir" in wrong["msg"]


@pytest.fixture
def play(options: dict[str, t.Any], project: Path, tmp_path: Path) -> Play:
    """Runs the playbook on a small project; keyword arguments are of its environment."""
    lab(project)
    settings = {
        "ring": "dev",
        "solution": "hotpass",
        "ring_store": options["store"],
        "ring_project": str(project),
        "ring_demo_keys": True,
        "ring_keys_dir": str(tmp_path / "keys"),
        "ring_builder_key": str(tmp_path / "keys" / "demo-builder.pem"),
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = {"ring": {"hosts": {"dev": settings}}}
    projects.write(tmp_path / "inventory", {"hosts.yml": json.dumps(inventory)})
    command = [sys.executable, "-m", "ansible", "playbook", "playbooks/build.yml", "-i", str(tmp_path / "inventory")]

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.e2e
def test_the_playbook_prints_the_digest_at_its_end(
    play: Play, build: Build, options: dict[str, t.Any], project: Path, tmp_path: Path
) -> None:
    def last(done: subprocess.CompletedProcess[str]) -> list[str]:
        return [line.strip(" -'") for line in done.stdout.splitlines()[-12:]]

    expected = build(check_mode=True)["release"]
    foreseen = play("--check")
    assert foreseen.returncode == 0, foreseen.stdout + foreseen.stderr
    assert f"release {expected}" in last(foreseen)
    nameless = play("-e", "push_image=true")
    assert "push_image is given, and no image is wanted" in " ".join((nameless.stdout + nameless.stderr).split())
    assert not (tmp_path / "store").exists()
    built = play()
    assert built.returncode == 0, built.stdout + built.stderr
    assert f"release {expected}" in last(built)
    assert "provenance signed by demo-builder" in last(built)
    again = play()
    assert f"already in {options['store']}" in last(again)
    (project / "prefect/flows/lab/new.py").write_text("")
    refused = play()
    assert refused.returncode != 0
    assert "prefect/flows/lab/new.py (not in the commit)" in " ".join(refused.stdout.split())
    marked = play("-e", "allow_dirty=true")
    assert marked.returncode == 0, marked.stdout + marked.stderr
    assert "dirty: prefect/flows/lab/new.py" in " ".join(marked.stdout.split())
    assert f"release {expected}" not in last(marked)


@pytest.mark.e2e
def test_the_playbook_builds_an_image_where_there_is_an_engine(play: Play, project: Path, tmp_path: Path) -> None:
    projects.write(project, {"prefect/fence/hotpass_fence/steps.py": "y = 1\n"})
    projects.commit(project)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in _PROGRAMS:
        (programs / name).symlink_to(str(shutil.which(name)))
    wanted = ("-e", "image=worker:1", "-e", "image_base=python:3.12-slim", "-e", "push_image=true")
    alone = play(*wanted, PATH=str(programs))
    assert alone.returncode == 2, alone.stdout + alone.stderr
    sentence = "No image was built: neither podman nor docker is installed where the release is built."
    assert sentence in " ".join(alone.stdout.split())
    assert not (tmp_path / "store").exists()
    home = tmp_path / "engine"
    home.mkdir()
    stand_in(programs / "podman", home)
    built = play(*wanted, PATH=str(programs))
    assert built.returncode == 0, built.stdout + built.stderr
    assert "image worker:1" in " ".join(built.stdout.split())
    calls = [json.loads(line)[0] for line in (home / "calls").read_text().splitlines()]
    assert (calls.count("build"), calls.count("push")) == (1, 1)
    assert (home / "Containerfile").read_text().startswith("FROM python:3.12-slim\n")
    assert (home / "context/fence/hotpass_fence/steps.py").read_text() == "y = 1\n"


def test_a_registry_gets_and_gives_the_same_release(build: Build, project: Path, store: Store, tmp_path: Path) -> None:
    lab(project)
    keys.create_key_pair(tmp_path / "builder.pem", "builder")
    local = build()
    registry = Registry.start(tmp_path / "registry")
    try:
        remote = {"store": f"oci://{registry.host}/hotpass/releases"}
        foreseen = build(check_mode=True, **remote)
        assert (foreseen["changed"], foreseen["existed"]) == (True, False)
        built = build(signing_key=str(tmp_path / "builder.pem"), **remote)
        assert (built["changed"], built["release"]) == (True, local["release"])
        again = build(signing_key=str(tmp_path / "builder.pem"), **remote)
        assert (again["changed"], again["existed"]) == (False, True)
        fetched = [
            build(state="fetched", release=local["release"], cache_dir=str(tmp_path / name), **more)
            for name, more in (("local", {}), ("remote", remote))
        ]
        files = [
            {str(file.relative_to(one["path"])): file.read_bytes() for file in Path(one["path"]).rglob("*.*")}
            for one in fetched
        ]
        assert files[0] == files[1] != {}
        reference = f"docker://{registry.host}/hotpass/releases@{local['release']}"
        command = [need("skopeo"), "inspect", "--tls-verify=false", "--raw", reference]
        seen = subprocess.run(command, capture_output=True, check=True).stdout
        assert seen == store.read_manifest(local["release"])
    finally:
        registry.stop()
