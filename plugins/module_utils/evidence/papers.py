# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells people of a rehearsal in the project's own papers: one that passed live is linked, any other raises a task.

What is told is read from the sealed bundle, and only when that verifies. A rehearsal that left none raises a task with
the reason that the caller gives, and is never told of as one that passed.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import journal
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import METADATA, SUMMARY
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_summary import deviations
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask_addresses
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import trust_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Json = t.Mapping[str, t.Any]


class Told(t.NamedTuple):
    """A line for a paper.

    :ivar link: the bundle, as the line links it; empty without one.
    """

    path: Path
    paper: journal.Paper
    line: str
    link: str = ""


def log(params: dict[str, t.Any], context: Context) -> Outcome:
    """Append what a rehearsal's bundle says to the papers, once, also when it was uploaded since.

    :returns: ``papers``: the files that were appended to, or in check mode would be.
    :raises CollectionError: when the bundle does not verify or is of no rehearsal, when neither a bundle nor a reason
        is given, or a paper cannot be written.
    """
    told = _of_bundle(params) if params.get("bundle") else [_without_bundle(params)]
    diffs, papers = [], []
    for one in told:
        diff = journal.append(one.path, one.paper, one.line, link=one.link, check=context.check)
        if diff is not None:
            diffs.append(diff)
            papers.append(str(one.path))
    return Outcome(changed=bool(papers), result={"papers": papers}, diff=diffs)


def _without_bundle(params: Json) -> Told:
    for option in ("ring", "name", "reason"):
        if not params.get(option):
            raise CollectionError(
                f"A rehearsal is told of by its bundle, or without one by its ring, its name and the reason; give "
                f"{option}, or bundle."
            )
    what = f"rehearsal {journal.plain(params['name'])} in ring {journal.plain(params['ring'])}"
    text = f"No sealed evidence of {what}: {journal.plain(mask_addresses(params['reason']))}"
    return Told(Path(params["tasks_file"]), journal.TASKS, journal.task(params["owner"], text))


def _of_bundle(params: Json) -> t.Iterable[Told]:
    bundle = Path(params["bundle"]).expanduser().absolute()
    findings = verify(bundle, trust_from_params(params))
    predicate = findings.insist()
    if predicate["kind"] != "backfill":
        raise CollectionError(
            f"The bundle {bundle} is of a {predicate['kind']}; only rehearsals are told of in papers."
        )
    summary, metadata = (json.loads((bundle / name).read_bytes()) for name in (SUMMARY, METADATA))
    return entries(params, bundle, summary, lacking(metadata))


def entries(params: Json, bundle: Path, summary: Json, gap: str) -> t.Iterator[Told]:
    """What to append for a sealed bundle.

    :param gap: what its evidence lacks, as a sentence; empty when it has all.
    """
    owner, name = params["owner"], bundle.name
    what = f"{journal.plain(summary['deployment'])} in ring {journal.plain(summary['ring'])}"
    if summary["verdict"] != "pass" or not summary["live"] or gap:
        path = Path(params["tasks_file"])
        link = journal.link(name, bundle, path)
        text = f"Rehearsal {link} of {what}: {summary['verdict']}. {journal.plain(f'{why(summary)} {gap}')}"
        yield Told(path, journal.TASKS, journal.task(owner, text), link)
        return
    figures = f"{journal.plain(achieved(summary))}{_uploaded(params)}"
    path = Path(params["log_file"])
    date = f"{name[:4]}-{name[4:6]}-{name[6:8]}"
    link = journal.link(name, bundle, path)
    text = f"Rehearsed {what}: pass, {figures}. Evidence: {link}"
    yield Told(path, journal.LOG, journal.done(date, owner, text), link)
    path = Path(params["plan_file"])
    link = journal.link(name, bundle, path)
    yield Told(path, journal.PLAN, f"- {link} — {what}: pass, {figures}", link)


def lacking(metadata: Json) -> str:
    """What the rehearsal's evidence had to have and has not, as a sentence; empty when it has all."""
    shot = metadata["screenshot"]
    if shot["taken"] or shot["wanted"] != "required":
        return ""
    return f"A screenshot was required and is not there: {shot['reason']}."


def why(summary: Json) -> str:
    """Why a rehearsal signs nothing off, with the remedy of what weighs most."""
    rehearsal = summary["rehearsal"]
    said = []
    if summary["stopped"]:
        said.append(f"It stopped at {summary['stopped']['step']}: {summary['stopped']['reason'].rstrip('.')}.")
    bad = deviations(summary)
    if bad:
        first = bad[0]
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        said.append(f"{first['name']}{more}: {first['found']}; allowed: {first['allowed']}. {first['remedy']}")
    if rehearsal["failed"]:
        said.append(f"{len(rehearsal['failed'])} of its runs did not complete with success.")
    if summary["verdict"] == "pass" and not summary["live"]:
        said.append(f"It was not live: {summary['live_reason'].rstrip('.')}.")
    return " ".join(said)


def achieved(summary: Json) -> str:
    """What a rehearsal that passed live has shown, in a few words."""
    figures = summary["guardrails"]["figures"]
    limit, most = figures["limits"]["deployment"], figures["max_slots"]["deployment"]
    runs, waited = summary["figures"]["runs"], summary["figures"]["waited_for_slot"]
    return f"live, {runs} runs under a limit of {limit}, at most {most} at once, {waited} had to wait"


def _uploaded(params: Json) -> str:
    place = params.get("uploaded_to")
    return f", uploaded to {journal.plain(mask_addresses(place))}" if place else ""
