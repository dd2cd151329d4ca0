# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of the bundle: one form for each set of files, and nothing that is another form."""

from __future__ import annotations

import contextlib
import io
import tarfile

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import BadBundle, Member, pack, unpack
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.property

STEPS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/\\"), min_size=1, max_size=40)
PATHS = st.lists(STEPS.filter(lambda step: step not in (".", "..")), min_size=1, max_size=5).map("/".join)


@st.composite
def files(draw: st.DrawFn) -> list[Member]:
    """Files that can be in one bundle."""
    chosen: list[Member] = []
    for path in draw(st.lists(PATHS, max_size=6)):
        member = Member(path, draw(st.binary(max_size=1100)), draw(st.booleans()))
        try:
            pack([*chosen, member])
        except BadBundle:
            continue
        chosen.append(member)
    return chosen


@given(files(), st.randoms())
def test_every_order_gives_the_same_bytes_and_they_give_the_files(members: list[Member], random: object) -> None:
    packed = pack(members)
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pack(shuffled) == packed
    assert unpack(packed) == sorted(members)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == sorted(member.path for member in members)


@given(files(), st.data())
def test_a_changed_byte_is_refused_or_is_another_bundle(members: list[Member], data: st.DataObject) -> None:
    packed = bytearray(pack(members))
    position = data.draw(st.integers(0, len(packed) - 1))
    packed[position] ^= data.draw(st.integers(1, 255))
    changed = bytes(packed)
    try:
        taken = unpack(changed)
    except BadBundle:
        return
    assert pack(taken) == changed
    assert taken != sorted(members)


@given(st.binary(max_size=3000))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    with contextlib.suppress(BadBundle):
        assert pack(unpack(data)) == data
