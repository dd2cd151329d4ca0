# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backfill without a server: its settings, its windows one by one, and its account of them."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hotpass import local_backfill, pipeline
from hotpass.backfill import BackfillError, Steps, replay, to_markdown, to_result
from hotpass.backfill_parameters import BackfillConfig, Slot
from hotpass.errors import HotpassError, SlotError
from hotpass.parameters import RefineConfig
from hotpass.summary import Summary
from tests.support.workbooks import write_archive, write_workbook

ROOT = Path(__file__).resolve().parents[3]
DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
RUNS = [{"run_date": day, "version": "1"} for day in DAYS]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with an archive of each of three days; the n-th has n records."""
    monkeypatch.setenv("HOTPASS_HOME", str(tmp_path))
    for count, day in enumerate(DAYS, start=1):
        rows = {"Cleaned": [{"Name of Organisation": f"Tower {n}", "Province": "GP"} for n in range(count)]}
        book = write_workbook(tmp_path / "book.xlsx", rows)
        write_archive(archive_of(tmp_path, day), {"a.xlsx": book})
    return tmp_path


def archive_of(home: Path, day: str) -> Path:
    return home / f"dist/input-archives/hotpass-inputs-{day.replace('-', '')}-v1.zip"


class Slots:
    """Slots that are counted; the one of the number `refuse` is not given."""

    def __init__(self, refuse: int | None = None) -> None:
        self.seen: list[Slot] = []
        self.held = 0
        self._refuse = refuse

    def __call__(self, slot: Slot) -> AbstractContextManager[None]:
        return self._hold(slot)

    @contextmanager
    def _hold(self, slot: Slot) -> Iterator[None]:
        self.seen.append(slot)
        if len(self.seen) == self._refuse:
            raise SlotError("the limit 'x' does not exist.")
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1


def run(
    config: BackfillConfig, slots: Callable[[Slot], AbstractContextManager[None]] | None = None, **steps: Any
) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    met: list[Exception] = []
    accounts = replay(config, Steps(slots or Slots(), steps.pop("unexpected", met.append), **steps), told.append)
    assert (told, met) == (accounts, [])
    return to_result(accounts, "local")


def test_each_window_is_restored_refined_and_accounted_for(home: Path) -> None:
    result = run(BackfillConfig.build(since=DAYS[0], until=DAYS[2]))
    assert result["metrics"] == {
        "total_runs": 3,
        "successful_runs": 3,
        "failed_runs": 0,
        "total_records": 6,
        "total_elapsed_seconds": round(sum(one["elapsed_seconds"] for one in result["runs"]), 3),
    }
    for count, (one, day) in enumerate(zip(result["runs"], DAYS, strict=True), start=1):
        assert (one["run_date"], one["version"], one["success"], one["error"]) == (day, "1", True, None)
        assert (one["records_in"], one["total_records"]) == (count, count)
        assert one["archive_path"] == str(archive_of(home, day))
        assert one["restore_dir"] == str(home / f"dist/backfill/{day}--1")
        assert (Path(one["restore_dir"]) / "a.xlsx").is_file()
        assert one["output_path"] == str(home / f"dist/backfill/outputs/refined-{day}-1.parquet")
        assert pl.read_parquet(one["output_path"]).height == count
        assert one["summary"]["output_sha256"] == one["output_sha256"]
        assert (one["summary"]["backfill"], one["summary"]["incremental"], one["summary"]["since"]) == (
            True,
            False,
            None,
        )
    assert json.loads(json.dumps(result)) == result


@pytest.mark.usefixtures("home")
def test_a_second_replay_gives_the_same_bytes() -> None:
    first, again = (run(BackfillConfig.build(RUNS)) for _time in range(2))
    digests = [[(one["archive_sha256"], one["output_sha256"]) for one in result["runs"]] for result in (first, again)]
    assert digests[0] == digests[1]


def test_a_window_that_fails_keeps_no_other_from_its_turn_and_is_tried_once(home: Path) -> None:
    archive_of(home, DAYS[1]).write_bytes(b"damaged")
    tried: list[Path] = []

    def refine(config: RefineConfig) -> Summary:
        tried.append(config.input_dir)
        if DAYS[2] in str(config.input_dir):
            raise HotpassError("it will not do.")
        return pipeline.refine(config)

    slots = Slots()
    result = run(BackfillConfig.build(RUNS), slots, refine=refine)
    assert [one["success"] for one in result["runs"]] == [True, False, False]
    assert result["runs"][1]["error"].endswith("is no zip file, or is cut short or has something behind its end.")
    assert result["runs"][1]["restore_dir"] is None
    assert result["runs"][2]["error"] == "it will not do."
    assert result["metrics"]["failed_runs"] == 2
    assert len(tried) == 2, "the damaged one is never refined, the failing one once"
    assert (len(slots.seen), slots.held) == (3, 0)
    assert str(BackfillError(result)).startswith(f"2 of 3 windows failed: {DAYS[1]}--1: archive ")
    assert str(BackfillError(result)).endswith(f"; {DAYS[2]}--1: it will not do.")
    assert f"- {DAYS[2]}--1: it will not do." in to_markdown(result)
    copied = pickle.loads(pickle.dumps(BackfillError(result)))
    assert (str(copied), copied.result) == (str(BackfillError(result)), result)


@pytest.mark.usefixtures("home")
def test_a_fault_of_the_code_fails_its_window_without_its_words_and_no_other() -> None:
    fault = ZeroDivisionError("the record of Ada")

    def refine(config: RefineConfig) -> Summary:
        if DAYS[0] in str(config.output_path):
            raise fault
        return pipeline.refine(config)

    slots = Slots()
    met: list[Exception] = []
    result = run(BackfillConfig.build(RUNS), slots, refine=refine, unexpected=met.append)
    assert [one["success"] for one in result["runs"]] == [False, True, True]
    assert result["runs"][0]["error"] == "unexpected ZeroDivisionError; see the log of the run."
    assert met == [fault]
    assert (len(slots.seen), slots.held) == (3, 0)


@pytest.mark.usefixtures("home")
def test_who_ends_the_run_ends_all_windows() -> None:
    def refine(_config: RefineConfig) -> Summary:
        raise KeyboardInterrupt

    slots = Slots()
    with pytest.raises(KeyboardInterrupt):
        run(BackfillConfig.build(RUNS), slots, refine=refine)
    assert (len(slots.seen), slots.held) == (1, 0)


@pytest.mark.usefixtures("home")
def test_a_window_that_loses_its_slot_at_its_end_is_no_success() -> None:
    @contextmanager
    def slot(_slot: Slot) -> Iterator[None]:
        yield
        raise OSError

    met: list[Exception] = []
    [one] = run(BackfillConfig.build(RUNS[:1]), slot, unexpected=met.append)["runs"]
    assert (one["success"], one["error"], len(met)) == (False, "unexpected OSError; see the log of the run.", 1)


def test_without_a_slot_no_window_after_it_is_touched(home: Path) -> None:
    slots = Slots(refuse=2)
    result = run(BackfillConfig.build(RUNS), slots)
    assert [one["success"] for one in result["runs"]] == [True, False, False]
    assert result["runs"][1]["error"] == "the limit 'x' does not exist."
    assert result["runs"][2]["error"].startswith("not started, for the window before got no slot: the limit 'x'")
    assert len(slots.seen) == 2
    assert sorted(path.name for path in (home / "dist/backfill").iterdir() if path.name[0] != ".") == [
        f"{DAYS[0]}--1",
        "outputs",
    ]


def test_a_bad_archive_leaves_the_last_restore_and_output(home: Path) -> None:
    before = run(BackfillConfig.build(RUNS[:1]))["runs"][0]
    archive_of(home, DAYS[0]).write_bytes(archive_of(home, DAYS[0]).read_bytes()[:-1])
    assert not run(BackfillConfig.build(RUNS[:1]))["runs"][0]["success"]
    assert (Path(before["restore_dir"]) / "a.xlsx").is_file()
    assert pl.read_parquet(before["output_path"]).height == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no workbook", "workbook {archive}/a.xlsx is not a readable .xlsx file"),
        (None, "{archive}"),
    ],
)
def test_an_archive_that_cannot_be_refined_leaves_the_last_restore_and_output(
    home: Path, content: bytes | None, reason: str
) -> None:
    before = run(BackfillConfig.build(RUNS[:1]))["runs"][0]
    good = (Path(before["restore_dir"]) / "a.xlsx").read_bytes()
    archive = archive_of(home, DAYS[0])
    write_archive(archive, {"a.xlsx": content} if content else {"readme.txt": b"nothing"})
    after = run(BackfillConfig.build(RUNS[:1]))["runs"][0]
    assert (after["success"], after["restore_dir"], after["output_path"]) == (False, None, None)
    assert reason.format(archive=archive) in after["error"]
    assert after["archive_sha256"] not in (None, before["archive_sha256"])
    assert {path.name: path.read_bytes() for path in Path(before["restore_dir"]).iterdir()} == {"a.xlsx": good}
    assert sorted(path.name for path in (home / "dist/backfill").iterdir()) == [
        f".{DAYS[0]}--1.lock",
        f"{DAYS[0]}--1",
        "outputs",
    ]
    assert pl.read_parquet(before["output_path"]).height == 1


def test_a_missing_archive_says_whether_the_v_is_meant(home: Path) -> None:
    [one] = run(BackfillConfig.build(since=DAYS[0], versions=["v1"]))["runs"]
    path = archive_of(home, DAYS[0])
    assert one["error"] == (
        f"archive {path.with_name(path.name.replace('-v1', '-vv1'))} does not exist; {path.name} exists: the pattern "
        "has the v already, so give the version '1'."
    )
    [one] = run(BackfillConfig.build(since="2025-01-01"))["runs"]
    assert one["error"].endswith("hotpass-inputs-20250101-v1.zip does not exist.")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"runs": []}, "no windows are given"),
        ({"concurrency_limit": -1}, "concurrency_limit must be a whole number from 0, found -1"),
        ({"concurrency_limit": True}, "concurrency_limit must be a whole number from 0, found True"),
        ({"concurrency_limit": "2"}, "concurrency_limit must be a whole number from 0, found '2'"),
        ({"concurrency_key": ""}, "concurrency_key must be text that is not empty"),
        ({"archive_root": " "}, "archive_root must be a path"),
        ({"archive_pattern": "{date.year}"}, "archive_pattern"),
        ({"archive_pattern": "../{date}"}, "archive_pattern .* has the part"),
        ({"base_config": {"pipelines": {}}}, "base_config has no key 'pipelines'; known are pipeline, archive, slot"),
        ({"base_config": []}, r"base_config must be a mapping, found \[\]"),
        ({"parameters": {"archive": {}}}, "parameters has no key 'archive'; known are pipeline"),
        (
            {"parameters": {"pipeline": {"telemetry": 1}}},
            "parameters.pipeline has no key 'telemetry'; known are profile",
        ),
        ({"parameters": {"pipeline": {"backfill": False}}}, "parameters.pipeline.backfill must be true, found False"),
        ({"base_config": {"pipeline": {"backfill": 0}}}, "base_config.pipeline.backfill must be true, found 0"),
        ({"base_config": {"pipeline": {"backfill": None}}}, "base_config.pipeline.backfill must be true, found None"),
        ({"parameters": {"pipeline": {"incremental": True}}}, "parameters.pipeline.incremental must be false"),
        ({"parameters": {"pipeline": {"since": "2024-01-01"}}}, "parameters.pipeline.since must be null"),
        ({"base_config": {"pipeline": {"input_dir": "x"}}}, "base_config.pipeline.input_dir must not be given"),
        ({"parameters": {"pipeline": {"output_path": "x"}}}, "parameters.pipeline.output_path must not be given"),
        ({"parameters": {"pipeline": {"profile_name": "banking"}}}, "unknown profile 'banking'"),
        ({"parameters": {"pipeline": {"archive": "yes"}}}, "archive must be true or false"),
        ({"base_config": {"archive": {"max_ratio": 0}}}, "base_config.archive.max_ratio must be a whole number from 1"),
        (
            {"base_config": {"slot": {"wait": 1}}},
            "base_config.slot has no key 'wait'; known are timeout_seconds, lease_s",
        ),
        (
            {"base_config": {"slot": {"lease_seconds": 59}}},
            "lease_seconds must be a whole number of 60 to 300, found 59",
        ),
        (
            {"base_config": {"slot": {"lease_seconds": 301}}},
            "lease_seconds must be a whole number of 60 to 300, found 301",
        ),
        ({"base_config": {"slot": {"timeout_seconds": 0}}}, "timeout_seconds must be a whole number of 1 to 86400"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_any_window(
    home: Path, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(HotpassError, match=reason):
        BackfillConfig.build(**{"runs": RUNS, **parameters})
    assert not (home / "dist/backfill").exists()


def test_settings_of_parameters_replace_those_of_base_config_one_by_one(home: Path) -> None:
    config = BackfillConfig.build(
        RUNS,
        base_config={
            "pipeline": {"profile_name": "general", "dist_dir": "elsewhere"},
            "archive": {"max_ratio": 3},
            "slot": {"timeout_seconds": 5},
        },
        parameters={"pipeline": {"profile_name": "aviation-strict", "archive": True, "backfill": True}},
        concurrency_limit=0,
        concurrency_key="a/b",
    )
    refinement = config.refinement_of(config.windows[0], home)
    assert (refinement.profile.name, refinement.archive) == ("aviation-strict", True)
    assert refinement.dist_dir == home / "elsewhere"
    assert (refinement.backfill, refinement.incremental, refinement.since) == (True, False, None)
    assert config.limits.max_ratio == 3
    assert config.slot == Slot("a~2Fb", at_most=1, timeout_seconds=5, lease_seconds=120)


@pytest.fixture
def local(home: Path) -> Callable[[str], tuple[int, dict[str, Any], str]]:
    """Runs `python -m hotpass.local_backfill` on a text; returns the exit code, the document, and what was logged."""

    def call(text: str, **env: str) -> tuple[int, dict[str, Any], str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOTPASS_", "PREFECT_"))}
        done = subprocess.run(
            [sys.executable, "-m", "hotpass.local_backfill"],
            env={**kept, "PYTHONPATH": str(ROOT / "prefect/flows"), "HOTPASS_HOME": str(home), **env},
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    return call


def test_the_local_backfill_answers_with_one_document(home: Path, local: Callable[..., Any]) -> None:
    code, result, log = local(json.dumps({"since": DAYS[0], "until": DAYS[2]}))
    assert code == 0
    assert result["runtime"] == "local"
    assert result["metrics"]["successful_runs"] == 3
    assert f"Replayed {DAYS[2]}--1 in " in log
    archive_of(home, DAYS[0]).unlink()
    code, result, log = local(json.dumps({"runs": RUNS}))
    assert code == 1
    assert [one["success"] for one in result["runs"]] == [False, True, True]
    assert f"Window {DAYS[0]}--1 failed: archive " in log


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "standard input is no JSON"),
        ("[]", "standard input must be one JSON object"),
        ('{"run": []}', "concurrency_limit, concurrency_key, since, until, versions; found run."),
        ("{}", "no windows are given"),
    ],
)
def test_the_local_backfill_refuses_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert local_backfill.main() == 1
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"error"}
    assert said in answer["error"]


def test_the_local_backfill_is_never_one_with_prefect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_backfill, "PREFECT_ENABLED", True)
    assert local_backfill.main() == 1
    assert "unset it to run a backfill without Prefect" in json.loads(capsys.readouterr().out)["error"]
