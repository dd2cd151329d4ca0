# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what runs did as a picture: each run as a bar, and below how many held a slot at once beside the limit.

The same timeline gives the same bytes with the same matplotlib: no date, no name of the drawing program, no random ids.
"""

from __future__ import annotations

import dataclasses
import datetime
import io
import itertools
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

if t.TYPE_CHECKING:
    from matplotlib.axes import Axes

_WAITS, _SLOT, _EXECUTES, _BAD, _LIMIT, _INK = "#d9d9d9", "#9ecae1", "#2171b5", "#d94801", "#1a1a1a", "#404040"
_STYLE: dict[t.Any, t.Any] = {
    "svg.hashsalt": "hotpass",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": "#b0b0b0",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "timezone": "UTC",
}
_WIDTH = 11.5
_ROW, _PANEL, _HEAD = 0.27, 1.9, 1.55
# A picture of more rows than this has thinner ones, and no labels: nobody could read them.
_ROWS_WITH_LABELS = 60
_TALLEST = 18.0
_DPI = 120
_SHORTEST_AXIS = datetime.timedelta(seconds=1)


@dataclasses.dataclass(frozen=True)
class Span:
    """A time from ``begin`` to before ``end``; ``open`` when it had not ended when it was looked at."""

    begin: datetime.datetime
    end: datetime.datetime
    open: bool = False


@dataclasses.dataclass(frozen=True)
class Bar:
    """One run.

    :param label: what the reader knows it by.
    :param waits: the times between its scheduled time and a slot.
    :param slot: the times in which it held a slot of the limit.
    :param executes: the times in which it really ran.
    :param outcome: the type of its last state.
    :param witness: whether it is one of the runs that were more than the limit allows.
    """

    label: str
    waits: tuple[Span, ...] = ()
    slot: tuple[Span, ...] = ()
    executes: tuple[Span, ...] = ()
    outcome: str = "COMPLETED"
    witness: bool = False


@dataclasses.dataclass(frozen=True)
class Timeline:
    """What is drawn.

    :param limits: the limit in force from each instant on, the earliest first; None where there was none.
    """

    title: str
    bars: tuple[Bar, ...]
    limits: tuple[tuple[datetime.datetime, int | None], ...]


Steps = list[tuple[datetime.datetime, int]]


def overlap(spans: t.Iterable[Span]) -> Steps:
    """How many of the spans hold from each instant on: the steps of a curve, which ends at 0.

    A span that ends when another begins does not overlap it.
    """
    changes: dict[datetime.datetime, int] = {}
    for span in spans:
        if span.begin < span.end:
            changes[span.begin] = changes.get(span.begin, 0) + 1
            changes[span.end] = changes.get(span.end, 0) - 1
    steps, count = [], 0
    for instant in sorted(changes):
        count += changes[instant]
        steps.append((instant, count))
    return steps


def beyond(steps: Steps, limits: t.Sequence[tuple[datetime.datetime, int | None]]) -> list[Span]:
    """The times in which the curve is above the limit that is in force."""
    found: list[Span] = []
    instants = sorted({instant for instant, _count in steps} | {instant for instant, _limit in limits})
    for begin, end in itertools.pairwise(instants):
        count, limit = _value(steps, begin), _value(limits, begin)
        if count is None or limit is None or count <= limit:
            continue
        if found and found[-1].end == begin:
            found[-1] = dataclasses.replace(found[-1], end=end)
        else:
            found.append(Span(begin, end))
    return found


def _value(steps: t.Sequence[tuple[datetime.datetime, int | None]], instant: datetime.datetime) -> int | None:
    value: int | None = None
    for since, one in steps:
        if since > instant:
            break
        value = one
    return value


_FORMS: t.Final[t.Mapping[str, t.Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def draw(timeline: Timeline, forms: t.Collection[str] = ("svg", "png")) -> dict[str, bytes]:
    """The picture as ``timeline.svg`` and ``timeline.png``.

    :raises CollectionError: when matplotlib is not installed.
    """
    # Imported here: only a rehearsal draws, and every other state of the module is spared the second it costs.
    from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_pictures as library

    if library.matplotlib is None:
        raise CollectionError(
            "The timeline needs matplotlib, which is not installed for the Python that runs the task; install it there."
        )
    with library.matplotlib.rc_context(_STYLE):
        figure = _figure(timeline, library)
        pictures = {}
        for form in forms:
            stream = io.BytesIO()
            figure.savefig(stream, format=form, dpi=_DPI, metadata=_FORMS[form], facecolor="white")
            pictures[f"timeline.{form}"] = stream.getvalue()
    return pictures


def _figure(timeline: Timeline, library: t.Any) -> t.Any:
    rows = min(max(len(timeline.bars), 1) * _ROW + 0.35, _TALLEST)
    figure = library.Figure(figsize=(_WIDTH, rows + _PANEL + _HEAD), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(rows, _PANEL))
    figure.suptitle(timeline.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    slot = overlap(span for drawn in timeline.bars for span in drawn.slot)
    executes = overlap(span for drawn in timeline.bars for span in drawn.executes)
    excess = beyond(slot, timeline.limits)
    begin, end = _extent(timeline)
    margin = (end - begin) / 60
    above.set_xlim(begin - margin, end + margin)
    _bars(above, timeline.bars)
    _curves(below, slot, executes, timeline.limits, end + margin, library)
    for span in excess:
        for axes in (above, below):
            axes.axvspan(span.begin, span.end, color=_BAD, alpha=0.16, lw=0, zorder=0)
    locator = library.matplotlib_dates.AutoDateLocator(maxticks=9)
    below.xaxis.set_major_locator(locator)
    below.xaxis.set_major_formatter(library.matplotlib_dates.DateFormatter(_clock(end - begin)))
    below.set_xlabel(f"UTC, {begin:%Y-%m-%d}")
    for axes in (above, below):
        axes.grid(axis="x", color="#ececec", lw=0.7, zorder=0)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=_legend(timeline, bool(excess), library), loc="outside lower left", ncols=7, frameon=False)
    return figure


def _clock(length: datetime.timedelta) -> str:
    if length > datetime.timedelta(days=1):
        return "%d %b %H:%M"
    return "%H:%M" if length > datetime.timedelta(hours=2) else "%H:%M:%S"


def _extent(timeline: Timeline) -> tuple[datetime.datetime, datetime.datetime]:
    spans = [span for drawn in timeline.bars for span in (*drawn.waits, *drawn.slot, *drawn.executes)]
    instants = [instant for span in spans for instant in (span.begin, span.end)]
    # The limit before the first run and after the last one is of no interest, unless there is no run at all.
    instants = instants or [instant for instant, _limit in timeline.limits]
    begin = min(instants, default=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
    return begin, max(*instants, begin + _SHORTEST_AXIS)


def _bars(axes: Axes, bars: tuple[Bar, ...]) -> None:
    for row, drawn in enumerate(bars):
        for spans, colour, height in (
            (drawn.waits, _WAITS, 0.22),
            (drawn.slot, _SLOT, 0.72),
            (drawn.executes, _EXECUTES, 0.40),
        ):
            _row(axes, row, spans, colour, height)
        last = max((span.end for span in (*drawn.waits, *drawn.slot, *drawn.executes)), default=None)
        if drawn.witness and drawn.slot:
            _outline(axes, row, drawn.slot)
        if last is not None and drawn.outcome != "COMPLETED":
            word = f" {drawn.outcome.lower()}"
            axes.annotate(word, (last, row), va="center", ha="left", color=_BAD, fontsize=8)
    axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
    if len(bars) > _ROWS_WITH_LABELS:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(bars)} runs")
    else:
        axes.set_yticks(range(len(bars)), labels=[drawn.label for drawn in bars])
        for label, drawn in zip(axes.get_yticklabels(), bars, strict=True):
            if drawn.witness:
                label.set(color=_BAD, fontweight="bold")
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", labelbottom=False)


def _row(axes: Axes, row: int, spans: tuple[Span, ...], colour: str, height: float) -> None:
    for span in spans:
        hatch = "////" if span.open else None
        axes.barh(
            row,
            span.end - span.begin,
            height,
            left=span.begin,
            color=colour,
            lw=0,
            hatch=hatch,
            zorder=2,
        )


def _outline(axes: Axes, row: int, spans: tuple[Span, ...]) -> None:
    for span in spans:
        axes.barh(
            row,
            span.end - span.begin,
            0.72,
            left=span.begin,
            fill=False,
            edgecolor=_BAD,
            lw=1.6,
            zorder=3,
        )


def _curves(
    axes: Axes,
    slot: Steps,
    executes: Steps,
    limits: t.Sequence[tuple[datetime.datetime, int | None]],
    end: datetime.datetime,
    library: t.Any,
) -> None:
    for steps, colour in ((slot, _SLOT), (executes, _EXECUTES)):
        if steps:
            instants, counts = [one for one, _count in steps], [count for _one, count in steps]
            axes.fill_between(instants, counts, step="post", color=colour, lw=0, zorder=2)
    if slot:
        # From the ground up, so that the first step has its edge too.
        outline = [(slot[0][0], 0), *slot]
        edge = [one for one, _count in outline], [count for _one, count in outline]
        axes.step(*edge, where="post", color=_EXECUTES, lw=1.1, zorder=3)
    left = axes.get_xlim()[0]
    known = [(instant, limit) for instant, limit in limits if limit is not None]
    for number, (instant, limit) in enumerate(limits):
        until = limits[number + 1][0] if number + 1 < len(limits) else end
        if limit is not None:
            begin = max(library.matplotlib_dates.date2num(instant), left)
            finish = max(library.matplotlib_dates.date2num(until), left)
            axes.hlines(limit, begin, finish, color=_LIMIT, lw=1.8, linestyle=(0, (4, 2)), zorder=4)
            before = limits[number - 1][1] if number else None
            if before is not None and begin > left:
                axes.vlines(begin, min(before, limit), max(before, limit), color=_LIMIT, lw=1.2, zorder=4)
    highest = max([count for _one, count in slot] + [limit for _one, limit in known], default=1)
    axes.set_ylim(0, max(highest, 1) * 1.25)
    axes.yaxis.set_major_locator(library.matplotlib_ticker.MaxNLocator(integer=True, nbins=6))
    axes.set_ylabel("runs at once")
    axes.tick_params(axis="both", length=0)


def _legend(timeline: Timeline, excess: bool, library: t.Any) -> list[t.Any]:
    known = any(limit is not None for _instant, limit in timeline.limits)
    handles = [
        library.Patch(color=_WAITS, label="waits for a slot"),
        library.Patch(color=_SLOT, label="holds a slot"),
        library.Patch(color=_EXECUTES, label="executes"),
        library.Line2D([], [], color=_LIMIT, lw=1.8, ls=(0, (4, 2)), label="limit" if known else "limit: none known"),
    ]
    if excess:
        handles.append(library.Patch(color=_BAD, alpha=0.3, label="above the limit"))
    if any(drawn.witness for drawn in timeline.bars):
        handles.append(library.Patch(fill=False, edgecolor=_BAD, lw=1.6, label="witness"))
    if any(span.open for drawn in timeline.bars for span in (*drawn.slot, *drawn.executes)):
        handles.append(library.Patch(facecolor=_SLOT, edgecolor="white", hatch="////", label="not ended yet"))
    return handles
