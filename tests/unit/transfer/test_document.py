# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``transfer.json``: one way to write it, and nothing in it that contradicts something else."""

from __future__ import annotations

import copy
import hashlib
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File, TransferDocument
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.support.transfer_bundles import chain_of, document, entries, evidence_document, file_of

MANIFEST: t.Final = b'{"a":"manifest"}'
BLOB: t.Final = hashlib.sha256(MANIFEST).hexdigest()
OTHER: t.Final = {"sha256": "0" * 64, "size": 1}
WHEEL: t.Final = "wheels/fast-2.0-cp312-cp312-manylinux2014_x86_64.whl"
MOMENT: t.Final = "evidence/home/promotion/20261122T073000Z"


@pytest.fixture(scope="module")
def said() -> dict[str, t.Any]:
    """A valid document, as JSON."""
    chain = chain_of(2)
    files = {
        name: file_of(t.cast("bytes", data)) for name, data in entries(chain, MANIFEST, wheels={WHEEL[7:]: b"native"})
    }
    base = Receipt("hotpass", document(chain).heads).base
    return document(chain, MANIFEST, files=files, base=base).to_json()


@pytest.fixture(scope="module")
def evidence() -> dict[str, t.Any]:
    """A valid document of the other kind."""
    files = {"ledger/home.json": File("0" * 64, 7), "receipt.json": File("0" * 64, 7)}
    found = evidence_document(chain_of(1)).to_json()
    return {**found, "files": {name: {"sha256": file.sha256, "size": file.size} for name, file in files.items()}}


def changed(said: dict[str, t.Any], path: str, value: t.Any) -> bytes:
    """The document with another value at a path whose steps are parted by blanks; ``...`` takes it away."""
    copied = copy.deepcopy(said)
    at: t.Any = copied
    *parents, last = (int(step) if step.isdigit() else step for step in path.split(" "))
    for step in parents:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return canonical(copied)


def refusal(data: bytes) -> str:
    with pytest.raises(CollectionError) as caught:
        TransferDocument.parse(data)
    assert caught.value.message.startswith("transfer.json ")
    assert caught.value.message.endswith(".")
    return caught.value.message


def test_what_is_written_is_read(said: dict[str, t.Any], evidence: dict[str, t.Any]) -> None:
    for one in (said, evidence):
        found = TransferDocument.parse(canonical(one))
        assert found.to_json() == one
        assert found.to_bytes() == canonical(one)


def test_nothing_in_it_tells_time_host_or_user(said: dict[str, t.Any]) -> None:
    assert said.keys() == {
        *("format", "kind", "solution", "ring", "collection", "python", "platforms", "releases", "keys", "heads"),
        *("base", "omitted", "files"),
    }


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", 2, "is not valid at format; allowed: const 1"),
        ("format", True, "is not valid at format"),
        ("made_at", "now", "is not valid at its top; allowed: additionalProperties"),
        ("kind", "wheels", "is not valid at kind"),
        ("solution", ..., "is not valid at its top; allowed: required"),
        ("solution", "Hot", "is not valid at solution"),
        ("ring", "home\n", "is not valid at ring"),
        ("ring", "dev", "it is of ring dev, and brings no head of it"),
        ("heads", {}, "is not valid at heads"),
        ("heads home digest", "sha256:1", "is not valid at heads.home.digest"),
        ("heads home sequence", "9", "is not valid at heads.home.sequence"),
        ("collection name", "prefect", "is not valid at collection.name"),
        ("collection version", "../1", "is not valid at collection.version"),
        ("collection version", "1.2.1", "collection/hotpass-prefect-1.2.0.tar.gz is none of the collections"),
        ("python", "2.7", "is not valid at python"),
        ("python", None, "names no Python or no platform"),
        ("python", "3.11", "is for cp312 with the ABI cp312; needed is one for Python 3.11"),
        ("platforms", [], "names no Python or no platform"),
        ("platforms", ["manylinux_2_28_aarch64"], "is for the platform manylinux2014_x86_64; needed is one for manyl"),
        ("platforms", ["b", "a"], "has a list that is not in its order"),
        ("platforms", ["a", "a"], "is not valid at platforms"),
        ("releases 0 digest", f"sha256:{'0' * 64}", f"store/blobs/sha256/{'0' * 64} is missing, which is the manifest"),
        ("releases 0 labels", {"a": "b\x00"}, "is not valid at releases.0.labels.a"),
        ("releases", [{"digest": f"sha256:{BLOB}", "labels": {}}] * 2, "it names a release twice"),
        ("keys 0 file", "keys/bob.pub", "is none of the keys that it names"),
        ("keys 0 roles", ["owner"], "is not valid at keys.0.roles.0"),
        ("keys", [], "keys/alice.pub is none of the keys that it names"),
        ("files bootstrap.py", ..., "bootstrap.py is missing, which every bundle of releases brings"),
        ("files requirements/runtime.txt", ..., "requirements/runtime.txt is missing"),
        ("files ledger/home.json", ..., "ledger/home.json is not among its files"),
        ("files keys/alice.pub", ..., "keys/alice.pub is not among its files"),
        ("files ledger/dev.json", OTHER, "ledger/dev.json is none of the ledgers that it names"),
        ("files keys/bob.pub", OTHER, "keys/bob.pub is none of the keys that it names"),
        ("files transfer.json", OTHER, "has the file 'transfer.json', which none of the kind releases has"),
        ("files SHA256SUMS", OTHER, "has the file 'SHA256SUMS', which none"),
        ("files /etc/passwd", OTHER, "has the file '/etc/passwd', which none"),
        ("files wheels/../x.whl", OTHER, "has the file 'wheels/../x.whl', which none"),
        ("files wheels/.x.whl", OTHER, "has the file 'wheels/.x.whl', which none"),
        ("files wheels/a/b.whl", OTHER, "has the file 'wheels/a/b.whl', which none"),
        ("files wheels/x.tar.gz", OTHER, "has the file 'wheels/x.tar.gz', which none"),
        ("files store/.lock", OTHER, "has the file 'store/.lock', which none"),
        ("files receipt.json", OTHER, "has the file 'receipt.json', which none of the kind releases has"),
        (f"files {MOMENT}/summary.json", OTHER, "which none of the kind releases has"),
        ("files wheels/x.whl", OTHER, "wheels/x.whl is not called as a wheel is"),
        (f"files store/blobs/sha256/{'1' * 64}", OTHER, "and its name says another"),
        ("files bootstrap.py size", -1, "is not valid at files.bootstrap.py.size"),
        ("files bootstrap.py size", 2**40, "is not valid at files.bootstrap.py.size"),
        ("files bootstrap.py sha256", "F" * 64, "is not valid at files.bootstrap.py.sha256"),
        (f"omitted {WHEEL}", OTHER, f"{WHEEL} is both brought and left out"),
        ("omitted wheels/FAST-2.0-cp312-cp312-manylinux2014_x86_64.whl", OTHER, "upper from lower case"),
        ("base", {"receipt": "x", "heads": {}}, "is not valid at base"),
    ],
)
def test_what_cannot_be_is_named(said: dict[str, t.Any], path: str, value: t.Any, words: str) -> None:
    assert words in refusal(changed(said, path, value))


def test_only_a_delta_leaves_something_out_and_not_everything(said: dict[str, t.Any]) -> None:
    for name in ("bootstrap.py", "ledger/home.json", "keys/alice.pub", "requirements/prefect.txt", "store/index.json"):
        moved = copy.deepcopy(said)
        moved["omitted"][name] = moved["files"].pop(name)
        assert f"{name} is left out, which every bundle has to bring" in refusal(canonical(moved))
    moved = copy.deepcopy(said)
    moved["omitted"][WHEEL] = moved["files"].pop(WHEEL)
    assert TransferDocument.parse(canonical(moved)).everything.keys() == said["files"].keys()
    moved["base"] = None
    assert "and no receipt is named whose site has it" in refusal(canonical(moved))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("python", "3.12", "names a Python, a platform or a release"),
        ("platforms", ["any"], "names a Python, a platform or a release"),
        ("files bootstrap.py", OTHER, "which none of the kind evidence has"),
        (f"files {WHEEL}", OTHER, "which none of the kind evidence has"),
        (f"files {MOMENT}/a/b/c/d/e", OTHER, "which none of the kind evidence has"),
        (f"files {MOMENT}/../x", OTHER, "which none of the kind evidence has"),
        ("files evidence/home/promotion/latest/x", OTHER, "which none of the kind evidence has"),
        ("files evidence/home/rehearsal/20261122T073000Z/x", OTHER, "which none of the kind evidence has"),
        (
            "files evidence/dev/promotion/20261122T073000Z/x",
            OTHER,
            "is evidence of a ring whose head it does not",
        ),
        (f"files statements/{'1' * 64}/{'2' * 64}.dsse.json", OTHER, "and its name says another"),
    ],
)
def test_what_evidence_cannot_have_is_named(evidence: dict[str, t.Any], path: str, value: t.Any, words: str) -> None:
    assert words in refusal(changed(evidence, path, value))


def test_evidence_may_have_what_a_ring_leaves(evidence: dict[str, t.Any]) -> None:
    for name in (f"{MOMENT}/summary.json", f"{MOMENT}/data/statements/1.dsse.json", f"{MOMENT}/bag-info.txt"):
        assert name in TransferDocument.parse(changed(evidence, f"files {name}", OTHER)).files
    name = f"statements/{'1' * 64}/{'0' * 64}.dsse.json"
    assert name in TransferDocument.parse(changed(evidence, f"files {name}", OTHER)).files


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data[:-1] + b',"kind":"releases"}',
        lambda data: data.replace(b'"format":1', b'"format":1.0'),
        lambda data: data.replace(b'"format":1', b'"format":1e0'),
        lambda data: data.replace(b'"format":1', b'"format":NaN'),
        lambda data: data.replace(b'"format":1', b'"format":' + b"1" * 5000),
        lambda data: data.replace(b"hotpass", b"h\\u006ftpass"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: json.dumps(json.loads(data), indent=2).encode(),
        lambda _data: b"[" * 100_000,
        lambda _data: b'{"a":' * 100_000,
        lambda _data: b"",
        lambda _data: b"\xff",
        lambda _data: b'"\\ud800"',
    ],
)
def test_it_is_written_in_one_way_only(said: dict[str, t.Any], spoil: t.Callable[[bytes], bytes]) -> None:
    good = canonical(said)
    assert spoil(good) != good
    assert "canonical" in refusal(spoil(good)) or "is no JSON of the kind" in refusal(spoil(good))


def test_a_document_without_a_form_is_refused() -> None:
    values: list[t.Any] = [None, [], 7, "x"]
    for value in values:
        assert "is not valid at its top; allowed: type object" in refusal(canonical(value))


def test_one_that_could_not_be_read_is_not_written() -> None:
    chain = chain_of(1)
    with pytest.raises(CollectionError, match=r"transfer\.json contradicts itself"):
        document(chain, MANIFEST).to_bytes()
    with pytest.raises(CollectionError, match=r"transfer\.json cannot be written"):
        document(chain, solution=1.5).to_bytes()
