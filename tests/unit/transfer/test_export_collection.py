# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball of a collection: one form of it, read by others, and made of an unchanged collection only."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.collection_tarball import Tarball, pack

from tests.support import projects

_BIG = bytes(range(256)) * 600


def _no_command(*_argv: t.Any, **_options: t.Any) -> CommandResult:
    raise AssertionError("an installed collection needs no command")


def _listed(name: str, data: bytes | None) -> dict[str, t.Any]:
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    kind = "dir" if data is None else "file"
    return {"name": name, "ftype": kind, "chksum_type": digest and "sha256", "chksum_sha256": digest, "format": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A collection as ansible-galaxy installs one."""
    root = tmp_path / "acme" / "tools"
    files = {"README.md": b"# tools\n", "plugins/big.bin": _BIG, "roles/run.sh": b"#!/bin/sh\n", "meta/empty.txt": b""}
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "roles/run.sh").chmod(0o755)
    entries = [_listed(".", None), _listed("plugins", None), *(_listed(name, data) for name, data in files.items())]
    listed = json.dumps({"files": entries, "format": 1}).encode()
    (root / "FILES.json").write_bytes(listed)
    info = {"namespace": "acme", "name": "tools", "version": "1.2.3"}
    manifest = {"collection_info": info, "file_manifest_file": _listed("FILES.json", listed), "format": 1}
    (root / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root


def _pack(root: Path) -> Tarball:
    return pack(root, _no_command, "/nowhere/python")


def test_others_read_it(root: Path) -> None:
    packed = _pack(root)
    assert (packed.name, packed.version) == ("acme.tools", "1.2.3")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed.data))) as archive:
        found = {member.name: member for member in archive}
        assert list(found)[:2] == ["MANIFEST.json", "FILES.json"]
        assert found["plugins"].isdir()
        for name in ("README.md", "plugins/big.bin", "meta/empty.txt"):
            assert t.cast("t.IO[bytes]", archive.extractfile(name)).read() == (root / name).read_bytes()
            assert packed.read(name) == (root / name).read_bytes()
    assert (found["roles/run.sh"].mode, found["README.md"].mode) == (0o755, 0o644)
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in found.values()} == {
        (0, 0, 0, "", "")
    }


def test_only_the_contents_count(root: Path, tmp_path: Path) -> None:
    packed = _pack(root)
    (root / "left.over").write_text("not listed", encoding="utf-8")
    (root / "README.md").touch()
    (root / "README.md").chmod(0o600)
    moved = root.rename(tmp_path / "moved")
    assert _pack(moved).data == packed.data


@pytest.mark.parametrize("name", ["README.md", "plugins/big.bin", "meta/empty.txt", "FILES.json"])
def test_a_changed_file_is_named(root: Path, name: str) -> None:
    (root / name).write_bytes((root / name).read_bytes() + b" ")
    with pytest.raises(CollectionError, match=rf"was changed: {name} is not what its list of hashes says"):
        _pack(root)


def test_a_missing_file_a_link_and_a_list_that_leads_outside_are_refused(root: Path) -> None:
    (root / "README.md").unlink()
    with pytest.raises(CollectionError, match=r"lacks .*README\.md: No such file"):
        _pack(root)
    (root / "README.md").symlink_to("plugins/big.bin")
    with pytest.raises(CollectionError, match=r"README\.md is a symbolic link"):
        _pack(root)
    listed = json.dumps({"files": [_listed("../outside", b"x")], "format": 1}).encode()
    (root / "FILES.json").write_bytes(listed)
    manifest = json.loads((root / "MANIFEST.json").read_text())
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    (root / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CollectionError, match=r"lists the file '\.\./outside', which is outside of it"):
        _pack(root)


def test_what_is_no_collection_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"neither galaxy\.yml nor MANIFEST\.json"):
        _pack(tmp_path)
    with pytest.raises(CollectionError, match=r"acme\.tools 1\.2\.3 has no file requirements/runtime\.txt"):
        _pack(root).read("requirements/runtime.txt")
    (root / "MANIFEST.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CollectionError, match=r"MANIFEST\.json or FILES\.json that is none: 'collection_info'"):
        _pack(root)


class Checkout:
    """A collection in a repository of its own, and an ansible-galaxy that takes all of ``plugins``."""

    def __init__(self, repository: Path, below: str = "") -> None:
        taken = ["include README.md", "recursive-include docs *.md", "recursive-include plugins *", "prune tests"]
        galaxy = {"namespace": "acme", "name": "tools", "version": "1.2.3", "manifest": {"directives": taken}}
        files = {
            "galaxy.yml": json.dumps(galaxy),
            "plugins/one.py": "one = 1\n",
            "plugins/run.sh": "#!/bin/sh\n",
            "tests/test_one.py": "",
            ".gitignore": "*.local\n",
        }
        self.repository = projects.repository(repository, {f"{below}{name}": text for name, text in files.items()})
        self.root = repository / below

    def run(self, argv: t.Sequence[str], **options: t.Any) -> CommandResult:
        """Run git, and build as ansible-galaxy does."""
        if "galaxy" not in argv:
            return projects.run_command(argv, **options)
        found = sorted(path for path in (self.root / "plugins").rglob("*") if path.is_file())
        files = {path.relative_to(self.root).as_posix(): path for path in found}
        listed = json.dumps({"files": [_listed(name, path.read_bytes()) for name, path in files.items()]}).encode()
        info = {"namespace": "acme", "name": "tools", "version": "1.2.3"}
        manifest = json.dumps({"collection_info": info, "file_manifest_file": _listed("FILES.json", listed)}).encode()
        with tarfile.open(Path(argv[-1]) / "acme-tools-1.2.3.tar.gz", "w:gz") as archive:
            for name, data in (("MANIFEST.json", manifest), ("FILES.json", listed)):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            for name, path in files.items():
                archive.add(path, name)
        return CommandResult(0, "", "")

    def pack(self, **options: t.Any) -> Tarball:
        return pack(self.root, self.run, "/nowhere/python", **options)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_a_checkout_that_is_its_commit_travels(checkout: Checkout) -> None:
    packed = checkout.pack()
    assert (packed.read("plugins/one.py"), packed.warnings) == (b"one = 1\n", ())
    # What does not travel may differ.
    (checkout.root / "tests/test_one.py").write_text("changed")
    (checkout.root / "notes.txt").write_text("untracked")
    assert checkout.pack() == packed


@pytest.mark.parametrize(
    ("name", "how", "staged"),
    [
        ("plugins/one.py", "changed", False),
        ("plugins/one.py", "changed", True),
        ("plugins/two.py", "not in the commit", False),
        ("plugins/two.py", "not in the commit", True),
        ("plugins/password.local", "not in the commit", False),
        ("galaxy.yml", "changed", False),
    ],
)
def test_what_no_commit_has_travels_only_when_that_is_meant(
    checkout: Checkout, name: str, how: str, staged: bool
) -> None:
    (checkout.root / name).write_text("two = 2\n")
    if staged:
        projects.git(checkout.root, "add", "--all")
    with pytest.raises(CollectionError) as caught:
        checkout.pack()
    assert caught.value.message == (
        f"The checkout {checkout.root} is not its commit, and what it has travels under a seal: {name} ({how}). "
        "Commit, restore or remove what differs, or let it travel as it is with -e allow_dirty=true."
    )
    packed = checkout.pack(allow_dirty=True)
    assert packed.warnings == (f"The collection is that of {checkout.root}, which is not its commit: {name} ({how}).",)
    if name != "galaxy.yml":
        assert packed.read(name) == b"two = 2\n"
    projects.commit(checkout.root)
    assert "local" in name or checkout.pack().warnings == ()


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("name", ["plugins/one.py", "plugins/inner/two.py", "docs/page.md", "README.md"])
def test_what_is_missing_of_the_commit_is_named(checkout: Checkout, name: str, staged: bool) -> None:
    for path in (name, "tests/test_two.py"):
        (checkout.root / path).parent.mkdir(exist_ok=True)
        (checkout.root / path).write_text("two = 2\n")
    projects.commit(checkout.root)
    packed = checkout.pack()
    # Of these nothing travels.
    (checkout.root / "tests/test_two.py").unlink()
    (checkout.root / ".gitignore").unlink()
    assert checkout.pack() == packed
    shutil.rmtree(checkout.root / "tests")
    assert checkout.pack() == packed
    (checkout.root / name).unlink()
    if name.startswith("docs"):
        (checkout.root / "docs").rmdir()
    if staged:
        projects.git(checkout.root, "add", "--all")
    with pytest.raises(CollectionError, match=rf"seal: {re.escape(name)} \(missing\)\. Commit, restore"):
        checkout.pack()
    assert checkout.pack(allow_dirty=True).warnings == (
        f"The collection is that of {checkout.root}, which is not its commit: {name} (missing).",
    )
    projects.git(checkout.root, "checkout", "HEAD", "--", name)
    assert checkout.pack() == packed


def test_what_git_is_told_to_overlook_counts(checkout: Checkout) -> None:
    (checkout.root / "plugins/run.sh").write_text("exit 1\n")
    projects.git(checkout.root, "update-index", "--skip-worktree", "plugins/run.sh")
    with pytest.raises(CollectionError, match=r"seal: plugins/run\.sh \(changed\)\. Commit, "):
        checkout.pack()
    projects.git(checkout.root, "update-index", "--assume-unchanged", "plugins/one.py")
    (checkout.root / "plugins/one.py").write_text("one = 2\n")
    with pytest.raises(CollectionError, match=r"seal: plugins/one\.py \(changed\) and 1 more\. Commit, "):
        checkout.pack()
    (named,) = checkout.pack(allow_dirty=True).warnings
    assert named.endswith(": plugins/one.py (changed), plugins/run.sh (changed).")


def test_what_can_be_executed_is_the_commit_s_to_say(checkout: Checkout) -> None:
    """Where a file system knows of no such thing, all files can be or none."""
    (checkout.root / "plugins/run.sh").chmod(0o755)
    projects.commit(checkout.root)
    packed = checkout.pack()
    for mode in (0o644, 0o755):
        for path in (checkout.root / "plugins").iterdir():
            path.chmod(mode)
        assert checkout.pack() == packed
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed.data))) as archive:
        modes = {member.name: member.mode for member in archive if member.name.startswith("plugins/")}
    assert modes == {"plugins/one.py": 0o644, "plugins/run.sh": 0o755}


def test_below_the_top_of_a_repository_a_checkout_has_to_be_its_commit_too(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "mono", "collections/tools/")
    (checkout.repository / "notes.txt").write_text("of another project")
    packed = checkout.pack()
    (checkout.root / "plugins/one.py").write_text("one = 2\n")
    with pytest.raises(CollectionError, match=r"seal: plugins/one\.py \(changed\)\. Commit, "):
        checkout.pack()
    # What was unpacked below a repository that does not keep it is no checkout of that repository's.
    apart = checkout.root.rename(checkout.repository / "apart")
    (apart / "plugins/one.py").write_text("one = 1\n")
    checkout.root = apart
    assert checkout.pack() == packed


def test_where_there_is_no_git_a_checkout_travels_as_it_is(checkout: Checkout) -> None:
    (checkout.root / ".git").rename(checkout.root / "moved")
    (checkout.root / "plugins/one.py").write_text("one = 2\n")
    assert checkout.pack().warnings == ()


def test_where_git_cannot_tell_it_takes_a_word(checkout: Checkout) -> None:
    (checkout.root / ".git/HEAD").write_text("ref: refs/heads/nowhere\n")
    with pytest.raises(
        CollectionError, match=r"cannot be compared with its commit; git: Not a valid object name HEAD\."
    ):
        checkout.pack()
    assert "cannot be compared" in checkout.pack(allow_dirty=True).warnings[0]


def test_no_room_to_build_in_is_said(checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(CollectionError, match=r"Temporary files cannot be written in .*nowhere: No such file"):
        checkout.pack()
