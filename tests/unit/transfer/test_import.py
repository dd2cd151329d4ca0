# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing releases: what is written, what never is, and that running again makes up for whatever stopped it."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import building
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import installing, names, workspace, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import Release
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.room import manage
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support import projects
from tests.support import transfer_bundles as bundles
from tests.support.airgap import tree
from tests.support.attesting import Cast, cast

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
STATEMENT = "application/vnd.hotpass.statement.v1"
WHEEL = "wheels/lib-1.0-py3-none-any.whl"
COLLECTION = "collection/hotpass-prefect-1.2.0.tar.gz"
HISTORY: t.Final = bundles.chain_of(3)
OTHER: t.Final = bundles.chain_of(3, branch="other-")


def _until(releases: int, history: Chain = HISTORY) -> Chain:
    """The ledger when so many releases had become Active."""
    count = len(history.records) * releases // 3
    return Chain.build(history.solution, history.ring, history.records[:count])


class Stopped(Exception):
    """The import was stopped here."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return cast(tmp_path_factory.mktemp("people"))


class Lab:
    """A home that exports what it is told, and a site that imports it."""

    def __init__(self, directory: Path, people: Cast) -> None:
        self.directory = directory
        self.people = people
        self.site = directory / "site"
        self._numbers = itertools.count()

    def bundle(
        self,
        chain: Chain,
        *words: str,
        base: Receipt | None = None,
        collection: bytes = b"the collection",
        **said: t.Any,
    ) -> Path:
        """A bundle of one release for each word, each with an attachment.

        :param collection: the bytes of the tarball, which has one name whatever they are.
        """
        number = next(self._numbers)
        root = self.directory / f"store-{number}"
        store = open_store(str(root))
        digests = []
        for word in words:
            prepared = projects.release({"flows/lab/nightly.py": word.encode()})
            building.put(store, prepared)
            store.attach(prepared.digest, STATEMENT, f"about {word}".encode(), "application/json", {})
            digests.append(prepared.digest)
        files = {f"store/{path.relative_to(root)}": path for path in root.rglob("*") if path.is_file()}
        left = [Entry(name, path) for name, path in files.items() if "/." not in name]
        wheels = {WHEEL.removeprefix(names.WHEELS): b"pure"}
        given = [one for one in bundles.entries(chain, wheels=wheels) if not one.name.startswith(names.STORE)]
        alice = self.people.alice.key.public_key.encode()
        bytes_of = {"keys/alice.pub": alice, COLLECTION: collection}
        given = [Entry(one.name, bytes_of.get(one.name, one.source)) for one in given]
        releases = tuple(Release(digest) for digest in digests)
        about = bundles.document(chain, **{"releases": releases, "python": PYTHON, **said})
        target = self.directory / f"bundle-{number}.tar"
        writing.write(target, [*given, *left], about, self.people.alice.key, base)
        return target

    def bring_in(
        self, bundle: Path, *, check: bool = False, tell: t.Callable[[str], None] = str, **params: t.Any
    ) -> Outcome:
        """Import it at the site."""
        trust = [self.people.alice.entry("promoter")]
        given = {
            "state": "imported",
            "bundle": str(bundle),
            "trust": trust,
            "solution": bundles.SOLUTION,
            "ring": "site",
            "store": str(self.site / "store"),
            "transfer_dir": str(self.site / "transfer"),
            "keys_dir": str(self.site / "keys"),
            "allow_older": False,
            "other_platform": False,
            **params,
        }
        return manage(given, Context(check=check, run_command=projects.run_command, tell=tell))

    def refused(self, bundle: Path, **params: t.Any) -> str:
        """The sentence with which it is refused; nothing was written."""
        before = tree(self.site)
        with pytest.raises(CollectionError) as caught:
            self.bring_in(bundle, **params)
        assert tree(self.site) == before
        return caught.value.message

    def seal(self, bundle: Path) -> str:
        """The digest of its seal."""
        return str(self.bring_in(bundle, state="verified", store=None, transfer_dir=None).result["transfer"]["seal"])

    def has(self, data: bytes) -> bool:
        """Whether the receipt says that a file with these bytes is at the site."""
        return hashlib.sha256(data).hexdigest() in self.receipt.files

    @property
    def receipt(self) -> Receipt:
        found = Receipt.read(self.site / "transfer/receipt.json")
        assert found is not None
        return found


@pytest.fixture
def lab(tmp_path: Path, people: Cast) -> Lab:
    return Lab(tmp_path, people)


def test_an_import_brings_everything_once(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one", "two")
    foreseen = lab.bring_in(bundle, check=True)
    assert not lab.site.exists()
    done = lab.bring_in(bundle)
    assert done.changed
    assert foreseen.result["transfer"]["written"] == done.result["transfer"]["written"]
    assert foreseen.diff == done.diff
    assert done.result["transfer"]["relations"] == {"home": "first"}
    store = open_store(str(lab.site / "store"))
    releases = [release["digest"] for release in done.result["transfer"]["releases"]]
    assert sorted(store.releases()) == sorted(releases)
    assert sorted(store.attachments(release, STATEMENT)[0] for release in releases) == [b"about one", b"about two"]
    assert (lab.site / "transfer" / WHEEL).read_bytes() == b"pure"
    assert (lab.site / "transfer" / COLLECTION).read_bytes() == b"the collection"
    assert (lab.site / "keys/alice.pub").read_text() == lab.people.alice.key.public_key
    assert lab.receipt.heads["home"].sequence == _until(1).records[-1].sequence
    assert lab.receipt.imported == (done.result["transfer"]["seal"],)

    before = {path: path.stat().st_mtime_ns for path in lab.site.rglob("*")}
    again = lab.bring_in(bundle)
    assert (again.changed, again.diff, again.result["transfer"]["written"]) == (False, [], {})
    assert {path: path.stat().st_mtime_ns for path in lab.site.rglob("*")} == before
    assert not lab.bring_in(bundle, check=True).changed


def test_running_again_makes_up_for_an_import_that_stopped_anywhere(lab: Lab, people: Cast, tmp_path: Path) -> None:
    bundle = lab.bundle(_until(1), "one")
    steps: list[str] = []
    lab.bring_in(bundle, tell=steps.append)
    whole = {name.removeprefix(str(lab.site)): content for name, content in tree(lab.site).items()}
    assert len(steps) == 5, steps
    assert steps[-1] == "Import: receipt"
    for stop in steps:
        other = Lab(tmp_path / stop.rpartition(" ")[2], people)

        def tell(step: str, stop: str = stop) -> None:
            if step == stop:
                raise Stopped

        with pytest.raises(Stopped):
            other.bring_in(bundle, tell=tell)
        assert not (other.site / "transfer/receipt.json").exists()
        assert other.bring_in(bundle).changed
        found = {name.removeprefix(str(other.site)): content for name, content in tree(other.site).items()}
        assert found == whole, stop


def test_what_was_damaged_at_the_site_is_mended(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    lab.bring_in(bundle)
    (lab.site / "transfer" / WHEEL).write_bytes(b"PURE")
    done = lab.bring_in(bundle)
    assert done.result["transfer"]["written"] == {"files that are kept": [WHEEL]}
    assert (lab.site / "transfer" / WHEEL).read_bytes() == b"pure"


def test_an_older_head_takes_a_word_and_a_forked_one_is_never_taken(lab: Lab) -> None:
    older, newer = lab.bundle(_until(1), "one"), lab.bundle(_until(2), "two")
    lab.bring_in(older)
    assert lab.bring_in(newer).result["transfer"]["relations"] == {"home": "newer"}
    heads = lab.receipt.heads
    said = lab.refused(older)
    assert "It is older than what is here: the head of ring home that it brings is record" in said
    assert "-e allow_older=true" in said
    shutil.rmtree(lab.site / "store")
    assert lab.bring_in(older, allow_older=True).changed
    assert lab.receipt.heads == heads
    assert "older" in lab.refused(older)

    for length in (1, 2, 3):
        forked = lab.bundle(_until(length, OTHER), "three")
        for allowed in (False, True):
            assert "The ledger of ring home is forked" in lab.refused(forked, allow_older=allowed), (length, allowed)


def test_a_bundle_that_another_one_has_followed_takes_a_word(lab: Lab) -> None:
    first, second = lab.bundle(_until(1), "one"), lab.bundle(_until(1), "two")
    lab.bring_in(first)
    assert lab.bring_in(second).result["transfer"]["relations"] == {"home": "same"}
    assert "It was imported here before, and another one after it" in lab.refused(first)
    assert not lab.bring_in(first, allow_older=True).changed
    assert not lab.bring_in(second).changed


def test_the_newest_bundle_is_always_taken_again(lab: Lab) -> None:
    oldest, older, newer = lab.bundle(_until(1), "one"), lab.bundle(_until(1), "two"), lab.bundle(_until(2), "three")
    first, third = lab.seal(oldest), lab.seal(newer)
    lab.bring_in(oldest)
    lab.bring_in(newer)
    assert lab.bring_in(older, allow_older=True).changed
    assert lab.receipt.imported == (first, lab.seal(older), third)
    (lab.site / "transfer" / WHEEL).unlink()
    assert lab.bring_in(newer).result["transfer"]["written"] == {"files that are kept": [WHEEL]}
    assert "older" in lab.refused(older)
    for bundle in (oldest, older, newer):
        assert not lab.bring_in(bundle, allow_older=True).changed
    next_one = lab.bundle(_until(2), "four")
    lab.bring_in(next_one)
    assert lab.receipt.imported[-2:] == (third, lab.seal(next_one))
    assert "It was imported here before, and another one after it" in lab.refused(newer)


def test_a_bundle_for_another_platform_stands_aside(lab: Lab) -> None:
    own = lab.bundle(_until(1), "one", collection=b"own code")
    other = lab.bundle(_until(1), "one", collection=b"other code", platforms=("manylinux_2_28_aarch64",))
    lab.bring_in(own)
    assert lab.bring_in(other, other_platform=True).result["transfer"]["written"] == {}
    assert (lab.site / "transfer" / COLLECTION).read_bytes() == b"own code"
    assert not lab.bring_in(own).changed
    assert not lab.bring_in(other, other_platform=True).changed
    assert lab.receipt.imported == (lab.seal(own),)


def test_a_bundle_that_stood_aside_is_the_newest_once_the_machine_takes_it(lab: Lab) -> None:
    own, next_one = lab.bundle(_until(1), "one"), lab.bundle(_until(2), "two", collection=b"next code")
    lab.bring_in(own)
    # The machine had another Python then.
    assert lab.bring_in(next_one, other_platform=True).changed
    assert (lab.site / "transfer" / COLLECTION).read_bytes() == b"the collection"
    assert lab.bring_in(next_one).changed
    assert (lab.site / "transfer" / COLLECTION).read_bytes() == b"next code"
    assert lab.receipt.imported == (lab.seal(own), lab.seal(next_one))


def test_an_older_bundle_leaves_the_programs_that_are_kept_alone(lab: Lab) -> None:
    older = lab.bundle(_until(1), "one", collection=b"old code")
    lab.bring_in(lab.bundle(_until(2), "two", collection=b"new code"))
    seen = lab.bring_in(older, check=True, allow_older=True)
    done = lab.bring_in(older, allow_older=True)
    assert seen.result["transfer"]["written"] == done.result["transfer"]["written"]
    assert "files that are kept" not in done.result["transfer"]["written"]
    assert (lab.site / "transfer" / COLLECTION).read_bytes() == b"new code"
    assert lab.has(b"new code")
    assert not lab.has(b"old code")
    assert not lab.bring_in(older, allow_older=True).changed
    # What it brings and nobody has is kept all the same.
    (lab.site / "transfer" / WHEEL).unlink()
    assert lab.bring_in(older, allow_older=True).result["transfer"]["written"]["files that are kept"] == [WHEEL]
    delta = lab.bundle(_until(3), "two", "three", base=lab.receipt, collection=b"new code")
    assert lab.bring_in(delta).changed


def test_the_receipt_names_no_file_that_the_import_replaces(lab: Lab) -> None:
    lab.bring_in(lab.bundle(_until(1), "one", collection=b"old code"))
    lab.bring_in(lab.bundle(_until(2), "two", collection=b"new code"))
    assert lab.has(b"new code")
    assert not lab.has(b"old code")
    back = lab.bundle(_until(3), "two", base=lab.receipt, collection=b"old code")
    assert lab.bring_in(back).changed
    assert lab.has(b"old code")
    assert not lab.has(b"new code")


def test_without_the_ledger_nobody_can_tell_older_from_forked(lab: Lab) -> None:
    older, newer = lab.bundle(_until(1), "one"), lab.bundle(_until(2), "two")
    lab.bring_in(newer)
    (lab.site / "transfer/ledger/home.json").unlink()
    assert "is gone, so nobody can tell" in lab.refused(older, allow_older=True)


def test_another_key_under_a_name_is_refused(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    (lab.site / "keys").mkdir(parents=True)
    (lab.site / "keys/alice.pub").write_text(lab.people.mallory.key.public_key)
    said = lab.refused(bundle)
    assert f"{lab.site}/keys/alice.pub is key {lab.people.mallory.key_id[:16]}" in said
    assert f"brings key {lab.people.alice.key_id[:16]} under that name" in said


def test_a_bundle_of_another_solution_or_for_another_machine_is_refused(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    assert "solution" in lab.refused(bundle, solution="other")
    other = lab.bundle(_until(1), "one", python="3.99")
    assert "3.99" in lab.refused(other)
    assert lab.bring_in(other, other_platform=True).changed
    assert "receipt of the solution hotpass" in lab.refused(bundle, solution="other")


def test_a_file_that_is_no_bundle_is_not_shown(lab: Lab) -> None:
    secret = lab.directory / "secret"
    secret.write_bytes(b"password " * 200)
    said = lab.refused(secret)
    assert "is no tar file, or was damaged: there is no header at byte 0." in said
    assert "password" not in said


def test_without_its_receipt_a_site_still_knows_what_was_imported(lab: Lab) -> None:
    older, newer = lab.bundle(_until(1), "one"), lab.bundle(_until(2), "one", "two")
    lab.bring_in(newer)
    (lab.site / "transfer/receipt.json").unlink()
    assert "It is older than what is here" in lab.refused(older)
    assert lab.bring_in(newer).changed
    assert not lab.bring_in(newer).changed


def test_what_was_imported_while_the_lock_was_waited_for_counts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = lab.bundle(_until(1), "one"), lab.bundle(_until(2), "one", "two")
    locked = workspace.disk.locked

    def late(path: Path) -> t.ContextManager[bool]:
        monkeypatch.setattr(workspace.disk, "locked", locked)
        lab.bring_in(newer)
        return locked(path)

    monkeypatch.setattr(workspace.disk, "locked", late)
    with pytest.raises(CollectionError, match="It is older than what is here"):
        lab.bring_in(older)


def test_a_bundle_with_an_older_collection_is_refused_and_leaves_it_out_when_it_is_meant(lab: Lab) -> None:
    environments = lab.directory / "opt"
    (environments / "current").mkdir(parents=True)
    mark = environments / "current/hotpass-environment.json"
    mark.write_text('{"collection": {"name": "hotpass.prefect", "version": "1.10.0"}, "python": "3.12"}')
    given = {"environments": str(environments), "bootstrap": "/nowhere"}
    bundle = lab.bundle(_until(1), "one")
    assert "It brings hotpass.prefect 1.2.0, and 1.10.0 runs here." in lab.refused(bundle, **given)
    assert "environment" not in lab.bring_in(bundle, allow_older=True, **given).result["transfer"]["written"]
    mark.write_text("{}")
    assert "does not say which collection is there" in lab.refused(bundle, **given)


def test_who_is_believed_for_evidence_cannot_send_programs_and_the_other_way_round(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    assert "It is of the kind releases; asked for is evidence." in lab.refused(bundle, kind="evidence")
    evidence = bundles.tiny(lab.directory / "evidence.tar", lab.people, _until(1)).path
    assert "It is of the kind evidence; asked for is releases." in lab.refused(evidence)


def test_a_delta_takes_what_the_site_has_and_is_refused_where_that_is_gone(lab: Lab) -> None:
    first = lab.bundle(_until(1), "one")
    lab.bring_in(first)
    delta = lab.bundle(_until(2), "one", "two", base=lab.receipt)
    seen = lab.bring_in(delta, check=True).result["transfer"]
    assert seen["omitted"]["files"] > 3
    assert WHEEL not in seen["written"].get("files that are kept", [])
    wheel = lab.site / "transfer" / WHEEL
    wheel.rename(lab.site / "aside")
    assert f"a site that has {WHEEL}" in lab.refused(delta)
    (lab.site / "aside").rename(wheel)
    assert lab.bring_in(delta).changed
    assert len(open_store(str(lab.site / "store")).releases()) == 2
    assert not lab.bring_in(delta).changed
    assert len(lab.receipt.imported) == 2

    elsewhere = Lab(lab.directory / "elsewhere", lab.people)
    assert "a delta" in elsewhere.refused(delta)


def test_a_store_that_is_not_whole_is_refused(lab: Lab, people: Cast) -> None:
    chain = bundles.chain_of(1)
    target = lab.directory / "bad.tar"
    given = bundles.entries(chain, b'{"a":"manifest"}')
    alice = people.alice.key.public_key.encode()
    given = [Entry(one.name, alice) if one.name == "keys/alice.pub" else one for one in given]
    writing.write(target, given, bundles.document(chain, b'{"a":"manifest"}', python=PYTHON), people.alice.key)
    assert "store" in lab.refused(target)


def test_verifying_writes_nothing_and_tells_what_is_in_it(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    done = lab.bring_in(bundle, state="verified", store=None, transfer_dir=None)
    assert not done.changed
    assert done.result["transfer"]["signer"] == "alice"
    assert not lab.site.exists()
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert "cut short" in lab.refused(bundle, state="verified")


@pytest.mark.parametrize("state", ["imported", "verified"])
def test_no_room_for_temporary_files_is_said_and_nothing_is_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    bundle = lab.bundle(_until(1), "one")
    nowhere = lab.directory / "nowhere"
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    assert lab.refused(bundle, state=state) == (
        f"Temporary files cannot be written in {nowhere}: No such file or directory."
    )
    assert not lab.site.exists()


def test_a_delta_whose_own_files_find_no_room_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.bring_in(lab.bundle(_until(1), "one"))
    delta = lab.bundle(_until(2), "one", "two", base=lab.receipt)
    temporary = lab.directory / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with bundles.room_for(1):
        said = lab.refused(delta)
    assert f"{temporary}/hotpass-" in said
    assert said.endswith("cannot be written: File too large.")


def test_a_directory_that_nobody_can_hold_is_named(lab: Lab) -> None:
    bundle = lab.bundle(_until(1), "one")
    (lab.directory / "larger").mkdir()
    lab.site.mkdir()
    (lab.site / "transfer").symlink_to(lab.directory / "larger")
    said = lab.refused(bundle)
    assert said.startswith(f"{lab.site}/transfer cannot be made, or opened: ")
    assert said.endswith(" (it is a link).")


def test_the_keys_for_the_bootstrap_are_written_or_the_import_ends(lab: Lab) -> None:
    work = lab.directory / "work"
    work.write_text("no directory")
    params = {"trust": [lab.people.alice.entry("promoter")], "bootstrap": "/nowhere", "environments": "/nowhere"}
    bundle = t.cast("t.Any", None)
    with pytest.raises(CollectionError, match=f"{work}/promoter-0.pub cannot be written: "):
        installing._environment(bundle, bundle, params, Context(check=False, run_command=projects.run_command), work)
