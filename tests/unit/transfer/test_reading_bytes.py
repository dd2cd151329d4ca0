# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any single byte of a bundle that is changed, taken away or added anywhere is noticed."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.ring_story import RingStory
from tests.support.transfer_bundles import RING, SOLUTION, tiny


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> bytes:
    story = RingStory(SOLUTION, RING)
    story.go("a", State.QUEUED)
    path = tmp_path_factory.mktemp("bundle") / "site.tar"
    tiny(path, people, story.chain)
    return path.read_bytes()


@pytest.fixture
def refused(tmp_path: Path, people: Cast, bundle: bytes) -> t.Callable[[bytes], str]:
    """What is said of some bytes; it fails when they are taken."""
    path = tmp_path / "site.tar"
    path.write_bytes(bundle)
    reading.verified(path, people.trust).close()

    def say(data: bytes) -> str:
        # Not emptied first: some file systems bring to the disk what is written to a file that was.
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate()
        with pytest.raises(CollectionError) as caught:
            reading.verified(path, people.trust)
        message = caught.value.message
        assert message.startswith(f"The transfer bundle {path} is refused. ")
        assert message.endswith(".")
        assert "\n" not in message
        return message

    return say


def test_each_byte_counts(bundle: bytes, refused: t.Callable[[bytes], str]) -> None:
    for position, byte in enumerate(bundle):
        refused(bundle[:position] + bytes([byte ^ 1]) + bundle[position + 1 :])


def test_no_byte_may_be_missing(bundle: bytes, refused: t.Callable[[bytes], str]) -> None:
    for position in range(len(bundle)):
        refused(bundle[:position] + bundle[position + 1 :])


def test_no_byte_may_be_added(bundle: bytes, refused: t.Callable[[bytes], str]) -> None:
    for position in range(len(bundle) + 1):
        refused(bundle[:position] + b"\0" + bundle[position:])


def test_a_bundle_that_was_cut_short_is_named_so(bundle: bytes, refused: t.Callable[[bytes], str]) -> None:
    for length in range(len(bundle)):
        assert "cut short" in refused(bundle[:length]), length


def test_blocks_that_change_places_are_noticed(bundle: bytes, refused: t.Callable[[bytes], str]) -> None:
    blocks = [bundle[at : at + 512] for at in range(0, len(bundle), 512)]
    for one in range(len(blocks)):
        for other in range(one):
            if blocks[one] != blocks[other]:
                swapped = [*blocks]
                swapped[one], swapped[other] = blocks[other], blocks[one]
                refused(b"".join(swapped))
