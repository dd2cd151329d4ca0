# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cli.sh`` of a rehearsal: the commands that repeat it, and Prefect's own that show the same things."""

from __future__ import annotations

import json
import shlex
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import (
    MASK,
    is_secret_key,
    mask,
    mask_addresses,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable

Json = t.Mapping[str, t.Any]


def script(params: Json, summary: Json) -> str:
    """The script. Every name in it is quoted, and it holds no password: those are read from the environment.

    :param params: of the task; ``command`` is the one that a person runs to rehearse again, ``work_queue`` the queue
        that was asked for.
    """
    own = shlex.quote(summary["deployment"])
    lines = [
        "#!/usr/bin/env bash",
        f"# How the rehearsal {params['name']} of ring {params['ring']} can be repeated and looked at.",
        "set -euo pipefail",
        f"export PREFECT_API_URL={shlex.quote(mask_addresses(params['api_url']))}",
        "",
        "# The whole rehearsal, into a bundle of its own:",
        line(params["command"]) if params["command"] else "# (it was not started by a command)",
        "",
        "# The deployment, and each run as it was started:",
        *_queue(params.get("work_queue") or ""),
        f"prefect deployment inspect {own} --output json",
    ]
    for run in summary["windows"]:
        window = [{"run_date": run["run_date"], "version": run["version"]}]
        lines += [
            f"# {run['run_id']}: {run['state']}",
            f"prefect deployment run {own} --params {shlex.quote(json.dumps({'runs': window}))} --watch",
            line(["prefect", "flow-run", "inspect", run["run_id"], "--output", "json"]),
        ]
    return "\n".join(lines) + "\n"


def _queue(asked: str) -> list[str]:
    """What the commands below cannot repeat."""
    if not asked:
        return []
    return [
        f"# (they went into the work queue {recordable(asked)!r}; prefect deployment run cannot name one,",
        "# so these go into the deployment's own)",
    ]


def line(argv: t.Sequence[str]) -> str:
    """A command as a line for a shell, without secrets."""
    return " ".join(shlex.quote(_word(word)) for word in argv)


def _word(word: str) -> str:
    """A word of a command without secrets, also where it sets variables: ``key=value`` words, or a JSON object."""
    try:
        given = json.loads(word)
    except ValueError:
        given = None
    if isinstance(given, dict):
        return word if mask(given) == given else json.dumps(mask(given), ensure_ascii=False)
    parts = []
    for part in mask_addresses(word).split(" "):
        key, equals, _value = part.partition("=")
        parts.append(f"{key}={MASK}" if equals and is_secret_key(key) else part)
    return " ".join(parts)
