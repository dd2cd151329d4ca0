# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files in three formats, what is refused of them, and how they meet the options and the deployment."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import settings
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.config import Config, read_config
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import ManifestErrors

YAML = """orchestrator:
  parameters:
    pipeline:
      profile_name: aviation
  backfill:
    archive_root: /data/archives
    restore_root: /data/restored
    archive_pattern: in-{date}-{version}.zip
    concurrency_limit: 0
    concurrency_key: team/replay
    deployment_name: replay
    work_pool: big
    windows:
      - start_date: 2024-01-01
        end_date: 2024-01-02
        versions: ["1", "2", "1"]
      - start_date: 2024-02-01
pipeline:
  dist_dir: out
"""
JSON = """{"orchestrator": {"parameters": {"pipeline": {"profile_name": "aviation"}},
  "backfill": {"archive_root": "/data/archives", "restore_root": "/data/restored",
    "archive_pattern": "in-{date}-{version}.zip", "concurrency_limit": 0, "concurrency_key": "team/replay",
    "deployment_name": "replay", "work_pool": "big",
    "windows": [{"start_date": "2024-01-01", "end_date": "2024-01-02", "versions": ["1", "2", "1"]},
                {"start_date": "2024-02-01"}]}},
 "pipeline": {"dist_dir": "out"}}
"""
TOML = """[orchestrator.parameters.pipeline]
profile_name = "aviation"
[orchestrator.backfill]
archive_root = "/data/archives"
restore_root = "/data/restored"
archive_pattern = "in-{date}-{version}.zip"
concurrency_limit = 0
concurrency_key = "team/replay"
deployment_name = "replay"
work_pool = "big"
[[orchestrator.backfill.windows]]
start_date = 2024-01-01
end_date = "2024-01-02"
versions = ["1", "2", "1"]
[[orchestrator.backfill.windows]]
start_date = "2024-02-01"
[pipeline]
dist_dir = "out"
"""


def config_of(tmp_path: Path, text: str, name: str = "config.yaml") -> Config:
    file = tmp_path / name
    file.write_text(text)
    return read_config(str(file))


@pytest.mark.parametrize(("name", "text"), [("c.yaml", YAML), ("c.yml", YAML), ("c.json", JSON), ("c.toml", TOML)])
def test_three_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    config = config_of(tmp_path, text, name)
    assert (config.archive_root, config.restore_root) == ("/data/archives", "/data/restored")
    assert (config.archive_pattern, config.concurrency_key) == ("in-{date}-{version}.zip", "team/replay")
    assert (config.concurrency_limit, config.deployment_name) == (0, "replay")
    assert config.parameters == {"pipeline": {"profile_name": "aviation"}}
    assert config.base_config == {"pipeline": {"dist_dir": "out"}}
    assert config.unused == ("orchestrator.backfill.work_pool",)
    assert [(str(one.first), str(one.last), one.versions) for one in config.windows] == [
        ("2024-01-01", "2024-01-02", ("1", "2")),
        ("2024-02-01", "2024-02-01", ("latest",)),
    ]


def test_every_problem_is_named_with_its_line(tmp_path: Path) -> None:
    text = """telemetry: {}
orchestrator:
  backfill:
    concurency_limit: 2
    concurrency_limit: true
    archive_root: ""
    windows:
      - start_date: 2024-02-30
      - end_date: 2024-01-01
      - start_date: 2024-01-02
        end_date: 2024-01-01
        versions: []
      - start_date: 2024-01-02
        end_date: 2024-01-01
    parameters:
      pipeline: 3
      runs: []
"""
    with pytest.raises(ManifestErrors) as refused:
        config_of(tmp_path, text)
    found = {(problem.line, problem.field): problem for problem in refused.value.problems}
    own = "orchestrator.backfill"
    assert set(found) == {
        (1, "telemetry"),
        (4, f"{own}.concurency_limit"),
        (5, f"{own}.concurrency_limit"),
        (6, f"{own}.archive_root"),
        (8, f"{own}.windows[0].start_date"),
        (9, f"{own}.windows[1].start_date"),
        (12, f"{own}.windows[2].versions"),
        (14, f"{own}.windows[3].end_date"),
        (16, f"{own}.parameters.pipeline"),
        (17, f"{own}.parameters.runs"),
    }
    assert found[4, f"{own}.concurency_limit"].allowed.startswith("one of archive_root, restore_root, ")
    assert found[14, f"{own}.windows[3].end_date"].allowed == "2024-01-02 or a later date"
    assert str(tmp_path / "config.yaml") + ":5: " in refused.value.message


@pytest.mark.parametrize("section", ["orchestrator.parameters", "orchestrator.backfill.parameters", ""])
def test_what_the_pipeline_of_a_replay_cannot_be_told_is_named_with_its_line(tmp_path: Path, section: str) -> None:
    steps = [*filter(None, section.split(".")), "pipeline"]
    lines = [f"{'  ' * depth}{step}:" for depth, step in enumerate(steps)]
    decided, whole = "a key that each window decides", "because a replay takes its whole input"
    told = [
        (
            "input_dir: ./data",
            decided,
            "none, because a window reads what its archive is restored to, below restore_root",
        ),
        ("output_path: x.parquet", decided, "none, because a window writes a file of its own, below restore_root"),
        ("since: 2024-01-01", '"2024-01-01"', f"null, {whole}"),
        (
            "nonsense: 1",
            "an unknown key",
            "one of profile_name, archive, dist_dir, backfill, incremental, since",
        ),
        ("backfill: false", "false", "true, because a backfill only replays"),
        ("incremental: true", "true", f"false, {whole}"),
        ("archive: yes please", '"yes please"', "true or false"),
        ("dist_dir:", "null", "a text that is not blank"),
    ]
    lines += [f"{'  ' * len(steps)}{line}" for line, _found, _allowed in told]
    with pytest.raises(ManifestErrors) as refused:
        config_of(tmp_path, "\n".join(lines))
    assert [(one.line, one.field, one.found, one.allowed) for one in refused.value.problems] == [
        (number, ".".join([*steps, line.partition(":")[0]]), found, allowed)
        for number, (line, found, allowed) in enumerate(told, len(steps) + 1)
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.ini", "", "the ending '.ini'; allowed: .json, .toml, .yaml and .yml"),
        ("c.toml", "a = ", "TOML: found a syntax error"),
        ("c.json", '{"a": }', "JSON: found a syntax error"),
        ("c.json", "[]", "found an empty list; allowed: a mapping of orchestrator, pipeline"),
        ("c.toml", "[orchestrator.backfill]\nx = 1", "c.toml: orchestrator.backfill.x: found an unknown key"),
        ("c.yaml", "orchestrator: 3", "c.yaml:1: orchestrator: found 3; allowed: a mapping of backfill, parameters"),
        ("c.yaml", "a: 1\na: 2", "c.yaml:2: a: "),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ManifestErrors) as refused:
        config_of(tmp_path, text, name)
    assert said in refused.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestErrors, match="no way to read it"):
        read_config(str(tmp_path / "none.json"))


DECLARED = {
    "runs": [],
    "archive_root": "dist/input-archives",
    "base_config": {"pipeline": {"dist_dir": "dist", "archive": False}},
    "parameters": {"pipeline": {"backfill": True, "incremental": False}},
    "concurrency_limit": 2,
    "concurrency_key": "hotpass/backfill",
}


def params(**options: t.Any) -> dict[str, t.Any]:
    names = (
        "config start_date end_date since until versions archive_root restore_root archive_pattern concurrency_limit "
        "concurrency_key batch"
    )
    return {
        **dict.fromkeys(names.split()),
        "ahead": 0,
        "poll": 1.0,
        "wait_timeout": 1.0,
        "stall_timeout": 1.0,
        "outage_timeout": 0.0,
        **options,
    }


def test_options_count_before_the_file_and_it_before_the_deployment(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(YAML)
    given = params(config=str(tmp_path / "c.yaml"), restore_root="/mine")
    wanted = settings.settle(given, settings.read_options(given), DECLARED)
    assert [str(window) for window in wanted.windows] == [
        "2024-01-01 1",
        "2024-01-01 2",
        "2024-01-02 1",
        "2024-01-02 2",
        "2024-02-01 latest",
    ]
    assert wanted.overrides == {
        "archive_root": "/data/archives",
        "restore_root": "/mine",
        "archive_pattern": "in-{date}-{version}.zip",
        "base_config": {"pipeline": {"dist_dir": "out", "archive": False}},
        "parameters": {"pipeline": {"backfill": True, "incremental": False, "profile_name": "aviation"}},
        "concurrency_key": "team/replay",
        "concurrency_limit": 1,
    }
    assert (wanted.concurrency_limit, wanted.at_once, wanted.limit_name) == (0, 1, "team~2Freplay")
    assert wanted.warnings[0].endswith(
        "orchestrator.backfill.work_pool has no effect on a backfill; it belongs into the deployment's manifest."
    )
    dated = params(config=str(tmp_path / "c.yaml"), start_date="2024-03-01")
    assert [str(window) for window in settings.windows_of(dated, settings.read_options(dated))] == [
        "2024-03-01 1",
        "2024-03-01 2",
    ]
    named = params(config=str(tmp_path / "c.yaml"), versions=["9"])
    assert {window.version for window in settings.windows_of(named, settings.read_options(named))} == {"9"}


def test_fewer_at_once_do_not_change_what_the_run_is_told() -> None:
    for limit in (0, 1, 2):
        wanted = settings.settle(params(since="2024-01-01", concurrency_limit=limit), Config(), DECLARED)
        assert wanted.overrides == {}
        assert (wanted.at_once, wanted.limit_value) == (max(1, limit), 2)
    with pytest.raises(CollectionError, match="concurrency_limit is 3, but the deployment declares 2 for the key"):
        settings.settle(params(since="2024-01-01", concurrency_limit=3), Config(), DECLARED)


def test_a_deployments_own_windows_are_taken_out_of_the_way() -> None:
    wanted = settings.settle(params(since="2024-01-01"), Config(), {**DECLARED, "since": "2023-01-01", "until": None})
    assert wanted.overrides == {"since": None}
    assert "runs" not in wanted.parameters


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"concurrency_limit": "2"}, 'parameter concurrency_limit is "2"; allowed is a whole number from 0'),
        ({"concurrency_key": 3}, "parameter concurrency_key is 3; it must be a text"),
        ({"parameters": {"pipeline": {"backfill": 1}}}, "parameters.pipeline.backfill is 1; a backfill needs true"),
        ({"parameters": None}, "parameters.pipeline.backfill is null"),
        (
            {"archive_pattern": "../{date}"},
            "archive_pattern '../{date}' makes '../2024-01-01' of 2024-01-01 1, which has",
        ),
    ],
)
def test_a_deployment_that_cannot_be_backfilled(declared: dict[str, t.Any], said: str) -> None:
    with pytest.raises(CollectionError) as refused:
        settings.settle(params(since="2024-01-01"), Config(), {**DECLARED, **declared})
    assert said in refused.value.message


def test_two_windows_do_not_share_an_archive() -> None:
    monthly = params(since="2024-01-01", until="2024-01-02", archive_pattern="in-{date:%Y%m}-{version}.zip")
    with pytest.raises(CollectionError) as refused:
        settings.settle(monthly, Config(), DECLARED)
    assert refused.value.message == (
        "The windows 2024-01-01 1 and 2024-01-02 1 have the same archive, in-202401-1.zip: put the day and {version} "
        "into archive_pattern, or ask for one of them."
    )
    versions = params(since="2024-01-01", versions=["1", "2"], archive_pattern="in-{date}.zip")
    with pytest.raises(CollectionError, match="2024-01-01 1 and 2024-01-01 2 have the same archive"):
        settings.settle(versions, Config(), DECLARED)
