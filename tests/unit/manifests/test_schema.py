# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published JSON Schema: current, valid, and of one mind with the loader."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schema import manifest_schema, schema_text

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "prefect/manifest.schema.json"


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def _shipped():
    """The manifests: every directory that a release takes as an overlay."""
    return [path for path in (ROOT / "prefect").glob("*/*.yaml") if path.parent.name != "automations"]


def valid(**fields):
    return {"name": "n", "flow": "a.b:c", **fields}


def test_published_schema_is_current():
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), "run tests/tools/write_schema.py"


def test_schema_is_a_schema(validator):
    validator.check_schema(validator.schema)


def test_every_field_has_a_description():
    for name, definition in manifest_schema()["$defs"].items():
        for key, value in definition["properties"].items():
            assert value.get("description"), f"{name}.{key}"


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "tests/fixtures/upstream").glob("*.yaml"), *_shipped()]),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_manifests_fit(validator, path):
    validator.validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))


@pytest.mark.parametrize("path", sorted(_shipped()), ids=lambda path: str(path.relative_to(ROOT)))
def test_manifests_name_the_schema_in_their_first_line(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == PUBLISHED


@pytest.mark.parametrize(
    "document",
    [
        {"extends": "a"},
        {"extends": "a", "name": None, "flow": None, "tags": None, "schedule": None, "parameters": None},
        {"extends": "a", "schedule": {"timezone": "UTC"}},
        {"extends": "a", "schedule": {"value": None, "active": None}},
        {"extends": "a", "parameters": {"x": None}},
        {"extends": "a", "concurrency_options": {"grace_period_seconds": 60}},
        {"extends": "a", "rehearsal": {"expect": {"n": None, "m": {"min": None, "max": 3}}}},
        {"extends": "a", "work_queue": "q", "labels": {"x": None}},
        valid(extends=None),
        valid(schedule={"kind": "INTERVAL", "value": 1, "anchor_date": "2025-01-06"}),
        valid(schedule={"kind": "interval", "value": {"hours": 1}}),
        valid(schedules=[{"slug": "a", "value": "0 6 * * *", "day_or": False}]),
        valid(concurrency_limit=1, global_concurrency_limit=None),
        valid(parameters=None, job_variables=None),
    ],
    ids=str,
)
def test_fits(validator, document):
    assert list(validator.iter_errors(document)) == []


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"name": "n"},
        valid(nmae="x"),
        valid(name="a/b"),
        valid(name=" "),
        valid(flow="a.b"),
        valid(tags="abc"),
        valid(tags=None),
        valid(tags=[""]),
        valid(work_queue="q"),
        valid(parameters=[]),
        valid(concurrency_limit=0),
        valid(concurrency_limit="3"),
        valid(concurrency_limit=1, global_concurrency_limit="g"),
        valid(concurrency_options={"collision_strategy": "ENQUEUE"}),
        valid(concurrency_limit=1, concurrency_options={"collision_strategy": "WAIT"}),
        valid(concurrency_limit=1, concurrency_options={"collision_strategy": "ENQUEUE", "grace_period_seconds": 59}),
        valid(global_concurrency_limit="hotpass/backfill"),
        valid(global_concurrency_limit="deployment:x"),
        valid(paused="false"),
        valid(labels={"a": None}),
        valid(labels={"prefect.x": "a"}),
        valid(version=1.1),
        valid(pull_steps=[{"a.b": {}, "c.d": {}}]),
        valid(schedule="daily"),
        valid(schedule={}),
        valid(schedule={"kind": "weekly", "value": "x"}),
        valid(schedule={"value": 5}),
        valid(schedule={"kind": "interval", "value": "3600"}),
        valid(schedule={"kind": "interval", "value": 0}),
        valid(schedule={"kind": "interval", "value": {"hrs": 1}}),
        valid(schedule={"value": "0 6 * * *", "anchor_date": "2025-01-06"}),
        valid(schedule={"value": "0 6 * * *"}, schedules=[]),
        valid(schedules=[{"value": "0 6 * * *"}]),
        valid(schedules=[{"slug": "a", "kind": "interval", "value": 60, "day_or": True}]),
        valid(schedules=[{"slug": "a", "value": "0 6 * * *", "max_scheduled_runs": 51}]),
        valid(rehearsal={}),
        valid(rehearsal={"expect": {}}),
        valid(rehearsal={"expect": {"n": {}}}),
        valid(rehearsal={"timeout": 0, "expect": {"n": {"min": 1}}}),
        {"extends": "a", "nmae": "x"},
        {"extends": "a", "schedule": {"cron": "x"}},
        {"extends": "a", "schedules": [{"slug": "a"}]},
        {"extends": "a", "concurrency_limit": 0},
    ],
    ids=str,
)
def test_does_not_fit(validator, document):
    assert list(validator.iter_errors(document)) != []
