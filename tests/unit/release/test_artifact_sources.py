# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken from a commit, on real repositories: its files and nothing else, and every difference is named."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import Paths, Sources, read

from tests.support import projects

PATHS = Paths("prefect/flows", "prefect", "prefect/checks", "locks/flows.txt", ("prefect/automations",))
FILES: dict[str, str | bytes] = {
    ".gitignore": "*.pyc\n",
    "README.md": "not released\n",
    "locks/flows.txt": projects.LOCK,
    "locks/dev.txt": "not released\n",
    "prefect/README.md": "not released\n",
    "prefect/manifest.schema.json": "{}\n",
    "prefect/automations/alert.yaml": "not: released\n",
    "prefect/deployments/nightly.yaml": "name: nightly\n",
    "prefect/flows/README.md": "released\n",
    "prefect/flows/lab/nightly.py": b"\xff\x00binary\r\n",
    "prefect/flows/lab/run.sh": "#!/bin/sh\n",
    "prefect/checks/__init__.py": "",
    "prefect/checks/test_lab.py": "",
}
PLACES = {
    "checks/__init__.py",
    "checks/test_lab.py",
    "flows/README.md",
    "flows/lab/nightly.py",
    "flows/lab/run.sh",
    "manifests/deployments/nightly.yaml",
    "manifests/manifest.schema.json",
    "requirements.txt",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = projects.repository(tmp_path / "project", FILES)
    (root / "prefect/flows/lab/run.sh").chmod(0o755)
    projects.commit(root, "executable")
    return root


def take(project: Path, paths: Paths = PATHS, **options: t.Any) -> Sources:
    return read(project, paths, projects.run_command, **options)


def refused(project: Path, paths: Paths = PATHS, **options: t.Any) -> str:
    with pytest.raises(CollectionError) as caught:
        take(project, paths, **options)
    return caught.value.message


def test_the_files_of_the_commit_are_taken_to_their_places(project: Path) -> None:
    found = take(project)
    assert {member.path for member in found.members} == PLACES
    assert list(found.members) == sorted(found.members)
    by_path = {member.path: member for member in found.members}
    assert by_path["flows/lab/nightly.py"].data == b"\xff\x00binary\r\n"
    assert [path for path, member in by_path.items() if member.executable] == ["flows/lab/run.sh"]
    assert found.origins["manifests/deployments/nightly.yaml"] == "prefect/deployments/nightly.yaml"
    assert found.commit == projects.git(project, "rev-parse", "HEAD")
    assert (found.commit_time, found.differing) == ("2026-03-01T10:00:00Z", {})


def test_modes_of_the_work_tree_do_not_matter(project: Path) -> None:
    expected = take(project).members
    (project / "prefect/flows/lab/run.sh").chmod(0o600)
    (project / "prefect/flows/lab/nightly.py").chmod(0o777)
    assert take(project).members == expected


def test_every_difference_is_named_and_refused(project: Path) -> None:
    projects.write(project, {"prefect/flows/lab/nightly.py": "changed", "prefect/flows/lab/new.py": "untracked"})
    projects.write(project, {"prefect/flows/lab/staged.py": "in the index only"})
    projects.git(project, "add", "prefect/flows/lab/staged.py")
    (project / "prefect/checks/test_lab.py").unlink()
    said = refused(project)
    assert said.startswith(f"The work tree {project} is not its commit: ")
    for difference in (
        "prefect/checks/test_lab.py (missing)",
        "prefect/flows/lab/new.py (not in the commit)",
        "prefect/flows/lab/nightly.py (changed)",
        "prefect/flows/lab/staged.py (not in the commit)",
    ):
        assert difference in said
    found = take(project, allow_dirty=True)
    assert sorted(found.differing.values()) == ["changed", "missing", "not in the commit", "not in the commit"]
    taken = {member.path: member.data for member in found.members}
    assert taken.keys() == PLACES - {"checks/test_lab.py"} | {"flows/lab/new.py", "flows/lab/staged.py"}
    assert taken["flows/lab/nightly.py"] == b"changed"


def test_many_differences_are_counted(project: Path) -> None:
    projects.write(project, {f"prefect/flows/lab/n{number:02}.py": "" for number in range(25)})
    said = refused(project)
    assert "n09.py (not in the commit) and 15 more." in said
    assert "n10.py" not in said


def test_what_is_not_released_or_is_ignored_makes_nothing_dirty(project: Path) -> None:
    expected = take(project)
    projects.write(
        project,
        {
            "README.md": "changed",
            "new.txt": "",
            "locks/dev.txt": "changed",
            "prefect/README.md": "changed",
            "prefect/automations/alert.yaml": "changed",
            "prefect/fence/enter.py": "new",
            "prefect/flows/lab/nightly.pyc": b"ignored",
        },
    )
    assert take(project) == expected


def test_a_change_that_git_was_told_to_overlook_is_found(project: Path) -> None:
    projects.git(project, "update-index", "--assume-unchanged", "prefect/flows/lab/nightly.py")
    projects.write(project, {"prefect/flows/lab/nightly.py": "changed"})
    assert projects.git(project, "status", "--porcelain") == ""
    assert "prefect/flows/lab/nightly.py (changed)" in refused(project)


def test_a_filter_that_changes_bytes_is_found(project: Path) -> None:
    projects.write(project, {".gitattributes": "*.sh text eol=crlf\n"})
    projects.commit(project)
    (project / "prefect/flows/lab/run.sh").unlink()
    projects.git(project, "checkout", "prefect/flows/lab/run.sh")
    assert projects.git(project, "status", "--porcelain") == ""
    assert "prefect/flows/lab/run.sh (changed)" in refused(project)


def test_sha256_repositories_work(tmp_path: Path) -> None:
    root = projects.repository(tmp_path / "project", FILES, object_format="sha256")
    assert len(take(root).commit) == 64
    projects.write(root, {"prefect/flows/lab/nightly.py": "changed"})
    assert "nightly.py (changed)" in refused(root)


def test_a_project_may_be_a_part_of_a_repository(tmp_path: Path) -> None:
    root = projects.repository(tmp_path / "whole", {f"sites/one/{path}": data for path, data in FILES.items()})
    found = take(root / "sites" / "one")
    assert {member.path for member in found.members} == PLACES


def test_checks_may_be_left_out(project: Path) -> None:
    found = take(project, Paths("prefect/flows", "prefect/deployments", None, "locks/flows.txt"))
    assert {member.path for member in found.members} == {
        "flows/README.md",
        "flows/lab/nightly.py",
        "flows/lab/run.sh",
        "manifests/nightly.yaml",
        "requirements.txt",
    }


def test_links_and_submodules_are_refused_with_their_path(project: Path) -> None:
    (project / "prefect/flows/link.py").symlink_to("lab/nightly.py")
    assert "prefect/flows/link.py" in refused(project)
    assert "is a symbolic link" in refused(project, allow_dirty=True)
    projects.commit(project)
    assert "prefect/flows/link.py" in refused(project)
    assert "is a symbolic link" in refused(project)
    (project / "prefect/flows/link.py").unlink()
    projects.commit(project)
    head = projects.git(project, "rev-parse", "HEAD")
    projects.git(project, "update-index", "--add", "--cacheinfo", f"160000,{head},prefect/flows/vendor")
    projects.git(project, "commit", "--quiet", "-m", "submodule")
    assert "prefect/flows/vendor" in refused(project)
    assert "is a submodule" in refused(project)


def test_a_directory_that_became_a_link_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "prefect/flows/lab").rename(tmp_path / "elsewhere")
    (project / "prefect/flows/lab").symlink_to(tmp_path / "elsewhere")
    assert f"prefect/flows/lab in {project} is a symbolic link" in refused(project)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("prefect/flows/lab/caf\u00e9.py", "printable ASCII"),
        ("prefect/flows/Lab/x.py", "upper from lower case"),
        (f"prefect/flows/{'x' * 101}.py", None),
    ],
)
def test_names_that_cannot_be_released_are_refused(project: Path, path: str, said: str | None) -> None:
    projects.write(project, {path: ""})
    projects.commit(project)
    if said is None:
        assert len(take(project).members) == len(PLACES) + 1, "length is for the bundle to judge"
    else:
        assert said in refused(project)


def test_without_repository_or_commit_one_sentence_says_so(tmp_path: Path) -> None:
    assert "is no directory" in refused(tmp_path / "none")
    projects.write(tmp_path / "plain", FILES)
    assert "is in no work tree of git" in refused(tmp_path / "plain")
    projects.git(tmp_path / "plain", "init", "--quiet")
    assert "has no commit yet" in refused(tmp_path / "plain")
    bare = tmp_path / "bare"
    bare.mkdir()
    projects.git(bare, "init", "--quiet", "--bare")
    assert "is in no work tree of git" in refused(bare)


def test_without_git_one_sentence_says_so(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert refused(project) == "git cannot be run: it is not installed where the release is built."


def test_the_callers_git_environment_does_not_matter(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = take(project)
    other = projects.repository(tmp_path / "other", {"prefect/flows/other.py": ""})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    monkeypatch.setenv("GIT_NAMESPACE", "strange")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(other))
    assert take(project) == expected


def test_reading_writes_nothing_into_the_repository(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project / ".git").rglob("*")}
    os.utime(project / "prefect/flows/lab/nightly.py", (1, 1))
    take(project)
    assert {path: path.stat().st_mtime_ns for path in (project / ".git").rglob("*")} == before


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (Paths("flows", "prefect", None, "locks/flows.txt"), "flows, which is to be the flows of the release, is not"),
        (Paths("../x", "prefect", None, "locks/flows.txt"), "allowed is a path below"),
        (Paths(".", "prefect", None, "locks/flows.txt"), "allowed is a path below"),
        (Paths("/etc", "prefect", None, "locks/flows.txt"), "allowed is a path below"),
        (Paths("prefect", "prefect", None, "locks/flows.txt"), "are one path"),
        (Paths("prefect/empty", "prefect", None, "locks/flows.txt"), "has no file that could be the flows"),
    ],
)
def test_paths_that_cannot_be_taken_are_refused(project: Path, paths: Paths, said: str) -> None:
    (project / "prefect/empty").mkdir()
    assert said in refused(project, paths)
