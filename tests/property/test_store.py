# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flipped bit, anywhere in a store, is never read as if nothing had happened."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    Store,
    StoreAccess,
    StoreError,
    open_store,
    parsed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_referrers import fallback_tag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.registry import Registry
from tests.support.stores import ENVELOPE, STATEMENT, read_all, sample

pytestmark = pytest.mark.property

_QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class _Place(t.NamedTuple):
    """A store with a release and two attachments: its files by the name of what they hold, and how it reads."""

    store: Store
    blobs: dict[str, Path]
    plain: dict[str, Path]
    reading: dict[str, t.Any]


def _filled(store: Store) -> None:
    release = sample("one", size=300).write(store)
    first = store.attach(release, STATEMENT, b"first", ENVELOPE, {"in-toto.io/predicate-type": "https://example.com/p"})
    store.attach(first, STATEMENT, b"on the first", ENVELOPE)
    store.attach(release, STATEMENT, b"second", ENVELOPE)


def _names(store: Store) -> list[str]:
    """Every manifest and every part that reading comes upon."""
    found: set[str] = set()
    for release in store.releases():
        manifest = parsed(store.address, release, store.read_manifest(release))
        for one in (manifest, *store.referrers(release)):
            # Nobody reads the config of an attachment, which is empty; a check does.
            parts = manifest.parts if one is manifest else one.layers
            found |= {one.digest, *(part.digest for part in parts)}
    return sorted(found)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> _Place:
    root = tmp_path_factory.mktemp("directory") / "store"
    store = open_store(str(root))
    _filled(store)
    blobs = {name: root / "blobs" / "sha256" / name[7:] for name in _names(store)}
    plain = {name: root / name for name in ("index.json", "oci-layout")}
    return _Place(store, blobs, plain, read_all(store))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[_Place]:
    started = Registry.start(tmp_path_factory.mktemp("registry"))
    store = open_store(f"oci://{started.host}/team/store", StoreAccess(retries=0))
    _filled(store)
    (release,) = store.releases()
    index = store.repository.manifest_digest(fallback_tag(release))  # type: ignore[attr-defined]
    blobs = {name: started.blob_file(name) for name in _names(store)}
    yield _Place(store, blobs, {"index": started.blob_file(index)}, read_all(store))
    started.stop()


class _Flipped:
    """One bit of a file is another for the length of a ``with`` block."""

    def __init__(self, file: Path, bit: int) -> None:
        self._file = file
        self._good = file.read_bytes()
        bit %= len(self._good) * 8
        bad = bytearray(self._good)
        bad[bit // 8] ^= 1 << bit % 8
        self._bad = bytes(bad)

    def __enter__(self) -> None:
        self._file.write_bytes(self._bad)

    def __exit__(self, *_exc: object) -> None:
        self._file.write_bytes(self._good)


@pytest.mark.parametrize("kind", ["directory", "registry"])
@_QUICK
@given(data=st.data(), bit=st.integers(min_value=0, max_value=2**20))
def test_every_blob(kind: str, request: pytest.FixtureRequest, data: st.DataObject, bit: int) -> None:
    place: _Place = request.getfixturevalue(kind)
    name = data.draw(st.sampled_from(sorted(place.blobs)))

    with _Flipped(place.blobs[name], bit):
        with pytest.raises(StoreError, match=name):
            read_all(place.store)
        findings = [finding for finding in place.store.verify().findings if finding.bad]
        assert name in {finding.name for finding in findings}

    assert read_all(place.store) == place.reading
    assert place.store.verify().ok


@pytest.mark.parametrize("kind", ["directory", "registry"])
@_QUICK
@given(data=st.data(), bit=st.integers(min_value=0, max_value=2**20))
def test_every_file_without_a_hash(kind: str, request: pytest.FixtureRequest, data: st.DataObject, bit: int) -> None:
    place: _Place = request.getfixturevalue(kind)
    name = data.draw(st.sampled_from(sorted(place.plain)))

    with _Flipped(place.plain[name], bit):
        try:
            reading = read_all(place.store)
        except StoreError:
            assert not place.store.verify().ok
        else:
            # The flip was where nothing is read from, such as in an annotation.
            assert reading == place.reading

    assert place.store.verify().ok
