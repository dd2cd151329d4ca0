# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a ring is shown."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_view import key_of, markdown
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.ring_story import UP, RingStory, release_of

_BEGIN = datetime.datetime(2026, 1, 31, 10, 20, 29, tzinfo=datetime.UTC)


@pytest.fixture
def story() -> RingStory:
    """A ring whose first record is of 2026-01-31 10:20:30 UTC."""
    return RingStory(begin=_BEGIN)


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_an_empty_ring(story: RingStory) -> None:
    assert markdown(story.chain) == (
        "# Solution hotpass in ring dev\n\n**Nothing is Active** in this ring: no release has been promoted into it "
        "yet.\n\nNothing is under way.\n\nThe ledger is empty.\n"
    )
    assert key_of("dev") == "ring-dev"


def test_a_ring_with_everything(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP[:4], State.ROLLING_BACK, State.ROLLED_BACK, reason="a gate did not open")
    story.say(Event.HOLD, "b", held=True, reason="it was rolled back")
    story.say(Event.VETO, "c", reason="recalled by the maker")
    story.go("d", *UP[:2], actor=Actor("grace"))
    text = markdown(story.chain)
    a, b, c, d = (release_of(name) for name in "abcd")
    assert rows(text) == [
        ["", ""],
        ["---", "---"],
        ["Active release", f"`{a}`"],
        ["Generation", "1 (promote)"],
        ["Active", "since 2026-01-31 10:20:34 UTC"],
        ["Asked for by", "ada, 2026-01-31 10:20:30 UTC"],
        ["Generation", "State", "Since (UTC)", "Release", "By", "Reason"],
        ["---"] * 6,
        ["3 promote", "Resolving", "2026-01-31 10:20:44", f"`{d[:19]}`", "grace", ""],
        ["2 promote", "RolledBack", "2026-01-31 10:20:40", f"`{b[:19]}`", "ada", "a gate did not open"],
        ["1 promote", "Active", "2026-01-31 10:20:34", f"`{a[:19]}`", "ada", ""],
        ["Release", "Reason", "By", "Since (UTC)"],
        ["---"] * 4,
        [f"`{c[:19]}`", "recalled by the maker", "ada", "2026-01-31 10:20:42"],
        ["Release", "Reason", "By", "Since (UTC)"],
        ["---"] * 4,
        [f"`{b[:19]}`", "it was rolled back", "ada", "2026-01-31 10:20:41"],
    ]
    assert (
        f"**Under way:** generation 3 (promote of `{d[:19]}`), asked for by grace, is **Resolving** since "
        "2026-01-31 10:20:44 UTC." in text
    )
    assert "degraded" not in text
    assert f"up to record 15, `{story.chain.records[-1].digest}`." in text


def test_a_degraded_ring_says_so(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", *UP[:3], State.ROLLING_BACK, State.ROLLBACK_FAILED, rolls_back=2)
    text = markdown(story.chain)
    assert "**The ring is degraded:**" in text
    assert ["RollbackFailed", "since 2026-01-31 10:20:44 UTC"] in rows(text)


def test_the_latest_ten_generations_are_shown(story: RingStory) -> None:
    for number in range(12):
        story.go(f"r{number}", *UP)
    shown = [row[0] for row in rows(markdown(story.chain)) if row[0].endswith(" promote")]
    assert shown == [f"{number} promote" for number in range(12, 2, -1)]


@pytest.mark.parametrize(
    "words",
    [
        "| x | y |",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "`code` **bold** # head ~~gone~~ a_b_ \\",
        "see http://example.com or www.example.com",
        "&lt;b&gt;",
    ],
)
def test_somebodys_words_stay_words(story: RingStory, words: str) -> None:
    story.go("a", *UP[:2], State.FAILED, reason=words, actor=Actor(words))
    text = markdown(story.chain)
    [row] = [line for line in text.splitlines() if line.startswith("| 1 promote |")]
    assert row.replace("\\|", "").count("|") == 7
    for mark in ("<", "`code", "](", "**bold", "~~", "://", "www.e", "&lt", "_b_"):
        bare = row.replace(f"\\{mark[0]}", "").replace("`sha256:", "")
        assert mark not in bare


def test_lines_and_length_of_words_are_bounded(story: RingStory) -> None:
    story.go("a", *UP[:2], State.FAILED, reason="one\n\n# two\r\n" + "x" * 3000)
    text = markdown(story.chain)
    assert "one \\# two xxx" in text
    assert max(map(len, text.splitlines())) < 500
