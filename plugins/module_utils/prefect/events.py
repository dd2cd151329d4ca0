# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what the server is told, and what of it has arrived.

The server stores an event once however often it is sent, but it remembers for half an hour at most, and not over a
restart, which events it has shown to its automations: one that is sent again later makes them work again. So who is not
sure asks :func:`arrived` first. A fresh event takes up to five seconds to be found there.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

Event = dict[str, t.Any]

MOST = 50
"""How many events one question can be about; the server answers no more of them at a time."""


def send(session: Session, events: t.Sequence[Event]) -> None:
    """Tell the server, in one request; nothing for no events.

    :param events: each with ``id``, ``occurred``, ``event``, ``resource``, and so on. The id has to be made from what
        the event says, because a request whose answer is lost is sent again.
    :raises ApiError: when the server refuses them, :class:`Unreachable` when it does not answer.
    """
    if events:
        session.write("POST", "/events", list(events))


def arrived(session: Session, events: t.Sequence[Event]) -> set[str]:
    """The ids of those of the events that the server has stored, in one request; at most :data:`MOST` events.

    :raises ValueError: for more events than that.
    """
    if len(events) > MOST:
        raise ValueError(f"{len(events)} events; the server answers {MOST} at a time")
    if not events:
        return set()
    moments = [datetime.datetime.fromisoformat(event["occurred"]) for event in events]
    # The server looks between moments only, by default up to its own now, which a writer's clock may be ahead of.
    margin = datetime.timedelta(seconds=1)
    body = {
        "filter": {
            "id": {"id": [event["id"] for event in events]},
            "occurred": {"since": (min(moments) - margin).isoformat(), "until": (max(moments) + margin).isoformat()},
        },
        "limit": MOST,
    }
    return {row["id"] for row in session.search("/events/filter", body)["events"]}
