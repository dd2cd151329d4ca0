# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small transfer bundles with real seals and ledgers, and what somebody could do to the bytes of one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.release import envelopes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import STATEMENT_TYPE, TRANSFER
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import header
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import ledgers, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import (
    File,
    Key,
    Release,
    TransferDocument,
    collection_file,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import head_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry, Written

from tests.support.attesting import Cast
from tests.support.ring_story import UP, RingStory

SOLUTION: t.Final = "hotpass"
RING: t.Final = "home"
COLLECTION: t.Final = ("hotpass.prefect", "1.2.0")
PYTHON: t.Final = "3.12"
PLATFORMS: t.Final = ("manylinux_2_28_x86_64",)
BLOCK: t.Final = 512


def chain_of(steps: int, ring: str = RING, branch: str = "") -> Chain:
    """A ledger in which so many releases became Active.

    :param branch: another one is another history from its first record on.
    """
    story = RingStory(SOLUTION, ring)
    for number in range(1, steps + 1):
        story.go(f"{branch}{number}", *UP)
    return story.chain


def entries(chain: Chain, *blobs: bytes, wheels: t.Mapping[str, bytes] | None = None) -> list[Entry]:
    """The files of a bundle of releases."""
    files = {
        "bootstrap.py": b"print('bootstrap')\n",
        "requirements/prefect.txt": b"prefect==3.0\n",
        "requirements/runtime.txt": b"httpx==0.28\n",
        collection_file(COLLECTION): b"the collection",
        "store/oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "store/index.json": b"{}",
        "keys/alice.pub": b"a public key\n",
        f"ledger/{chain.ring}.json": ledgers.written(chain),
        **{f"store/blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs},
        **{f"wheels/{name}": data for name, data in (wheels or {}).items()},
    }
    return [Entry(name, data) for name, data in files.items()]


def document(chain: Chain, *releases: bytes, **changes: t.Any) -> TransferDocument:
    """What such a bundle says of itself."""
    said: dict[str, t.Any] = {
        "kind": "releases",
        "solution": SOLUTION,
        "ring": chain.ring,
        "heads": {chain.ring: head_of(chain)},
        "collection": COLLECTION,
        "python": PYTHON,
        "platforms": PLATFORMS,
        "releases": tuple(Release(digest_of(data), {"commit": "5b" * 20}) for data in releases),
        "keys": (Key("alice", ("promoter",), "keys/alice.pub"),),
    }
    return TransferDocument(**{**said, **changes})


def releases_bundle(target: Path, people: Cast, chain: Chain, **more: t.Any) -> Written:
    """A bundle of one release and two wheels, sealed by alice."""
    manifest = b'{"a":"manifest"}'
    wheels = {"lib-1.0-py3-none-any.whl": b"pure", "fast-2.0-cp312-cp312-manylinux2014_x86_64.whl": b"native"}
    given = entries(chain, manifest, b"layer", wheels=wheels)
    return writing.write(target, given, document(chain, manifest), people.alice.key, **more)


def evidence_document(chain: Chain) -> TransferDocument:
    """What a bundle of evidence says of itself."""
    return document(chain, kind="evidence", python=None, platforms=(), releases=(), keys=())


def tiny(target: Path, people: Cast, chain: Chain) -> Written:
    """The smallest bundle: the ledger of a ring, as evidence."""
    given = [Entry(f"ledger/{chain.ring}.json", ledgers.written(chain))]
    return writing.write(target, given, evidence_document(chain), people.alice.key)


def file_of(data: bytes) -> File:
    """What some bytes hold."""
    return File(hashlib.sha256(data).hexdigest(), len(data))


def pieces(data: bytes) -> list[tuple[str, bytes, bytes]]:
    """The name, the header and the padded bytes of each file of an archive, without its end."""
    found = []
    position = 0
    while data[position : position + BLOCK].strip(b"\0"):
        block = data[position : position + BLOCK]
        size = int(block[124:135], 8)
        name = b"/".join(part for part in (block[345:500].rstrip(b"\0"), block[:100].rstrip(b"\0")) if part)
        end = position + BLOCK + size + -size % BLOCK
        found.append((name.decode(), block, data[position + BLOCK : end]))
        position = end
    return found


def joined(files: t.Iterable[tuple[str, bytes, bytes]]) -> bytes:
    """The archive of such pieces."""
    return b"".join(block + body for _name, block, body in files) + bytes(2 * BLOCK)


def summed(block: bytes) -> bytes:
    """A header with the checksum that belongs to it."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + f"{sum(blank):06o}\0 ".encode() + block[156:]


def with_body(files: list[tuple[str, bytes, bytes]], name: str, data: bytes) -> list[tuple[str, bytes, bytes]]:
    """The pieces with another content of one file, and the header that belongs to it."""
    body = data + bytes(-len(data) % BLOCK)
    return [(own, header(own, len(data)), body) if own == name else (own, block, old) for own, block, old in files]


def body_of(files: t.Iterable[tuple[str, bytes, bytes]], name: str) -> bytes:
    """The content of one file."""
    found = {own: body[: int(block[124:135], 8)] for own, block, body in files}
    return found[name]


def forged(
    data: bytes,
    key: SigningKey,
    change: t.Callable[[dict[str, t.Any]], None],
    files: t.Mapping[str, bytes] | None = None,
    **claims: t.Any,
) -> bytes:
    """A bundle whose ``transfer.json`` says something else, with the list and a seal that go with it.

    :param files: to put in the places of those that the bundle has; what they hash to is not written into the document.
    :param claims: what the seal says differently.
    """
    found = pieces(data)
    said = json.loads(body_of(found, "transfer.json"))
    change(said)
    written = canonical(said)
    listed = {"transfer.json": hashlib.sha256(written).hexdigest()}
    listed |= {name: file["sha256"] for name, file in said["files"].items()}
    listing = "".join(f"{listed[name]}  {name}\n" for name in sorted(listed)).encode()
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "SHA256SUMS", "digest": {"sha256": hashlib.sha256(listing).hexdigest()}}],
        "predicateType": TRANSFER,
        "predicate": {**{field: said[field] for field in ("solution", "ring", "kind", "heads", "base")}, **claims},
    }
    own = {"transfer.json": written, "SHA256SUMS": listing, "seal.dsse.json": envelopes.sign(statement, key)}
    for name, content in {**own, **(files or {})}.items():
        found = with_body(found, name, content)
    return joined(found)


@contextlib.contextmanager
def room_for(size: int) -> t.Iterator[None]:
    """Let no file of this process become larger than so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
