# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check of tests/tools/tree_check.py passes on a clean tree and names what was done to a bad one."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

_TOOL = Path(__file__).parents[2] / "tools" / "tree_check.py"
_ENTRIES = ("inventories", "meta", "playbooks", "plugins", "prefect", "requirements", "roles")
_HEADER = "".join(
    f"# {line}\n"
    for line in (
        "Copyright: (c) 2026, Hotpass maintainers",
        "GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "SPDX-License-Identifier: GPL-3.0-or-later",
    )
)


_FRAGMENT = "hotpass.prefect.prefect.actiongroup"
_SHIPPED = ["meta/runtime.yml", "plugins/modules/prefect_a.py", "plugins/modules/prefect_b.py"]


def _runtime(group: list[str], routed: list[str]) -> str:
    routes = {name: {"action_plugin": "hotpass.prefect.prefect_deployment"} for name in routed}
    return yaml.safe_dump({"action_groups": {"prefect": group}, "plugin_routing": {"modules": routes}})


def _check(tree: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(_TOOL), *arguments], cwd=tree, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small clean checkout; git knows its files though none is committed."""
    root = tmp_path / "checkout"
    links = root / "collections" / "ansible_collections" / "hotpass" / "prefect"
    links.mkdir(parents=True)
    for name in _ENTRIES:
        (root / name).mkdir()
        (root / name / "data.txt").write_text("plain\n")
    (root / "galaxy.yml").write_text(f"---\n{_HEADER}name: prefect\n")
    for name in ("galaxy.yml", *_ENTRIES):
        (links / name).symlink_to(f"../../../../{name}")
    (root / "plugins" / "x.py").write_text(f"{_HEADER}x = 1\n")
    (root / "plugins" / "modules").mkdir()
    (root / "plugins" / "modules" / "prefect_a.py").write_text(f"{_HEADER}# {_FRAGMENT}\n")
    (root / "plugins" / "modules" / "prefect_b.py").write_text(_HEADER)
    (root / "meta" / "runtime.yml").write_text(_HEADER + _runtime(["prefect_a"], ["prefect_a", "prefect_b"]))
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def _pack(path: Path, names: list[str], page: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            data = page.encode() if name.endswith(".md") else b""
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_clean_tree_has_no_finding(tree: Path) -> None:
    assert _check(tree) == (0, "")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("see /" + "root/notes for more", "a path of this machine"),
        ("cd /" + "home/someone/project", "a path of this machine"),
        ("cd /" + "home/mel/project", "a path of this machine"),
        ("index-url = https://py" + "pi.org/simple", "a package index"),
    ],
)
def test_isolation_names_file_and_line(tree: Path, line: str, what: str) -> None:
    (tree / "plugins" / "data.txt").write_text(f"fine\n{line}\n")
    code, output = _check(tree)
    assert code == 1
    assert output.startswith(f"plugins/data.txt:2: names {what}, ")


def test_the_checkout_itself_is_a_path_of_this_machine(tree: Path) -> None:
    (tree / "plugins" / "data.txt").write_text(f"built in {tree}\n")
    code, output = _check(tree)
    assert code == 1
    assert f"plugins/data.txt:1: names a path of this machine, {tree};" in output


def test_a_url_path_and_an_example_are_not_paths_of_this_machine(tree: Path) -> None:
    (tree / "plugins" / "data.txt").write_text("https://example.com/home/page, {{ base }}/home/page, /home/me/app\n")
    assert _check(tree) == (0, "")


def test_code_without_licence_header_is_named(tree: Path) -> None:
    (tree / "plugins" / "x.py").write_text("x = 1\n")
    code, output = _check(tree)
    assert code == 1
    assert output.startswith("plugins/x.py: lacks the licence header")


def test_missing_and_wrong_and_foreign_links_are_named(tree: Path) -> None:
    links = tree / "collections" / "ansible_collections" / "hotpass" / "prefect"
    (links / "roles").unlink()
    (links / "plugins").unlink()
    (links / "plugins").symlink_to("../../../../roles")
    (links / "whole").symlink_to("../../../..")
    code, output = _check(tree)
    assert code == 1
    assert [line.split(":")[0].rpartition("/")[2] for line in output.splitlines()] == ["plugins", "roles", "whole"]


def test_dangling_link_is_named(tree: Path) -> None:
    (tree / "inventories" / "data.txt").unlink()
    (tree / "inventories").rmdir()
    code, output = _check(tree)
    assert code == 1
    assert "inventories: leads to inventories, which does not exist" in output


@pytest.mark.parametrize(
    ("group", "routed", "finding"),
    [
        (["prefect_a"], ["prefect_a"], "does not route prefect_b;"),
        ([], ["prefect_a", "prefect_b"], "the group prefect and plugins/modules/prefect_a.py disagree;"),
        (
            ["prefect_a", "prefect_b"],
            ["prefect_a", "prefect_b"],
            "the group prefect and plugins/modules/prefect_b.py disagree;",
        ),
        (["prefect_a"], ["prefect_a", "prefect_b", "prefect_c"], "names the module prefect_c, which does not exist;"),
    ],
)
def test_a_module_that_the_runtime_file_does_not_know_is_named(
    tree: Path, group: list[str], routed: list[str], finding: str
) -> None:
    (tree / "meta" / "runtime.yml").write_text(_HEADER + _runtime(group, routed))
    code, output = _check(tree)
    assert code == 1
    assert output.startswith(f"meta/runtime.yml: {finding}")
    assert output.count("\n") == 1


def test_tarball_with_just_the_known_files_has_no_finding(tree: Path) -> None:
    names = [f"{name}/data.txt" for name in _ENTRIES if name != "inventories"]
    archive = _pack(tree.parent / "a.tar.gz", ["MANIFEST.json", "FILES.json", "plugins/x.py", *_SHIPPED, *names])
    assert _check(tree, "--tarball", str(archive)) == (0, "")


def test_tarball_with_junk_or_a_hole_is_named(tree: Path) -> None:
    names = [f"{name}/data.txt" for name in _ENTRIES]
    archive = _pack(tree.parent / "a.tar.gz", ["MANIFEST.json", "FILES.json", "plugins/junk.pyc", *_SHIPPED, *names])
    code, output = _check(tree, "--tarball", str(archive))
    assert code == 1
    assert output.splitlines() == [
        "a.tar.gz: holds plugins/junk.pyc, which git does not know; narrow the whitelist in galaxy.yml",
        "a.tar.gz: lacks plugins/x.py; widen the whitelist in galaxy.yml",
    ]


def test_a_page_in_the_tarball_that_links_to_what_it_lacks_is_named(tree: Path) -> None:
    names = [f"{name}/data.txt" for name in _ENTRIES if name != "inventories"]
    page = "[a](../plugins/x.py) [b](../plugins) [c](https://example.com/x) [d](#here) [e](../galaxy.yml#name)\n"
    (tree / "prefect" / "page.md").write_text(page)
    packed = ["MANIFEST.json", "plugins/x.py", *_SHIPPED, *names, "prefect/page.md"]
    code, output = _check(tree, "--tarball", str(_pack(tree.parent / "a.tar.gz", packed, page)))
    assert code == 1
    assert output.splitlines() == [
        "a.tar.gz: prefect/page.md links to ../galaxy.yml, which it lacks; widen the whitelist in galaxy.yml"
    ]


def test_an_empty_checkout_is_an_error_and_no_pass(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    done = subprocess.run([sys.executable, str(_TOOL)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "git knows no file here; run this in the checkout\n"
