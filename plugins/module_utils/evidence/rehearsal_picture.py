# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was observed of a rehearsal to the picture of it."""

from __future__ import annotations

import datetime
import platform
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.timeline import Bar, Span, Timeline
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import intervals
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import DEPLOYMENT

Row = t.Mapping[str, t.Any]


def window_of(run: Row) -> dict[str, str] | None:
    """The one window that a run was started for, as ``run_date`` and ``version``; None for any other run."""
    windows = (run.get("parameters") or {}).get("runs")
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        return None
    date, version = windows[0].get("run_date"), windows[0].get("version")
    return {"run_date": str(date), "version": str(version)} if date and version else None


def timeline_of(observation: Observation, title: str, witnesses: t.Collection[str], clock_slack: int = 0) -> Timeline:
    """The runs of an observation, the earliest slot first, and the limit of its deployment as it was read meanwhile.

    :param clock_slack: microseconds that the server's clock, which the states carry, may be ahead.
    :param witnesses: ids of the runs that were more than a limit allows.
    :raises CollectionError: for a history that cannot be read.
    """
    until = instant(observation.concurrency["window"]["until"], "until of the window")
    rows = []
    for run in observation.runs:
        past = intervals.history(run["id"], observation.states[run["id"]], until, slack=clock_slack)
        if past is not None:
            first = min((span.start for span in (*past.holding, *past.waiting)), default=past.since)
            rows.append((min((span.start for span in past.holding), default=until), first, _label(run), past))
    rows.sort(key=lambda row: row[:3])
    bars = tuple(
        Bar(
            label, _spans(past.waiting), _spans(past.holding), _spans(past.executing), past.state, past.run in witnesses
        )
        for _slot, _first, label, past in rows
    )
    return Timeline(title, bars, tuple(_limits(observation.concurrency["samples"])))


def drawn_with() -> str | None:
    """What the bytes of a picture depend on beside what it shows; None where nothing can draw."""
    from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_pictures as library

    version = getattr(library.matplotlib, "__version__", None)
    if version is None:
        return None
    fonts = library.ft2font
    freetype = f"freetype {fonts.__freetype_version__} ({fonts.__freetype_build_type__})"
    return f"matplotlib {version}, {freetype}, {platform.machine()}"


def _label(run: Row) -> str:
    window = window_of(run)
    return f"{window['run_date']}--{window['version']}" if window else str(run["name"])


def _spans(spans: t.Iterable[intervals.Span]) -> tuple[Span, ...]:
    return tuple(Span(_moment(span.start), _moment(span.end), span.censored) for span in spans)


def _moment(microseconds: int) -> datetime.datetime:
    return datetime.datetime.fromisoformat(written(microseconds))


def _limits(samples: t.Iterable[Row]) -> t.Iterator[tuple[datetime.datetime, int | None]]:
    """Each limit that differs from the one read before it."""
    before: list[int | None] = []
    for sample in sorted(samples, key=lambda sample: instant(sample["at"], "at of a sample")):
        limit = (sample[DEPLOYMENT] or {}).get("limit")
        if before != [limit]:
            yield _moment(instant(sample["at"], "at of a sample")), limit
            before = [limit]
