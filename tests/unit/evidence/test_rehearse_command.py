# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that ``cli.sh`` repeats a rehearsal with names each option as the role reads it, and no secret."""

from __future__ import annotations

import re
import typing as t

import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import is_secret_key

from tests.conftest import ROOT

_ROLE: t.Final = ROOT / "roles" / "rehearse"
# The options of the playbook; `rehearse_timeout` and the like are settings of a ring, which the inventory repeats.
_ASKED: t.Final = {
    *("deployment", "since", "until", "versions", "work_queue", "k", "screenshot", "lineage", "restore_guardrails"),
    *("reset_slots", "evidence_dir", "upload", "s3_endpoint", "s3_region", "s3_ca_path"),
}


def _read(path: str) -> t.Any:
    return yaml.safe_load((_ROLE / path).read_text(encoding="utf-8"))


def _given() -> dict[str, str]:
    """Each key of the command, and the variable of the role whose value it has."""
    capture = next(task for task in _read("tasks/capture.yml") if "hotpass.prefect.hotpass_evidence" in task)
    text = " ".join(capture["vars"][name] for name in ("rehearse_command", "rehearse_s3"))
    return dict(re.findall(r"'(\w+)': (\w+)", text))


def test_each_key_is_what_the_default_of_its_variable_reads() -> None:
    defaults, given = _read("defaults/main.yml"), _given()
    assert given.keys() == _ASKED
    # These two are worked out of what the defaults say.
    made = {"rehearse_version_list": "rehearse_versions", "rehearse_last_date": "rehearse_until"}
    for key, variable in given.items():
        default = str(defaults[made.get(variable, variable)])
        assert re.search(rf"\b{key} \| default\(", default), f"{variable} does not read {key}"


def test_each_key_is_described_with_the_option_that_it_sets() -> None:
    options = _read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    described = yaml.safe_dump(options, width=10_000)
    assert [key for key in _given() if f"C({key})" not in described] == []


def test_no_key_is_a_secret() -> None:
    assert [key for key in _given() if is_secret_key(key) or key.endswith(("_key", "_token"))] == []
