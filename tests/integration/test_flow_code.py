# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a real interpreter for real flows."""

from __future__ import annotations

import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import (
    Interpreter,
    _installed,
    read_flows,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult

from tests.support.doors import ROOT
from tests.support.proxy import Proxy
from tests.support.shapes import Door, Unique

pytestmark = pytest.mark.integration

FLOW = '''
from prefect import flow

print("a flow that talks when it is imported")

@flow(name="{name}")
def build(day: int, note: str | None = None):
    """Build.

    Args:
        day: which day
    """
'''


class Counted:
    """Runs commands and counts them."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(
        self, argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> CommandResult:
        self.runs += 1
        done = subprocess.run(list(argv), env=dict(env or {}), input=data, capture_output=True, text=True, check=False)
        return CommandResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    package = tmp_path / "flows" / "lab"
    package.mkdir(parents=True)
    (package / "nightly.py").write_text(FLOW.format(name="lab-build"))
    return tmp_path / "flows"


@pytest.fixture
def interpreter(flows: Path, tmp_path: Path) -> Interpreter:
    return Interpreter(sys.executable, str(flows), str(tmp_path / "cache"))


def test_name_schema_and_entrypoint_come_from_the_code(interpreter: Interpreter) -> None:
    code = read_flows(["lab.nightly:build"], interpreter, Counted())["lab.nightly:build"]
    assert (code.name, code.entrypoint) == ("lab-build", "lab/nightly.py:build")
    assert code.parameter_openapi_schema["required"] == ["day"]
    assert code.parameter_openapi_schema["properties"]["day"]["description"] == "which day"


def test_the_answer_is_kept_until_the_code_changes(interpreter: Interpreter, flows: Path) -> None:
    run = Counted()
    first = read_flows(["lab.nightly:build"], interpreter, run)
    assert read_flows(["lab.nightly:build"], interpreter, run) == first
    assert run.runs == 1
    (flows / "lab" / "nightly.py").write_text(FLOW.format(name="lab-rebuild"))
    changed = read_flows(["lab.nightly:build"], interpreter, run)["lab.nightly:build"]
    assert (run.runs, changed.name) == (2, "lab-rebuild")
    assert changed.sha256 != first["lab.nightly:build"].sha256


def test_a_cache_that_cannot_be_written_or_read_costs_only_time(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    run = Counted()
    for _attempt in range(2):
        assert read_flows(["lab.nightly:build"], interpreter, run)["lab.nightly:build"].name == "lab-build"
    assert run.runs == 2


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", '{"lab.nightly:build": {}}', '{"lab.nightly:build": [1]}', '{"x:y": {}}', "{"]
)
def test_a_cache_of_another_shape_is_ignored(interpreter: Interpreter, tmp_path: Path, text: str) -> None:
    run = Counted()
    first = read_flows(["lab.nightly:build"], interpreter, run)
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_text(text)
    assert read_flows(["lab.nightly:build"], interpreter, run) == first
    assert run.runs == 2


@pytest.mark.parametrize("packages", ["lib/python3.12/site-packages", "lib/python3/dist-packages"])
def test_what_is_installed_tells_both_kinds_of_places(tmp_path: Path, packages: str) -> None:
    (tmp_path / packages).mkdir(parents=True)
    [place] = _installed(str(tmp_path / "bin" / "python"))
    assert place.startswith(f"{tmp_path / packages}:")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("lab.nightly:gone", "AttributeError: module 'lab.nightly' has no attribute 'gone'"),
        ("lab.weekly:build", "ModuleNotFoundError: No module named 'lab.weekly'"),
    ],
)
def test_a_flow_that_cannot_be_imported_is_named_with_the_reason(
    interpreter: Interpreter, reference: str, said: str
) -> None:
    run = Counted()
    for _attempt in range(2):
        with pytest.raises(CollectionError) as caught:
            read_flows(["lab.nightly:build", reference], interpreter, run)
        assert caught.value.message == f"The flow {reference} cannot be imported by {sys.executable}: {said}."
    assert run.runs == 2, "a failure is not kept"


def test_an_interpreter_or_path_that_is_none_is_said(flows: Path) -> None:
    with pytest.raises(CollectionError, match="is no program that can be run"):
        read_flows(["lab.nightly:build"], Interpreter("/no/such/python", str(flows)), Counted())
    with pytest.raises(CollectionError, match="is no directory"):
        read_flows(["lab.nightly:build"], Interpreter(sys.executable, str(flows / "nope")), Counted())
    with pytest.raises(CollectionError, match="could not be asked for the flows"):
        read_flows(["lab.nightly:build"], Interpreter("/bin/false", str(flows)), Counted())


def test_the_shipped_flow_fits_its_manifest_in_every_ring(tmp_path: Path) -> None:
    interpreter = Interpreter(sys.executable, str(ROOT / "prefect" / "flows"), str(tmp_path))
    code = read_flows(["hotpass.orchestration:refinement_pipeline_flow"], interpreter, Counted())
    [flow] = code.values()
    assert flow.name == "hotpass-refinement-pipeline"
    assert flow.entrypoint == "hotpass/orchestration.py:refinement_pipeline_flow"


def test_a_parameter_that_the_code_does_not_have_is_refused_before_any_write(
    door: Door, proxy: Proxy, flows: Path, unique: Unique, tmp_path: Path
) -> None:
    name = unique("flow")
    (flows / "lab" / "nightly.py").write_text(FLOW.format(name=name))
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    options = {
        "manifest_dir": str(manifests),
        "flow_python": sys.executable,
        "flow_path": str(flows),
        "flow_cache": str(tmp_path / "cache"),
    }
    manifest = manifests / "nightly.yaml"
    manifest.write_text("name: nightly\nflow: lab.nightly:build\nparameters: {day: 1, knight: x}\n")
    refused = door("prefect_deployment", **options)
    assert refused["failed"]
    assert "'knight', which the flow does not have; it has day, note." in refused["msg"]
    manifest.write_text("name: nightly\nflow: lab.nightly:build\nparameters: {day: one}\n")
    assert "parameters.day is not valid; allowed: type integer." in door("prefect_deployment", **options)["msg"]
    rehearsal = "rehearsal: {parameters: {dya: 1}, expect: {n: {min: 1}}}\n"
    manifest.write_text(f"name: nightly\nflow: lab.nightly:build\nparameters: {{day: 1}}\n{rehearsal}")
    assert "rehearsal.parameters names 'dya'" in door("prefect_deployment", **options)["msg"]
    assert proxy.writes == []
    manifest.write_text("name: nightly\nflow: lab.nightly:build\nparameters: {day: 1}\n")
    assert door("prefect_deployment", **options)["plan"][0]["deployment"] == f"{name}/nightly"
    assert door("prefect_deployment", **options)["changed"] is False


def test_without_code_or_a_declared_name_nothing_is_guessed(door: Door, proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text("name: nightly\nflow: lab.nightly:build\n")
    refused = door("prefect_deployment", manifest_dir=str(tmp_path))
    assert refused["failed"]
    assert "the flow's name on the server is not known" in refused["msg"]
    assert proxy.seen == []
