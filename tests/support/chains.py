# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of questions that every module with a ``state`` has to answer truthfully."""

from __future__ import annotations

import typing as t

from tests.support.proxy import Proxy
from tests.support.shapes import Door, Result


def settle(door: Door, proxy: Proxy, module: str, *, changed: bool = True, **options: t.Any) -> Result:
    """Predict, apply, apply again, and hold each answer against the others and against the wire.

    Check mode writes nothing and predicts what the real run says, and a second run writes nothing and changes nothing.

    :param changed: whether the first real run has something to do.
    :returns: the result of the first real run.
    """
    with proxy.counting() as seen:
        predicted = door(module, check_mode=True, **options)
    assert not predicted["failed"], predicted["msg"]
    assert [request.line for request in seen if request.writes] == []

    with proxy.counting() as seen:
        applied = door(module, **options)
    assert not applied["failed"], applied["msg"]
    assert applied["changed"] is changed
    assert predicted["changed"] is changed
    assert predicted.get("diff") == applied.get("diff")
    writes = [request.line for request in seen if request.writes and request.status < 500]
    assert len(writes) == (1 if changed else 0), writes

    with proxy.counting() as seen:
        again = door(module, **options)
    assert again["changed"] is False, again
    assert "diff" not in again
    assert [request.line for request in seen if request.writes] == []

    with proxy.counting() as seen:
        predicted_again = door(module, check_mode=True, **options)
    assert predicted_again["changed"] is False
    assert [request.line for request in seen if request.writes] == []
    return applied
