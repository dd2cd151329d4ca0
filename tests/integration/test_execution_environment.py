# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder makes of the definition and of the built collection; ``make ee-test`` runs what it makes."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.release import requirements
from bindep.depends import Depends

from tests.conftest import ROOT
from tests.tools import ee_imports, ee_pins

pytestmark = pytest.mark.e2e

_LOCKS = ("runtime.txt", "prefect.txt", "ee.txt")
_VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
_TARBALL = f"hotpass-prefect-{_VERSION}.tar.gz"
# What ansible-builder leaves out of what collections ask for: the image has its own.
_LEFT_OUT = {"ansible-core", "pyyaml"}


@dataclasses.dataclass(frozen=True)
class Made:
    """What one run of ansible-builder has made.

    :param context: the build context.
    :param installed: a directory of collections with the built one in it.
    :param said: what it printed.
    """

    context: Path
    installed: Path
    said: str

    @property
    def stages(self) -> dict[str, list[str]]:
        """The instructions of each stage of the Containerfile, ``""`` for those before the first."""
        found: dict[str, list[str]] = {"": []}
        for line in (self.context / "Containerfile").read_text().splitlines():
            if begins := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
                found[begins[2]] = []
            found[list(found)[-1]] += [line] if line and not line.startswith("#") else []
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The tarball of this checkout, its build context, and the collection as it is installed from there."""
    directory = tmp_path_factory.mktemp("ee")
    for name in ("execution-environment.yml", "requirements"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    _run("ansible-galaxy", "collection", "build", "--output-path", str(directory / "dist"), cwd=ROOT)
    said = _run("ansible-builder", "create", "-c", "context", "--output-filename", "Containerfile", cwd=directory)
    _run("ansible-galaxy", "collection", "install", f"dist/{_TARBALL}", "--offline", "-p", "installed", cwd=directory)
    return Made(directory / "context", directory / "installed", said)


def _run(command: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [Path(sys.executable).parent / command, *arguments],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def _index(steps: t.Sequence[str], pattern: str) -> int:
    found = [number for number, step in enumerate(steps) if re.search(pattern, step)]
    assert len(found) == 1, f"{pattern} is {len(found)} times in {steps}"
    return found[0]


def test_the_stages_follow_one_another_from_a_base_that_the_build_may_name(made: Made) -> None:
    assert "Warning" not in made.said
    assert "No matches" not in made.said
    assert list(made.stages) == ["", "base", "galaxy", "builder", "final"]
    assert made.stages[""][0].startswith('ARG EE_BASE_IMAGE="')
    from_each = [steps[0].split()[1] for name, steps in made.stages.items() if name]
    assert from_each == ["$EE_BASE_IMAGE", "base", "base", "base"]


def test_the_locks_come_first_and_with_their_hashes(made: Made) -> None:
    base = made.stages["base"]
    interpreter = _index(base, r"install \$PYPKG")
    copied = _index(base, r"^COPY _build/requirements/ /output/requirements/$")
    installed = _index(base, r"-m pip install")
    assert interpreter < copied < installed
    words = base[installed].split()
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(words)
    named = [word for flag, word in itertools.pairwise(words) if flag == "-r"]
    assert named == [f"/output/requirements/{lock}" for lock in _LOCKS]
    assert base[installed].endswith("&& $PYCMD -m pip check")
    for lock in _LOCKS:
        assert (made.context / "_build/requirements" / lock).read_bytes() == (ROOT / "requirements" / lock).read_bytes()
    elsewhere = [step for name, steps in made.stages.items() if name != "base" for step in steps if " pip " in step]
    # It reads bindep.txt, in a stage that is thrown away.
    assert elsewhere == ["RUN $PYCMD -m pip install --no-cache-dir bindep pyyaml packaging"]


def test_the_collection_comes_from_the_context_and_not_from_a_server(made: Made) -> None:
    assert (made.context / "_build/collection" / _TARBALL).is_file()
    assert yaml.safe_load((made.context / "_build/requirements.yml").read_text()) == {
        "collections": [{"name": f"collection/{_TARBALL}", "type": "file"}]
    }
    assert 'ARG ANSIBLE_GALAXY_CLI_COLLECTION_OPTS="--offline"' in made.stages[""]
    _index(made.stages["galaxy"], r"collection install \$ANSIBLE_GALAXY_CLI_COLLECTION_OPTS -r requirements\.yml")
    options = yaml.safe_load((ROOT / "execution-environment.yml").read_text())["options"]
    assert options["tags"] == [f"hotpass-prefect-ee:{_VERSION}"]


def test_git_trusts_the_project_of_a_job_once_it_is_installed(made: Made) -> None:
    final = made.stages["final"]
    trusts = _index(final, r"^RUN git config --system --add safe\.directory /runner/project$")
    assert _index(final, r"install-from-bindep") < trusts < _index(final, r"^USER ")


def test_whoever_adds_the_collection_gets_the_versions_of_the_locks(made: Made, tmp_path: Path) -> None:
    pip, bindep = tmp_path / "requirements.txt", tmp_path / "bindep.txt"
    _run(
        "ansible-builder",
        "introspect",
        f"--write-pip={pip}",
        f"--write-bindep={bindep}",
        str(made.installed),
        cwd=tmp_path,
    )
    got = {line.partition("  #")[0] for line in pip.read_text().splitlines()}
    locked = {
        f"{one.name}=={one.version}" + (f" ; {one.marker}" if one.marker else "")
        for lock in ("runtime.txt", "prefect.txt")
        for one in requirements.read((ROOT / "requirements" / lock).read_bytes(), lock)
        if one.name not in _LEFT_OUT
    }
    assert got == locked
    assert sorted(line.split()[0] for line in bindep.read_text().splitlines()) == [
        "git",
        "git-core",
        "openssh-client",
        "openssh-clients",
    ]


@pytest.mark.parametrize(
    ("platform", "packages"),
    [("rpm", {"git-core", "openssh-clients"}), ("dpkg", {"git", "openssh-client"})],
)
def test_bindep_names_the_packages_of_each_family(platform: str, packages: set[str]) -> None:
    rules = Depends((ROOT / "bindep.txt").read_text()).active_rules([f"platform:{platform}"])
    assert {rule[0] for rule in rules} == packages


def test_the_pins_are_written_anew_with_the_locks() -> None:
    assert ee_pins.PINS.read_text() == ee_pins.pins(), "run tests/tools/ee_pins.py, as `make lock` does"
    assert "--hash" not in ee_pins.PINS.read_text().replace("without their hashes", "")


def test_the_locks_of_one_image_agree() -> None:
    seen: dict[tuple[str, str], str] = {}
    for lock in _LOCKS:
        for one in requirements.read((ROOT / "requirements" / lock).read_bytes(), lock):
            assert seen.setdefault((one.name, one.marker), one.version) == one.version, f"{one.name} in {lock}"
    assert {"ansible-runner", "dumb-init"} <= {name for name, _marker in seen}


def test_the_look_for_libraries_finds_what_is_imported_anywhere_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins = tmp_path / "ansible_collections/hotpass/prefect/plugins"
    plugins.mkdir(parents=True)
    assert ee_imports.main(tmp_path) == 1, "a collection that imports nothing at all is not the collection"
    (plugins / "one.py").write_text(
        "import os\nimport packaging.tags as tags\nfrom ansible.errors import AnsibleError\n"
        "def late():\n    from yaml import safe_load\n"
    )
    assert ee_imports.imported(plugins) == {"packaging.tags": "one.py", "yaml": "one.py"}
    assert ee_imports.main(tmp_path) == 0
    (plugins / "two.py").write_text("try:\n    import no_such_library.part\nexcept ImportError:\n    pass\n")
    assert ee_imports.main(tmp_path) == 1
    assert "two.py imports no_such_library.part, which is not there" in capsys.readouterr().out
