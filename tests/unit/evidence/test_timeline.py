# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a rehearsal: its curve, what is above the limit, and what a reader finds in it."""

from __future__ import annotations

import datetime
import re

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_pictures
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import screenshot, timeline
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.timeline import Bar, Span, Timeline

_ZERO = datetime.datetime(2026, 11, 22, 11, 30, tzinfo=datetime.UTC)


def _at(second: float) -> datetime.datetime:
    return _ZERO + datetime.timedelta(seconds=second)


def _span(begin: float, end: float) -> Span:
    return Span(_at(begin), _at(end))


def _bar(label: str, slot: float, end: float, witness: bool = False, outcome: str = "COMPLETED") -> Bar:
    return Bar(label, (_span(0, slot),), (_span(slot, end),), (_span(slot + 1, end),), outcome, witness)


def _timeline(*bars: Bar, limit: int | None = 2) -> Timeline:
    return Timeline("Rehearsal of hotpass-backfill-staging", bars, ((_at(-60), limit),))


def test_the_curve_counts_what_holds_and_an_end_comes_before_a_begin() -> None:
    curve = timeline.overlap([_span(0, 10), _span(10, 20), _span(5, 15), _span(7, 7)])
    assert curve == [(_at(0), 1), (_at(5), 2), (_at(10), 2), (_at(15), 1), (_at(20), 0)]
    assert timeline.overlap([]) == []


def test_above_the_limit_is_what_is_above_the_limit_of_that_instant() -> None:
    curve = timeline.overlap([_span(0, 30), _span(5, 30), _span(10, 20)])
    assert timeline.beyond(curve, [(_at(-9), 2)]) == [_span(10, 20)]
    # Raised while it was exceeded, and lowered later.
    assert timeline.beyond(curve, [(_at(-9), 2), (_at(12), 3), (_at(25), 1)]) == [_span(10, 12), _span(25, 30)]
    assert timeline.beyond(curve, [(_at(-9), 3)]) == []
    assert timeline.beyond(curve, [(_at(-9), None)]) == []
    assert timeline.beyond(curve, []) == []


def test_the_same_timeline_gives_the_same_bytes_and_no_date() -> None:
    what = _timeline(_bar("2024-01-01 v1", 1, 9), _bar("2024-01-02 v1", 2, 8))
    first, second = timeline.draw(what), timeline.draw(what)
    assert first == second
    assert sorted(first) == ["timeline.png", "timeline.svg"]
    assert b"dc:date" not in first["timeline.svg"]
    assert b"Software" not in first["timeline.png"]
    assert not screenshot.is_blank(first["timeline.png"])


def test_a_reader_finds_every_run_the_limit_and_what_was_wrong() -> None:
    bars = (
        _bar("2024-01-01 v1", 1, 9, witness=True),
        _bar("2024-01-02 v1", 1, 9, witness=True),
        _bar("2024-01-03 v1", 2, 8, witness=True),
        _bar("2024-01-04 <v1>", 9, 12, outcome="FAILED"),
    )
    svg = timeline.draw(_timeline(*bars))["timeline.svg"].decode()
    words = re.findall(r">([^<>]+)</text>", svg)
    wanted = {drawn.label.replace("<", "&lt;").replace(">", "&gt;") for drawn in bars}
    wanted |= {"holds a slot", "executes", "limit", "above the limit", "witness", "UTC, 2026-11-22"}
    assert wanted <= set(words)
    assert " failed" in svg
    fine = timeline.draw(_timeline(*(drawn for drawn in bars if not drawn.witness)))["timeline.svg"].decode()
    assert "above the limit" not in fine
    assert "witness" not in fine


def test_an_unknown_limit_and_a_run_that_goes_on_are_said() -> None:
    open_bar = Bar("goes on", (), (Span(_at(0), _at(5), open=True),), (), "RUNNING")
    svg = timeline.draw(_timeline(open_bar, limit=None))["timeline.svg"].decode()
    assert "limit: none known" in svg
    assert "not ended yet" in svg
    assert " running" in svg


@pytest.mark.parametrize("number", [0, 1, 500])
def test_any_number_of_runs_can_be_drawn(number: int) -> None:
    pictures = timeline.draw(_timeline(*(_bar(f"run {one}", one + 1, one + 3) for one in range(number))))
    svg = pictures["timeline.svg"].decode()
    assert ("run 0" in svg) == (number == 1)
    assert ("500 runs" in svg) == (number == 500)
    height = re.search(r'height="([0-9.]+)pt"', svg)
    assert height is not None
    assert float(height[1]) < 72 * 24


def test_without_matplotlib_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(third_party_pictures, "matplotlib", None)
    with pytest.raises(CollectionError, match="needs matplotlib"):
        timeline.draw(_timeline())
