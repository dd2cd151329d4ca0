# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backfill says beforehand and what it refuses, on a live server."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

from tests.support import backfill_worker as ends
from tests.support import certificates
from tests.support.backfill_lab import FLOWS, MANIFESTS
from tests.support.backfill_site import MakeSite, Site, fates
from tests.support.proxy import Proxy
from tests.support.shapes import MakeDeployment, Result, Unique

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.backfill_fixtures"]


def test_check_mode_lists_and_writes_nothing(site: Site, proxy: Proxy, tmp_path: Path) -> None:
    with site.worker() as worker:
        worker.endings["2024-01-02 v1"] = ends.FAIL
        site.run(since="2024-01-01", until="2024-01-02", versions=["v1"])
    run = site.session.write(
        "POST", f"/deployments/{site.row['id']}/create_flow_run", {"idempotency_key": "somebody's"}
    )
    assert run["id"]
    (tmp_path / "hotpass-inputs-20240102-v1.zip").write_bytes(b"")
    log = tmp_path / "log"
    proxy.reset()
    options = {"since": "2024-01-01", "until": "2024-01-03", "versions": ["v1"], "log_path": str(log)}
    answer = site.run(**options, archives_here=str(tmp_path), check_mode=True)
    assert proxy.writes == []
    assert not log.exists()
    assert (answer["failed"], answer["changed"], answer["outcome"]) == (False, True, "incomplete")
    assert fates(answer) == ["completed", "not_run", "not_run"]
    assert answer["runs"][1]["attempt"] == 2
    assert answer["diff"][-1]["after"] == {"windows": ["2024-01-02 v1", "2024-01-03 v1"]}
    hint = "hotpass-inputs-20240102-v1.zip exists: the pattern has the v already, so give the version '1'"
    assert answer["missing_archives"] == [
        {"run_date": "2024-01-02", "version": "v1", "archive": "hotpass-inputs-20240102-vv1.zip", "hint": hint},
        {"run_date": "2024-01-03", "version": "v1", "archive": "hotpass-inputs-20240103-vv1.zip", "hint": ""},
    ]
    assert hint in answer["warnings"][0]
    blind = site.run(**options, check_mode=True)
    assert blind["missing_archives"] is None
    assert blind["warnings"] == [
        "Whether the archives are there cannot be seen from here: archives_here names where to look."
    ]
    home = tmp_path / "home"
    (home / "dist/input-archives").mkdir(parents=True)
    (home / "dist/input-archives/hotpass-inputs-20240103-vv1.zip").write_bytes(b"")
    seen = site.run(**options, home=str(home), check_mode=True)
    assert [one["run_date"] for one in seen["missing_archives"]] == ["2024-01-02"]


def test_check_mode_predicts_the_limit_and_many_windows_take_few_requests(site: Site, proxy: Proxy) -> None:
    answer = site.run(start_date="2023-01-01", end_date="2024-06-30", check_mode=True)
    assert len(answer["runs"]) == 547
    assert answer["diff"][0]["after"] == {"name": limit_name(site.key), "limit": 2}
    assert site.limit() is None
    # The deployment, the limit, and one request for every 200 keys.
    assert len(proxy.seen) == 2 + 3
    assert proxy.writes == []


def test_limits_that_do_not_hold_let_nothing_start(make_site: MakeSite, session: Session) -> None:
    def refused(site: Site, **options: t.Any) -> str:
        answer = site.run(start_date="2024-01-01", **options)
        assert answer["failed"] is True
        assert answer["changed"] is False
        assert site.runs() == []
        return str(answer["msg"])

    restores = "-e restore_guardrails=true restores it."
    one = make_site()
    name = limit_name(one.key)
    body = {"name": name, "limit": 5, "active": True, "slot_decay_per_second": 0.0}
    path = f"/v2/concurrency_limits/{quote(name)}"
    session.write("POST", "/v2/concurrency_limits/", body)
    what = f"Global concurrency limit {name!r} (key {one.key!r})"
    assert refused(one) == f"{what} is 5, and 2 is declared; {restores}"
    session.write("PATCH", path, {"limit": 2, "active": False})
    assert refused(one) == f"{what} is switched off, so nothing would hold the runs; {restores}"
    session.write("PATCH", path, {"active": True, "slot_decay_per_second": 0.5})
    assert "gives 0.5 slots a second back by itself" in refused(one)
    session.write("PATCH", path, {"slot_decay_per_second": 0.0})

    assert "concurrency_limit is 3, but the deployment declares 2 for the key" in refused(one, concurrency_limit=3)
    own = f"/v2/concurrency_limits/{one.row['global_concurrency_limit']['id']}"
    session.write("PATCH", own, {"active": False})
    assert f"The concurrency limit of deployment {one.name!r} is switched off" in refused(one)
    session.write("PATCH", own, {"active": True, "slot_decay_per_second": 5})
    for options in ({}, {"check_mode": True}):
        assert refused(one, **options) == (
            f"The concurrency limit of deployment {one.name!r} gives 5 slots a second back by itself, so it holds "
            f"nothing; allowed is 0; {restores}"
        )
    session.write("PATCH", own, {"slot_decay_per_second": 0, "limit": 1})
    assert f"deployment {one.name!r} lets only 1 run at once" in refused(one)
    session.write("PATCH", own, {"limit": 9})
    assert f"Deployment {one.name!r} lets 9 run at once, but declares 2" in refused(one)

    bare = make_site(concurrency_limit=None)
    assert "has no concurrency limit, so nothing would hold its runs" in refused(bare)
    shared = session.write("POST", "/v2/concurrency_limits/", {"name": f"{name}-shared", "limit": 2, "active": False})
    session.write("PATCH", f"/deployments/{bare.row['id']}", {"global_concurrency_limit_id": shared["id"]})
    assert refused(bare).endswith("; it is not the deployment's own: prefect_concurrency_limit sets it right.")
    unmarked = make_site(parameters={"parameters": {"pipeline": {"backfill": False}}})
    assert "parameters.pipeline.backfill is false; a backfill needs true" in refused(unmarked)


def test_a_deployment_whose_schedule_is_inactive_is_replayed(site: Site) -> None:
    site.session.write("PATCH", f"/deployments/{site.row['id']}", {"paused": True})
    answer = site.run(start_date="2024-01-01", check_mode=True)
    assert answer["failed"] is False
    assert [run["fate"] for run in answer["runs"]] == ["not_run"]
    assert (answer["changed"], answer["outcome"]) == (True, "incomplete")


def test_parameters_that_are_not_the_manifests_let_nothing_start(
    site: Site, proxy: Proxy, unique: Unique, tmp_path: Path
) -> None:
    document = {
        "id": "backfill",
        "name": "backfill",
        "flow": "lab.flow:replay",
        "work_pool": site.pool,
        "concurrency_limit": 2,
        "parameters": site.row["parameters"],
    }
    (tmp_path / "backfill.yaml").write_text(yaml.safe_dump(document))
    options = {"start_date": "2024-01-01", "manifest_dir": str(tmp_path)}
    assert site.run(**options, check_mode=True)["failed"] is False

    key = unique("drifted")
    drifted = {**site.row["parameters"], "concurrency_key": key, "parameters": {"pipeline": {"backfill": True}}}
    site.session.write("PATCH", f"/deployments/{site.row['id']}", {"parameters": drifted})
    proxy.reset()
    answer = site.run(**options)
    assert answer["failed"] is True
    assert answer["msg"] == (
        f"Deployment {site.name!r} has other parameters than its manifest declares: concurrency_key is "
        f'"{key}" instead of "{site.key}", parameters differs; -e restore_guardrails=true restores it.'
    )
    assert proxy.writes == []


def test_a_collision_strategy_that_is_not_the_manifests_lets_nothing_start(
    make_site: MakeSite, proxy: Proxy, tmp_path: Path
) -> None:
    site = make_site(concurrency_options={"collision_strategy": "CANCEL_NEW"})
    document = {
        "id": "backfill",
        "name": "backfill",
        "flow": "lab.flow:replay",
        "work_pool": site.pool,
        "concurrency_limit": 2,
        "parameters": site.row["parameters"],
    }
    manifest = tmp_path / "backfill.yaml"
    options = {"start_date": "2024-01-01", "manifest_dir": str(tmp_path), "check_mode": True}

    def answer(**more: t.Any) -> Result:
        manifest.write_text(yaml.safe_dump({**document, **more}))
        return site.run(**options)

    assert answer()["failed"] is False
    assert answer(concurrency_options={"collision_strategy": "CANCEL_NEW"})["failed"] is False
    refused = answer(concurrency_options={"collision_strategy": "ENQUEUE"})
    assert refused["failed"] is True
    assert refused["msg"] == (
        f"Deployment {site.name!r} has the collision_strategy CANCEL_NEW, and its manifest declares ENQUEUE; "
        "-e restore_guardrails=true restores it."
    )
    assert proxy.writes == []


def test_whoever_creates_the_limit_first_it_has_to_be_the_declared_one(
    make_site: MakeSite, session: Session, proxy: Proxy
) -> None:
    def rival(site: Site, limit: int) -> None:
        body = {"name": limit_name(site.key), "limit": limit, "active": True, "slot_decay_per_second": 0.0}
        path = "/v2/concurrency_limits/$"
        proxy.before(lambda _number: session.write("POST", "/v2/concurrency_limits/", body), method="POST", path=path)

    same, other = make_site(), make_site()
    rival(same, 2)
    with same.worker():
        answer = same.run(start_date="2024-01-01")
    assert answer["failed"] is False, answer
    rival(other, 5)
    refused = other.run(start_date="2024-01-01")
    assert refused["failed"] is True
    assert f"Global concurrency limit {limit_name(other.key)!r} (key {other.key!r}) is 5, and 2 is" in refused["msg"]
    assert (refused["changed"], other.runs()) == (False, [])


def test_a_key_of_ones_own_has_the_limit_that_was_asked_for(site: Site, unique: Unique) -> None:
    key = f"{unique('own')}/ key~"
    with site.worker():
        answer = site.run(start_date="2024-01-01", concurrency_key=key, concurrency_limit=1)
    assert answer["failed"] is False, answer
    row = site.session.get(f"/v2/concurrency_limits/{quote(limit_name(key))}")
    assert row["limit"] == 1
    (run,) = site.runs()
    assert (run["parameters"]["concurrency_key"], run["parameters"]["concurrency_limit"]) == (key, 1)


def test_options_that_contradict_each_other(site: Site, proxy: Proxy, tmp_path: Path) -> None:
    def refused(**options: t.Any) -> str:
        answer = site.run(**options)
        assert answer["failed"] is True
        return str(answer["msg"])

    assert "There is nothing to backfill" in refused()
    assert "give one of the two pairs, not both" in refused(start_date="2024-01-01", since="2024-01-01")
    assert refused(end_date="2024-01-01") == "end_date is given without start_date."
    assert "start_date is '2024-02-30'; allowed is a date such as 2024-01-31." in refused(start_date="2024-02-30")
    assert "the last date must not lie before the first" in refused(since="2024-01-02", until="2024-01-01")
    assert "make 40178 windows; at most 4000" in refused(since="1914-01-01", until="2024-01-01")
    assert "versions has '../1'" in refused(start_date="2024-01-01", versions=["../1"])
    assert "batch is 'a b'" in refused(start_date="2024-01-01", batch="a b")
    assert "concurrency_limit is -1" in refused(start_date="2024-01-01", concurrency_limit=-1)
    assert "poll is 0.0" in refused(start_date="2024-01-01", poll=0.0)
    config = tmp_path / "config.yaml"
    config.write_text("pipeline:\n  input_dir: ./data\n")
    assert refused(start_date="2024-01-01", config=str(config), check_mode=True).startswith(
        f"{config}:2: pipeline.input_dir: found a key that each window decides; "
    )
    assert proxy.seen == []
    assert "has the field {date.__class__}" in refused(start_date="2024-01-01", archive_pattern="{date.__class__}.zip")
    assert "There is no work queue 'fast'" in refused(start_date="2024-01-01", work_queue="fast")
    assert "There is no deployment 'nowhere' of any flow" in refused(start_date="2024-01-01", deployment="nowhere")
    assert proxy.writes == []


def test_a_deployment_is_found_by_its_own_name_where_that_is_enough(
    site: Site, make_deployment: MakeDeployment, unique: Unique
) -> None:
    name = unique("own")
    row = make_deployment(name=name, work_pool_name=site.pool, concurrency_limit=2, parameters=site.row["parameters"])
    answer = site.run(start_date="2024-01-01", deployment=name, check_mode=True)
    assert answer["deployment"] == f"{row['flow_name']}/{name}"
    make_deployment(name=name)
    said = site.run(start_date="2024-01-01", deployment=name, check_mode=True)["msg"]
    assert said.startswith(f"There are several deployments {name!r}: ")


def test_no_server_runs_nothing(site: Site) -> None:
    answer = site.run(start_date="2024-01-01", api_url="http://127.0.0.1:9/api", retries=0)
    assert answer["failed"] is True
    assert answer["msg"].startswith("Nothing was run. GET /deployments/name/")
    assert "or allow fallback: local, which runs the same code here without Prefect." in answer["msg"]
    assert (answer["outcome"], answer["runs"], answer["changed"]) == ("not_begun", [], False)
    assert site.runs() == []


@pytest.mark.parametrize("slow", [True, False])
def test_a_server_that_is_slow_or_hangs_up_is_no_missing_server(
    slow: bool, site: Site, proxy: Proxy, tmp_path: Path
) -> None:
    if slow:
        proxy.delay(1.0, times=None)
    else:
        proxy.drop(before=True, times=None)
    answer = site.run(
        start_date="2024-01-01",
        timeout=0.2,
        retries=0,
        fallback="local",
        manifest_dir=str(MANIFESTS),
        flow_path=str(FLOWS),
        home=str(tmp_path),
    )
    assert answer["failed"] is True
    assert answer["msg"].startswith("Nothing was run. GET /deployments/name/")
    assert (answer["outcome"], answer["runtime"]) == ("not_begun", None)
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_that_is_not_trusted_is_no_missing_server(site: Site, tmp_path: Path) -> None:
    _authority, papers = certificates.make(tmp_path / "tls")
    with Proxy(site.server.api_url, certificate=papers) as behind:
        answer = site.run(
            start_date="2024-01-01",
            api_url=behind.api_url,
            fallback="local",
            manifest_dir=str(MANIFESTS),
            flow_path=str(FLOWS),
            home=str(tmp_path),
        )
    assert answer["failed"] is True
    assert answer["msg"].startswith("Nothing was run. ")
    assert answer["msg"].endswith("Name the authority's certificate in ca_path (PREFECT_API_SSL_CERT_FILE).")
    assert (answer["outcome"], answer["runtime"]) == ("not_begun", None)
