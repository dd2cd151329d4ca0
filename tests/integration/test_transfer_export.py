# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ring exports for a site: what is in the bundle, that it is always the same bytes, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.collection_tarball import pack
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.support import attesting
from tests.support.attesting import Person
from tests.support.doors import Doors, Task
from tests.support.proxy import Proxy
from tests.support.registry import Registry
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import play
from tests.support.shapes import Door, Result
from tests.support.transfer_checkouts import checkout, installed
from tests.support.transfer_index import run_command

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with what this one has."""
    return checkout(tmp_path_factory.mktemp("checkout") / "hotpass")


@pytest.fixture(scope="session")
def root(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, installed: it is not built for each bundle, which takes seconds."""
    place = tmp_path_factory.mktemp("installed")
    (place / "collection.tar.gz").write_bytes(pack(tree, run_command, sys.executable).data)
    return installed(place / "collection.tar.gz", place)


class Home:
    """A ring that exports."""

    def __init__(self, lab: RingLab, door: Door, root: Path) -> None:
        self.lab = lab
        self.root = root
        self._door = door
        self.target = lab.directory / "out"

    def options(self, who: Person | None = None, **options: t.Any) -> Result:
        """What a task is given."""
        usual = {
            **self.lab.options(who),
            "state": "exported",
            "target": str(self.target),
            "collection": str(self.root),
            "transfer_dir": str(self.lab.directory / "transfer"),
            "wheels": False,
        }
        return {**usual, **options}

    def export(self, who: Person | None = None, **options: t.Any) -> Result:
        """Enter the room; what it answers."""
        return self._door("hotpass_transfer", **self.options(who, **options))

    def write(self, **options: t.Any) -> tuple[Result, Path]:
        """Export, and insist that it went well."""
        answer = self.export(**options)
        assert not answer["failed"], answer
        return answer, Path(answer["transfer"]["path"])

    def read(self, path: Path, **options: t.Any) -> Transfer:
        """Read a bundle as a site would."""
        return reading.verified(path, Trust.from_setting(self.lab.trust), **options)


@pytest.fixture
def home(lab: RingLab, door: Door, root: Path) -> Home:
    return Home(lab, door, root)


def test_a_bundle_has_what_a_site_needs(home: Home) -> None:
    old, release = home.lab.release("old"), home.lab.release("new")
    home.lab.promote(old)
    home.lab.promote(release)
    answer, path = home.write()
    assert answer["changed"]
    said = answer["transfer"]
    head = home.lab.chain().head
    assert head is not None
    assert path.name == f"{home.lab.solution}-dev-{head.sequence}-py3.12-manylinux_2_28_x86_64.tar"
    with home.read(path) as bundle:
        document = bundle.document
        assert [one.digest for one in document.releases] == [release]
        assert document.releases[0].labels["generation"] == "2"
        assert document.heads["dev"].digest == head.digest
        assert [record.digest for record in bundle.chains["dev"].records][-1] == head.digest
        for name in bundle.files:
            bundle.copy(name, home.lab.directory / "site" / name)
        assert {key.name: key.roles for key in document.keys}["carol"] == ("approver", "promoter")
    site = open_store(str(home.lab.directory / "site" / "store"))
    assert site.releases() == [release]
    assert sorted(site.attachments(release)) == sorted(home.lab.store.attachments(release))
    assert site.verify().ok
    subprocess.run(["sha256sum", "--check", f"{path.name}.sha256"], cwd=path.parent, check=True)
    plain = home.lab.directory / "plain"
    plain.mkdir()
    subprocess.run(["tar", "--extract", "--file", path], cwd=plain, check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=plain, check=True)
    assert (path.parent / "bootstrap.py").read_bytes() == (plain / "bootstrap.py").read_bytes()
    assert (said["size"], said["files"], said["wheels"]["files"]) == (path.stat().st_size, len(document.files), 0)
    assert not [secret for secret in home.lab.secrets() if secret in json.dumps(answer)]
    assert not [secret for secret in home.lab.secrets() if secret.encode() in path.read_bytes()]


def test_another_user_umask_place_and_time_and_a_checkout_give_the_same_bytes(
    home: Home, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.lab.promote(home.lab.release("old"))
    home.lab.promote(home.lab.release("new"))
    _answer, first = home.write(releases=["all"])
    clone = shutil.copytree(tree, tmp_path / "somewhere" / "else", symlinks=True)
    for path in clone.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (86_400, 86_400))
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, "somebody-else")
    for name, value in (("HOME", tmp_path / "home"), ("TZ", "Pacific/Auckland"), ("TMPDIR", tmp_path)):
        monkeypatch.setenv(name, str(value))
    before = os.umask(0o077)
    try:
        answer, second = home.write(
            collection=str(clone),
            target=str(tmp_path / "other"),
            transfer_dir=str(tmp_path / "transfer"),
            releases=["all"],
            actor_user="somebody.else",
        )
    finally:
        os.umask(before)
    assert answer["changed"]
    assert second.read_bytes() == first.read_bytes()


def test_again_changes_nothing_and_what_is_not_right_beside_it_is_mended(home: Home) -> None:
    home.lab.promote(home.lab.release())
    _answer, path = home.write()
    names = {file.name for file in path.parent.iterdir()}
    assert names == {path.name, f"{path.name}.sha256", "bootstrap.py"}
    before = path.stat()
    for check in (True, False):
        again, _path = home.write(check_mode=check)
        assert (again["changed"], again.get("diff", [])) == (False, [])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (path.parent / "bootstrap.py").write_text("something else", encoding="utf-8")
    for check in (True, False):
        again, _path = home.write(check_mode=check)
        assert again["changed"]
    path.write_bytes(path.read_bytes()[:-1])
    assert home.write()[0]["changed"]
    with home.read(path):
        assert not home.write()[0]["changed"]
    assert {file.name for file in path.parent.iterdir()} == names


def test_check_mode_writes_nothing_and_says_what_would_be_written(home: Home) -> None:
    release = home.lab.release()
    home.lab.promote(release)
    foreseen, path = home.write(check_mode=True)
    assert foreseen["changed"]
    assert not home.target.exists()
    assert not (home.lab.directory / "transfer").exists()
    assert f"store/blobs/sha256/{release.removeprefix('sha256:')} " in foreseen["diff"][0]["after"]
    done, same = home.write()
    assert (foreseen["transfer"], path) == (done["transfer"], same)
    file = home.lab.directory / "stick" / "hotpass.tar"
    assert home.write(target=str(file))[1] == file


def test_what_a_ring_has_beside_the_active_release_travels_when_it_is_asked_for(home: Home) -> None:
    lab = home.lab
    first, second, bad, third = (lab.release(word) for word in ("first", "second", "bad", "third"))
    for release in (first, second, bad):
        lab.promote(release)
    lab.roll_back(reason="wrong figures")
    lab.promote(third)

    def digests(*wanted: str) -> list[str]:
        return [one["digest"] for one in home.write(releases=list(wanted), check_mode=True)[0]["transfer"]["releases"]]

    assert digests("active") == [third]
    assert digests("rollback") == sorted([second, third])
    assert digests("all") == sorted([first, second, third])
    assert digests(first, "active") == sorted([first, third])
    assert "is held in ring dev since" in home.export(releases=[bad])["msg"]
    assert "was never Active in ring dev" in home.export(releases=[lab.release("unknown")])["msg"]
    assert "allowed are active, rollback, all and digests" in home.export(releases=["newest"])["msg"]
    assert not home.target.exists()


def test_a_veto_travels_and_one_that_would_not_keeps_the_release_at_home(home: Home) -> None:
    lab = home.lab
    release, other = lab.release("leaking"), lab.release("other")
    for one in (release, other):
        lab.promote(one)
    lab.veto_that_travels(release, lab.people.bob)
    kept = shutil.copytree(lab.address, lab.directory / "kept")
    answer, path = home.write(releases=[release, "active"])
    assert [warning for warning in answer["warnings"] if release in warning and "travels" in warning]
    with home.read(path) as bundle:
        for name in bundle.below("store/"):
            bundle.copy(name, lab.directory / "site" / name)
    site = open_store(str(lab.directory / "site" / "store"))
    assert sorted(site.attachments(release)) == sorted(lab.store.attachments(release))

    # The ledger alone knows of this one: what travels would not tell.
    assert lab.do("hotpass_veto", release=other, reason="leaks addresses")["changed"]
    shutil.copytree(kept, lab.address, dirs_exist_ok=True)
    assert "no signed veto is with it in the store" in home.export()["msg"]


def test_a_delta_brings_what_the_receipt_lacks(home: Home) -> None:
    lab = home.lab
    lab.promote(lab.release("old"))
    _answer, full = home.write()
    receipt = lab.directory / "receipt.json"
    with home.read(full) as bundle:
        files = {file.sha256: file.size for file in bundle.files.values()}
        Receipt(lab.solution).after(bundle.seal.digest, bundle.document.heads, files).write(receipt)
        held = {file.sha256: lab.directory / "has" / file.sha256 for file in bundle.files.values()}
        for name, file in bundle.files.items():
            bundle.copy(name, held[file.sha256])
    release = lab.release("new")
    lab.promote(release)
    answer, delta = home.write(base=str(receipt))
    said = answer["transfer"]
    assert said["base"] in (f"sha256:{digest}" for digest in [_sha256(receipt)])
    assert f"-since-{_sha256(receipt)[:12]}.tar" in delta.name
    assert said["size"] < full.stat().st_size / 3
    assert said["omitted"]["size"] > full.stat().st_size / 2
    with home.read(delta, have=lambda _name, file: held.get(file.sha256)) as bundle:
        new = {f"sha256:{name.rpartition('/')[2]}" for name in bundle.document.files if "/sha256/" in name}
        assert release in new
        assert not [name for name in bundle.document.omitted if bundle.document.omitted[name].sha256 not in files]
        assert any(name.startswith("collection/") for name in bundle.document.omitted)
    assert not home.write(base=str(receipt))[0]["changed"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_receipt_of_another_ledger_or_another_solution_is_refused(home: Home) -> None:
    lab = home.lab
    lab.promote(lab.release("one"))
    receipt = lab.directory / "receipt.json"
    with home.read(home.write()[1]) as bundle:
        heads = dict(bundle.document.heads)
    for head in (
        dataclasses.replace(heads["dev"], sequence=heads["dev"].sequence + 1),
        dataclasses.replace(heads["dev"], digest=f"sha256:{'0' * 64}"),
    ):
        Receipt(lab.solution, {"dev": head}).write(receipt)
        assert "is not in this ring's ledger" in home.export(base=str(receipt))["msg"]
    Receipt("another", heads).write(receipt)
    assert "of the solution another" in home.export(base=str(receipt))["msg"]
    assert "There is no receipt" in home.export(base=str(receipt.with_name("none.json")))["msg"]
    receipt.write_text("{}", encoding="utf-8")
    assert str(receipt) in home.export(base=str(receipt))["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"signing_key": None}, "ring dev has no signing_key; set ring_signing_key"),
        ({"python": "3.10"}, "python is '3.10'; the collection runs with 3.11, 3.12 and 3.13"),
        ({"platforms": ["win_amd64"]}, "The platform 'win_amd64' is unknown"),
        ({"platforms": ["manylinux_2_28_x86_64", "manylinux_2_28_aarch64"]}, "which no one host takes together"),
        ({"platforms": []}, "platforms is empty"),
        ({"collection": None}, "set collection to its root"),
        ({"collection": "/nowhere"}, "there is neither galaxy.yml nor MANIFEST.json"),
        ({"python_executable": "/nowhere/python"}, "There is no Python at /nowhere/python"),
    ],
)
def test_what_cannot_be_is_refused(home: Home, options: Result, said: str) -> None:
    home.lab.promote(home.lab.release())
    answer = home.export(**options)
    assert answer["failed"]
    assert said in answer["msg"]
    assert not home.target.exists()


def test_only_a_promoter_of_the_ring_seals(home: Home) -> None:
    home.lab.promote(home.lab.release())
    for who in (home.lab.people.bob, home.lab.people.mallory):
        said = home.export(who)["msg"]
        assert f"The key {who.name} is no promoter in the trust of ring dev" in said
        assert "alice, carol may seal" in said
    assert home.export(home.lab.people.carol)["changed"]


def test_an_empty_and_a_degraded_ring_export_nothing(home: Home) -> None:
    lab = home.lab
    assert "is empty, so there is nothing to vouch for" in home.export()["msg"]
    lab.go("Queued", "Resolving", release=lab.release("never"))
    assert "Nothing is Active in ring dev" in home.export()["msg"]
    lab.go("Cancelled")
    good = lab.release("good")
    lab.promote(good)
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", "RollbackFailed", release=lab.release("bad"))
    assert "Ring dev is degraded: its last rollback failed" in home.export()["msg"]
    assert home.export(releases=[good], check_mode=True)["changed"]


def test_statements_that_say_something_else_than_the_ledger_are_refused(home: Home) -> None:
    lab = home.lab
    release = lab.release()
    lab.promote(release)
    said = attesting.promotion(lab.people.carol, solution=lab.solution, ring="dev", generation=9, release=release)
    lab.attach(release, said, lab.people.carol)
    message = home.export()["msg"]
    assert "The statements in the store say that generation 9 with" in message
    assert "and its ledger says generation 1 with" in message


def test_a_release_that_a_site_could_not_believe_is_refused(home: Home) -> None:
    lab = home.lab
    release = lab.release()
    lab.promote(release)
    others = [entry for entry in lab.trust if entry["name"] != "builder"]
    assert "no statement by a builder whom ring dev trusts" in home.export(trust=others)["msg"]
    others = [entry for entry in lab.trust if entry["name"] != "alice"]
    said = home.export(lab.people.carol, trust=others)["msg"]
    assert f"no statement by a promoter whom ring dev trusts that {release} became Active in it" in said
    assert "is not in the ring's trust" in said


def test_a_registry_gives_the_same_bytes_and_keeps_its_marks(home: Home, tmp_path: Path) -> None:
    lab = home.lab
    release = lab.release()
    lab.promote(release)
    _answer, path = home.write()
    registry = Registry.start(tmp_path / "registry")
    try:
        address = f"oci://{registry.host}/hotpass/releases"
        stores = Doors({}, tmp_path).room
        copied = stores("hotpass_store", store=lab.address, state="copied", release=release, to=address)
        assert not copied["failed"], copied
        marked = stores("hotpass_store", store=address, state="collected", keep=[])
        assert marked["marked"] == [release], marked
        answer, same = home.write(store=address, target=str(tmp_path / "other"))
        assert same.read_bytes() == path.read_bytes()
        assert answer["transfer"]["sha256"] == _sha256(path)
    finally:
        registry.stop()


def test_a_store_with_a_rotten_byte_exports_nothing(home: Home) -> None:
    release = home.lab.release()
    home.lab.promote(release)
    blobs = sorted((Path(home.lab.address) / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(blobs[-1].read_bytes())
    data[len(data) // 2] ^= 1
    blobs[-1].chmod(0o644)
    blobs[-1].write_bytes(data)
    answer = home.export()
    assert answer["failed"]
    assert blobs[-1].name in answer["msg"]
    assert not home.target.exists()


def test_an_installed_collection_that_was_changed_is_refused(home: Home, tmp_path: Path) -> None:
    home.lab.promote(home.lab.release())
    home.write()
    root = shutil.copytree(home.root, tmp_path / "prefect")
    module = root / "plugins" / "modules" / "hotpass_transfer.py"
    kept = module.read_bytes()
    module.write_bytes(kept + b"# changed\n")
    said = home.export(collection=str(root))["msg"]
    assert "was changed: plugins/modules/hotpass_transfer.py is not what its list of hashes says" in said
    module.unlink()
    assert f"lacks {module}" in home.export(collection=str(root))["msg"]
    module.symlink_to(home.root / "plugins" / "modules" / "hotpass_transfer.py")
    assert "is a symbolic link" in home.export(collection=str(root))["msg"]
    module.unlink()
    module.write_bytes(kept)
    assert not home.export(collection=str(root))["changed"]


def test_a_full_disk_leaves_what_was_there(home: Home) -> None:
    lab = home.lab
    lab.promote(lab.release("old"))
    _answer, path = home.write(target=str(lab.directory / "stick" / "bundle.tar"))
    kept = path.read_bytes()
    lab.promote(lab.release("new"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) - 1, hard))
    try:
        answer = home.export(target=str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer["failed"]
    assert "cannot be written: File too large" in answer["msg"]
    assert path.read_bytes() == kept
    assert {file.name for file in path.parent.iterdir()} == {"bundle.tar", "bundle.tar.sha256", "bootstrap.py"}


def test_both_doors_and_the_playbook_export_the_same(home: Home, doors: Doors, proxy: Proxy, tmp_path: Path) -> None:
    lab = home.lab
    release = lab.release()
    lab.promote(release)
    _answer, path = home.write()
    proxy.reset()
    for door in ("module", "action"):
        target = str(tmp_path / door)
        played = doors.play([Task("hotpass_transfer", home.options(target=target))], door)
        [answer] = played.results
        assert not answer.get("failed"), answer
        assert Path(answer["transfer"]["path"]).read_bytes() == path.read_bytes()
        assert not [secret for secret in lab.secrets() if secret in played.output]
    assert proxy.writes == []

    inventory = tmp_path / "hosts.yml"
    settings = {
        "ring": "dev",
        "solution": lab.solution,
        "ring_state_dir": str(lab.directory),
        "ring_store": lab.address,
        "ring_trust": lab.trust,
        "ring_signing_key": str(lab.directory / "keys" / "alice.pem"),
        "prefect_api_url": proxy.api_url,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory.write_text(yaml.safe_dump({"ring": {"hosts": {"dev": settings}}}), encoding="utf-8")
    played_in = tmp_path / "played"
    given = ("-e", f"target={played_in}", "-e", "wheels=false", "-e", f"transfer_export_collection={home.root}")
    foreseen = play("bundle_export.yml", inventory, *given, "--check", "--diff")
    assert foreseen.code == 0, foreseen.output
    assert foreseen.recap["dev"] == (1, 0)
    assert f"{played_in / path.name} would be written" in foreseen.words
    assert not played_in.exists()
    done = play("bundle_export.yml", inventory, *given)
    assert done.code == 0, done.output
    assert (played_in / path.name).read_bytes() == path.read_bytes()
    assert release in done.output
    assert f"hotpass_transfer_sha256: {_sha256(path)}" in done.words
    again = play("bundle_export.yml", inventory, *given)
    assert again.recap["dev"] == (0, 0), again.output
    refused = play("bundle_export.yml", inventory, *given, "-e", "platforms=win_amd64")
    assert refused.code != 0
    assert "The platform 'win_amd64' is unknown" in refused.words
