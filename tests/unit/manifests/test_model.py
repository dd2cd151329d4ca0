# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a loaded manifest says: upstream's two, schedules in one form, and what is left unmanaged."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_selection
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import FileManifest, Manifest, keys
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schedule import Schedule

ROOT = Path(__file__).resolve().parents[3]


def manifest(**fields):
    return FileManifest(id="m", name="n", flow="a.b:c", **fields)


def test_upstream_refinement_loads_unchanged():
    (loaded,) = load_selection(ROOT / "tests/fixtures/upstream", flows=["refinement"])
    got = loaded.manifest
    assert (got.id, got.name, got.flow) == (
        "refinement",
        "hotpass-refinement",
        "hotpass.orchestration:refinement_pipeline_flow",
    )
    assert (got.tags, got.work_pool) == (("hotpass", "refinement", "incremental"), "default-agent-pool")
    assert got.parameters == {
        "input_dir": "./data",
        "output_path": "dist/refined/latest.parquet",
        "profile_name": "aviation",
        "archive": True,
        "dist_dir": "dist",
        "backfill": False,
        "incremental": True,
        "since": None,
    }
    assert got.all_schedules() == (Schedule(slug="default", kind="cron", cron="0 6 * * *", timezone="UTC"),)
    assert got.effective_paused() is False
    assert got.declared == {"id", "name", "flow", "tags", "work_pool", "schedule", "parameters"}
    assert got.enforce_parameter_schema is True


def test_upstream_backfill_loads_unchanged():
    (loaded,) = load_selection(ROOT / "tests/fixtures/upstream", flows=["backfill"])
    got = loaded.manifest
    assert (got.id, got.name, got.flow) == (
        "backfill",
        "hotpass-backfill",
        "hotpass.orchestration:backfill_pipeline_flow",
    )
    assert got.parameters == {
        "runs": [],
        "archive_root": "dist/input-archives",
        "restore_root": "dist/backfill",
        "archive_pattern": "hotpass-inputs-{date:%Y%m%d}-v{version}.zip",
        "base_config": {"pipeline": {"dist_dir": "dist", "archive": False}},
        "parameters": {"pipeline": {"backfill": True, "incremental": False, "since": None}},
        "concurrency_limit": 2,
        "concurrency_key": "hotpass/backfill",
    }
    assert (got.concurrency_limit, got.global_concurrency_limit) == (2, None)
    assert got.all_schedules() == (
        Schedule(slug="default", kind="interval", interval_seconds=604_800.0, timezone="UTC"),
    )
    assert got.effective_paused() is True


def test_shipped_manifests_load():
    assert "refinement" in [loaded.manifest.id for loaded in load_selection(ROOT / "prefect")]


def test_several_schedules_in_one_form():
    got = manifest(
        schedules=[
            {"slug": "a", "value": " 0 6 * * * \n", "active": False, "parameters": {"x": 1}, "day_or": False},
            {"slug": "b", "kind": "INTERVAL", "value": {"hours": 1, "minutes": 0.5}, "anchor_date": "2025-01-06"},
            {"slug": "c", "kind": "interval", "value": 60, "anchor_date": "2025-01-06T08:00:00+02:00"},
            {
                "slug": "d",
                "kind": "Rrule",
                "value": "DTSTART:20240101T000000\nRRULE:FREQ=DAILY\n",
                "timezone": "Africa/Johannesburg",
                "max_scheduled_runs": 50,
                "parameters": None,
            },
        ]
    )
    utc, later = datetime.UTC, datetime.timezone(datetime.timedelta(hours=2))
    assert got.all_schedules() == (
        Schedule("a", "cron", cron="0 6 * * *", active=False, parameters={"x": 1}, day_or=False),
        Schedule("b", "interval", interval_seconds=3630.0, anchor_date=datetime.datetime(2025, 1, 6, tzinfo=utc)),
        Schedule("c", "interval", interval_seconds=60.0, anchor_date=datetime.datetime(2025, 1, 6, 8, tzinfo=later)),
        Schedule(
            "d",
            "rrule",
            rrule="DTSTART:20240101T000000\nRRULE:FREQ=DAILY",
            timezone="Africa/Johannesburg",
            max_scheduled_runs=50,
        ),
    )
    assert [one.value for one in got.all_schedules()] == [
        "0 6 * * *",
        3630.0,
        60.0,
        "DTSTART:20240101T000000\nRRULE:FREQ=DAILY",
    ]


def test_schedule_without_a_value_has_none_to_show():
    with pytest.raises(ValueError, match="the schedule x has no value"):
        assert Schedule("x", "cron").value


@pytest.mark.parametrize(
    ("fields", "paused"),
    [
        ({}, None),
        ({"paused": None}, None),
        ({"paused": True}, True),
        ({"paused": False}, False),
        ({"schedule": {"value": "0 6 * * *"}}, None),
        ({"schedule": {"value": "0 6 * * *", "active": None}}, None),
        ({"schedule": {"value": "0 6 * * *", "active": True}}, False),
        ({"schedule": {"value": "0 6 * * *", "active": False}}, True),
        ({"schedule": {"value": "0 6 * * *", "active": False}, "paused": False}, False),
        ({"schedule": {"value": "0 6 * * *", "active": True}, "paused": True}, True),
        ({"schedules": [{"slug": "a", "value": "0 6 * * *", "active": False}]}, None),
    ],
)
def test_paused_is_unmanaged_unless_declared(fields, paused):
    assert manifest(**fields).effective_paused() is paused


def test_null_is_an_empty_mapping_or_nothing_and_counts_as_declared():
    got = manifest(parameters=None, job_variables=None, description=None, schedule=None)
    assert (got.parameters, got.job_variables, got.description, got.all_schedules()) == ({}, {}, None, ())
    assert got.declared == {"id", "name", "flow", "parameters", "job_variables", "description", "schedule"}


def test_everything_prefect_has_can_be_said():
    got = manifest(
        flow_name="the flow",
        work_pool="p",
        work_queue="q",
        global_concurrency_limit="shared",
        concurrency_options={"collision_strategy": "CANCEL_NEW", "grace_period_seconds": 60},
        labels={"a": "x", "b": 1, "c": 1.5, "d": True},
        version="1.10",
        entrypoint="flows/a.py:c",
        path="/srv/flows",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/flows"}}],
        parameter_openapi_schema={"type": "object", "properties": {}},
        enforce_parameter_schema=False,
        rehearsal={"timeout": 60, "expect": {"records_out": {"min": 1}, "status": {"equals": "ok"}}},
    )
    assert [type(value) for value in got.labels.values()] == [str, int, float, bool]
    assert got.rehearsal.model_dump(exclude_none=True) == {
        "parameters": {},
        "timeout": 60,
        "summary": "summary",
        "expect": {"records_out": {"min": 1}, "status": {"equals": "ok"}},
    }
    assert manifest(rehearsal={"expect": {"n": {"max": 0.5}}}).rehearsal.timeout == 600


def test_manifests_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        manifest().name = "other"


def test_every_field_says_what_it_is_and_what_is_allowed():
    for model in (Manifest, FileManifest):
        assert set(keys(model)) == {field.alias or name for name, field in model.model_fields.items()}
        assert all(field.description for field in model.model_fields.values())


def test_every_field_is_in_the_reference():
    text = (ROOT / "docs/manifests.md").read_text(encoding="utf-8")
    assert [key for key in keys(FileManifest) if f"`{key}`" not in text] == []


def test_examples_of_the_reference_load(prefect):
    text = (ROOT / "docs/manifests.md").read_text(encoding="utf-8")
    whole, schedules, rehearsal, patch = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    prefect.write("deployments/whole.yaml", whole)
    prefect.write("deployments/parts.yaml", f"name: n\nflow: a.b:c\n{schedules}{rehearsal}")
    prefect.write("staging/patch.yaml", patch)
    parts, base = (loaded.manifest for loaded in prefect.load())
    assert [one.slug for one in parts.all_schedules()] == ["mornings", "hourly", "month-end"]
    (staged,) = (loaded.manifest for loaded in prefect.load("staging"))
    assert (base.work_pool, staged.work_pool) == ("hotpass-pool", "staging-pool")
    assert staged.all_schedules() == (Schedule("default", "cron", cron="0 7 * * *", timezone="Africa/Johannesburg"),)


def test_host_without_time_zones_says_so(monkeypatch):
    monkeypatch.setattr(schedule, "_timezones", frozenset)
    assert list(schedule.check({"value": "0 6 * * *", "timezone": "UTC"})) == [
        (("timezone",), "nothing: this host has no time zones, install tzdata")
    ]


def test_files_can_be_imported_where_no_library_is():
    modules = sorted(path.stem for path in (ROOT / "plugins/module_utils/manifests").glob("[!_]*.py"))
    code = (
        "import importlib, sys\n"
        "for name in ('pydantic', 'pydantic_core', 'yaml', 'croniter', 'dateutil', 'urllib3', 'jmespath'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module('ansible_collections.hotpass.prefect.plugins.module_utils.manifests.' + name)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
