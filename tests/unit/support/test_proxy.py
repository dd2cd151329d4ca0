# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client would have sent to a server that is never too busy."""

from __future__ import annotations

import pytest

from tests.support.proxy import Seen, without_busy


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ("read write", "read write"),
        ("read! read write", "read write"),
        ("write! write", "write"),
        ("write! read write other", "write other"),
        ("write! read! read write! read write", "write"),
        # It took effect all the same, so it was not sent again.
        ("write! read other write", "read other write"),
        ("other write!", "other"),
    ],
)
def test_what_the_server_was_too_busy_for_is_left_out_with_the_looks_that_followed(sent: str, left: str) -> None:
    requests = [
        Seen(
            "GET" if word.startswith("read") else "POST",
            f"/{word.rstrip('!')}",
            503 if "!" in word else 200,
            True,
            None,
            {},
        )
        for word in sent.split()
    ]
    assert [seen.path.removeprefix("/") for seen in without_busy(requests)] == left.split()
