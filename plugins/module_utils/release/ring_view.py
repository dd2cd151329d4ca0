# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a ring in Prefect's user interface, as the artifact ``ring-<ring>``; see docs/events.md."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record, short

_LATEST = 10
_LONGEST = 200
# What means something in Markdown or HTML, inside a line and inside a table.
_MARKS = re.compile(r"[\\`*_{}\[\]<>()#!|~&$^]")
# Rings of several solutions on one server share the artifact's key; its latest versions are looked through.
_VERSIONS = 20


def key_of(ring: str) -> str:
    """The artifact's key."""
    return f"ring-{ring}"


def markdown(chain: Chain) -> str:
    """The ring as it is now, as GitHub-flavoured Markdown; the same chain always gives the same text."""
    parts = [
        _title(chain),
        _active(chain),
        _under_way(chain),
        _degraded(chain),
        _generations(chain),
        _releases("Vetoed releases", "Nobody may promote them.", chain.vetoes),
        _releases("Held releases", "Automation does not promote them into this ring.", chain.holds),
        _foot(chain),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def publish(session: Session, chain: Chain) -> list[str]:
    """Show the ring in the user interface; one request, which reads, when it is shown already.

    :returns: warnings: none, or one sentence. What cannot be shown is no error.
    """
    key, data = key_of(chain.ring), markdown(chain)
    try:
        rows = session.search(
            "/artifacts/filter", {**filters.artifacts(keys=[key]), "sort": "CREATED_DESC", "limit": _VERSIONS}
        )
        shown = [row["data"] for row in rows if str(row["data"]).startswith(_title(chain) + "\n")]
        if shown[:1] != [data]:
            description = f"Solution {chain.solution} in ring {chain.ring}: {_summary(chain)}"
            # An answer that is lost leads to the same artifact twice, which shows the same.
            session.write(
                "POST", "/artifacts/", {"key": key, "type": "markdown", "description": description, "data": data}
            )
    except CollectionError as error:
        return [
            f"The artifact {key} of {chain.solution} could not be brought up to date, and Prefect's user interface may "
            f"show an earlier state; the ledger is not concerned: {error.message}"
        ]
    return []


def _summary(chain: Chain) -> str:
    active, under_way = chain.active, chain.under_way
    said = f"generation {active.number} is {active.state.value}" if active else "nothing is Active"
    if under_way:
        said += f", generation {under_way.number} is {under_way.state.value}"
    return f"{said}, and the ring is degraded." if chain.degraded else f"{said}."


def _title(chain: Chain) -> str:
    return f"# Solution {chain.solution} in ring {chain.ring}"


def _active(chain: Chain) -> str:
    active = chain.active
    if active is None:
        return "**Nothing is Active** in this ring: no release has been promoted into it yet."
    rows = [
        ("Active release", f"`{active.release}`"),
        ("Generation", f"{active.number} ({active.kind.value})"),
        (active.state.value, f"since {_moment(active.since)} UTC"),
        ("Asked for by", f"{_text(active.requested_by.name)}, {_moment(active.requested_at)} UTC"),
    ]
    return _table(("", ""), rows)


def _under_way(chain: Chain) -> str:
    generation = chain.under_way
    if generation is None:
        return "Nothing is under way."
    release = f" of `{short(generation.release)}`" if generation.release else ""
    return (
        f"**Under way:** generation {generation.number} ({generation.kind.value}{release}), asked for by "
        f"{_text(generation.requested_by.name)}, is **{generation.state.value}** since {_moment(generation.since)} UTC."
    )


def _degraded(chain: Chain) -> str:
    if not chain.degraded:
        return ""
    return "**The ring is degraded:** a rollback failed, and a person has to look at it."


def _generations(chain: Chain) -> str:
    latest = list(reversed(chain.generations))[:_LATEST]
    if not latest:
        return ""
    rows = [
        (
            f"{generation.number} {generation.kind.value}",
            generation.state.value,
            _moment(generation.since),
            f"`{short(generation.release)}`" if generation.release else "",
            _text(generation.requested_by.name),
            _text(generation.last_detail.get("reason")),
        )
        for generation in latest
    ]
    heads = ("Generation", "State", "Since (UTC)", "Release", "By", "Reason")
    return "## Latest generations\n\n" + _table(heads, rows)


def _releases(title: str, meaning: str, records: t.Mapping[str, Record]) -> str:
    if not records:
        return ""
    rows = [
        (f"`{short(release)}`", _text(record.detail.get("reason")), _text(record.actor.name), _moment(record.at))
        for release, record in sorted(records.items(), key=lambda entry: (entry[1].sequence, entry[0]))
    ]
    return f"## {title}\n\n{meaning}\n\n" + _table(("Release", "Reason", "By", "Since (UTC)"), rows)


def _foot(chain: Chain) -> str:
    head = chain.head
    if head is None:
        return "The ledger is empty."
    return f"From the ring's ledger up to record {head.sequence}, `{head.digest}`."


def _table(heads: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _moment(at: str) -> str:
    """``2026-01-31T10:20:30.123456Z`` for a reader."""
    return f"{at[:10]} {at[11:19]}"


def _text(given: t.Any) -> str:
    """Somebody's words, which must not become marks, links or HTML, nor end the table's row."""
    words = " ".join(str(given or "").split())
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    # Addresses would become links without any mark; the zero-width space prevents it and shows nothing.
    return _MARKS.sub(lambda found: f"\\{found[0]}", words).replace("://", ":\u200b//").replace("www.", "www\u200b.")
