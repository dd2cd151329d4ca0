# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be answered in advance of a launch, and the graph of a workflow."""

from __future__ import annotations

import json
import typing as t

import yaml

from tests.support.awx import surveys
from tests.support.awx.problems import Refused
from tests.support.awx.state import Row, State

EDGES: t.Final = ("success_nodes", "failure_nodes", "always_nodes")
# The field of a schedule or node, and the word in the flag of the template that lets it be answered.
_ASKED: t.Final = {
    "inventory": "inventory",
    "scm_branch": "scm_branch",
    "job_type": "job_type",
    "job_tags": "tags",
    "skip_tags": "skip_tags",
    "limit": "limit",
    "diff_mode": "diff_mode",
    "verbosity": "verbosity",
    "execution_environment": "execution_environment",
    "forks": "forks",
    "job_slice_count": "job_slice_count",
    "timeout": "timeout",
}
_ATTACHED: t.Final = {"credentials": "credential", "labels": "labels", "instance_groups": "instance_groups"}


def check_prompts(template: Row | None, row: Row, needs_answers: bool) -> None:
    """Refuse answers in advance that the template does not ask for, or that do not fit its survey.

    :param row: a schedule or a node.
    :param needs_answers: whether what has to be answered must be: a node may get it from its workflow.
    :raises Refused: (400) with every problem.
    """
    if template is None:
        return
    wrong: dict[str, t.Any] = {}
    for field, word in _ASKED.items():
        value = row.get(field)
        if value is None or value == template.get(field):
            continue
        if not template.get(f"ask_{word}_on_launch"):
            wrong[field] = ["Field is not configured to prompt on launch."]
    spec = template.get("survey_spec") or {}
    asked = spec if template.get("survey_enabled") else {}
    answers = row.get("extra_data") or {}
    variables = {question["variable"] for question in asked.get("spec", [])}
    outside = sorted(set(answers) - variables)
    if outside and not template.get("ask_variables_on_launch") and not _same(template, answers, outside):
        label = "Job Template" if template["type"] == "job_template" else "Workflow Job Template"
        wrong["extra_data"] = [
            f"Variables {', '.join(outside)} are not allowed on launch. Check the Prompt on Launch setting on the "
            f"{label} to include Extra Variables."
        ]
    problems = surveys.wrong_answers(asked, answers)
    if not needs_answers:
        problems = [problem for problem in problems if not problem.endswith("value missing")]
    if problems:
        wrong["variables_needed_to_start"] = problems
    if wrong:
        raise Refused(400, wrong)


def check_attached(template: Row | None, sub: str) -> None:
    """Refuse credentials, labels and the like that the template does not ask for.

    :raises Refused: (400) with one sentence.
    """
    if sub in _ATTACHED and (template is None or not template.get(f"ask_{_ATTACHED[sub]}_on_launch")):
        word = sub.replace("_", " ")
        raise Refused(400, {"msg": f"Related template is not configured to accept {word} on launch."})


def check_edge(state: State, parent: Row, child: Row, sub: str) -> None:
    """Refuse an edge that AWX cannot run.

    :raises Refused: (400) for a cycle, a second relation of the same two nodes, or nodes of two workflows.
    """
    if parent["id"] == child["id"]:
        raise Refused(400, {"Error": "Cycle detected."})
    if parent["workflow_job_template"] != child["workflow_job_template"]:
        raise Refused(400, {"Error": "Relationship not allowed."})
    path = "workflow_job_template_nodes"
    if any(child["id"] in state.members.get((path, parent["id"], other), []) for other in EDGES if other != sub):
        raise Refused(400, {"Error": "Relationship not allowed."})
    seen, ahead = set(), [child["id"]]
    while ahead:
        number = ahead.pop()
        if number == parent["id"]:
            raise Refused(400, {"Error": "Cycle detected."})
        if number not in seen:
            seen.add(number)
            ahead += [each for edge in EDGES for each in state.members.get((path, number, edge), [])]


def _same(template: Row, answers: Row, names: list[str]) -> bool:
    text = template.get("extra_vars") or "{}"
    try:
        given = json.loads(text)
    except ValueError:
        given = yaml.safe_load(text) or {}
    return all(name in given and given[name] == answers[name] for name in names)
