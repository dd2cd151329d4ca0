# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Computes what a rehearsal's bundle claims once more, from the raw data beside it."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import rehearsal_picture, timeline
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import COMMANDS, METADATA, NOTES, SUMMARY
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_summary import (
    PLAN,
    observation_of,
    summarise,
    witnesses,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import PASS, Bounds

if t.TYPE_CHECKING:
    from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents

DRAWN: t.Final = "timeline.svg"
PICTURES: t.Final = (DRAWN, "timeline.png")
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST = 120


def log_name(ring: str) -> str:
    """The file with what was said while the rehearsal went on."""
    return f"hotpass-e2e-{ring}.log"


def screenshot_name(ring: str) -> str:
    """The file with the picture of a run's page."""
    return f"hotpass-e2e-{ring}.png"


def drawn(documents: t.Mapping[str, t.Any], summary: t.Mapping[str, t.Any], name: str) -> timeline.Timeline:
    """What the picture of a rehearsal shows.

    :param documents: the raw files by their names.
    :param summary: computed from them.
    :param name: of the bundle.
    :raises CollectionError: when a document cannot be read.
    """
    title = f"Rehearsal of {summary['deployment']} in ring {summary['ring']}, {name}: {summary['verdict']}"
    slack = Bounds.from_json(documents[PLAN]["bounds"]).micro("clock_slack_seconds")
    return rehearsal_picture.timeline_of(observation_of(documents), title, witnesses(summary), slack)


def recompute(documents: Documents) -> list[str]:
    """Sentences on what the bundle claims and its data does not bear out; none when all of it is so.

    The timeline is drawn again where the same library would give the same bytes, which ``metadata.json`` tells; with
    another one, or without any, it is not compared.

    :raises CollectionError: when a document cannot be read.
    """
    predicate, claimed = documents.predicate, documents[SUMMARY]
    computed = summarise(documents)
    problems = [
        f"{SUMMARY} says {path} is {_short(said)}, and its raw data give {_short(found)}"
        for path, said, found in _differences("", claimed, computed)
    ]
    for word in ("verdict", "live", "solution", "ring", "kind", "generation", "release"):
        if predicate[word] != computed[word]:
            problems.append(
                f"the seal says {word} is {_short(predicate[word])}, and the raw data give {_short(computed[word])}"
            )
    problems += _missing(documents, str(predicate["ring"]), computed)
    problems += _metadata(documents, computed, predicate["name"])
    problems += _pictures(documents, computed)
    return problems


def _missing(documents: Documents, ring: str, computed: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """What a rehearsal's bundle has to have beside the data that its claims are computed from."""
    needed = [log_name(ring), COMMANDS, *PICTURES]
    if documents[METADATA]["screenshot"]["taken"]:
        needed.append(screenshot_name(ring))
    elif screenshot_name(ring) in documents:
        yield f"{METADATA} says that no screenshot was taken, and there is {screenshot_name(ring)}"
    if _deviates(documents, computed):
        needed.append(NOTES)
    for name in needed:
        if name not in documents:
            yield f"{name} is missing"


def _deviates(documents: Documents, computed: t.Mapping[str, t.Any]) -> bool:
    """Whether anything was not as the Active release says, or as it has to be, and so has to be noted."""
    plan = documents[PLAN]
    return (
        computed["verdict"] != PASS
        or not computed["live"]
        or plan["stopped"] is not None
        or any(step["action"] != "unchanged" for step in plan["plan"])
    )


def _metadata(documents: Documents, computed: t.Mapping[str, t.Any], name: str) -> t.Iterator[str]:
    metadata = documents[METADATA]
    wanted = {
        **{word: computed[word] for word in ("verdict", "live", "live_reason", "ring", "deployment")},
        **named(computed, name),
    }
    for path, said, found in _differences("", {word: metadata.get(word, "missing") for word in wanted}, wanted):
        yield f"{METADATA} says {path} is {_short(said)}, and the raw data give {_short(found)}"


def named(summary: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    """What ``metadata.json`` repeats of a summary under names of its own.

    :param name: of the bundle.
    """
    return {
        "timestamp_utc": name,
        "status": summary["verdict"],
        "checks": {check["name"]: check["verdict"] for check in summary["guardrails"]["checks"]},
        "runs": [run["run_id"] for run in summary["windows"]],
    }


def _pictures(documents: Documents, computed: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name in sorted(documents):
        if name.endswith(".png") and not documents.raw(name).startswith(_PNG):
            yield f"{name} is no picture of the form PNG"
    if DRAWN not in documents:
        return
    told = documents[METADATA]["versions"]["timeline"]
    if told != rehearsal_picture.drawn_with():
        return
    again = timeline.draw(drawn(documents, computed, documents.predicate["name"]), ("svg",))[DRAWN]
    if documents.raw(DRAWN) != again:
        yield f"{DRAWN} does not show what the raw data give"


def _differences(path: str, claimed: t.Any, computed: t.Any) -> t.Iterator[tuple[str, t.Any, t.Any]]:
    """Where two documents differ, the innermost places of it. 1 and true are different, 1 and 1.0 are not."""
    if isinstance(claimed, dict) and isinstance(computed, dict):
        for key in sorted(claimed.keys() | computed.keys()):
            inner = f"{path}.{key}" if path else key
            if key not in claimed or key not in computed:
                yield inner, claimed.get(key, "missing"), computed.get(key, "missing")
            else:
                yield from _differences(inner, claimed[key], computed[key])
    elif isinstance(claimed, list) and isinstance(computed, list) and len(claimed) == len(computed):
        for index, (one, other) in enumerate(zip(claimed, computed, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif claimed != computed or isinstance(claimed, bool) != isinstance(computed, bool):
        yield path, claimed, computed


def _short(value: t.Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
