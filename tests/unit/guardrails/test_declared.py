# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a manifest declares of guardrails."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared, at_path
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_inline, load_selection
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest

PREFECT = Path(__file__).resolve().parents[3] / "prefect"


def manifest(**fields: t.Any) -> Manifest:
    return load_inline({"id": "m", "name": "m", **fields})


def test_the_backfill_manifest_declares_everything() -> None:
    (loaded,) = load_selection(PREFECT, ["backfill"])
    assert Declared.from_manifest(loaded.manifest) == Declared(
        deployment="hotpass-backfill",
        concurrency_limit=2,
        collision_strategy="ENQUEUE",
        concurrency_key="hotpass/backfill",
        global_limit=2,
        parameters={
            "concurrency_limit": 2,
            "concurrency_key": "hotpass/backfill",
            "parameters.pipeline.backfill": True,
        },
        work_pool="hotpass-pool",
    )


@pytest.mark.parametrize(("asked", "slots"), [(0, 1), (1, 1), (5, 5), (None, 3)])
def test_the_global_limit_is_what_the_flow_is_told_and_sequential_is_one_slot(asked: int | None, slots: int) -> None:
    parameters: dict[str, t.Any] = {"concurrency_key": "k"}
    if asked is not None:
        parameters["concurrency_limit"] = asked
    declared = Declared.from_manifest(manifest(concurrency_limit=3, parameters=parameters))
    assert (declared.global_limit, declared.concurrency_limit) == (slots, 3)


def test_without_a_key_there_is_no_global_limit() -> None:
    declared = Declared.from_manifest(manifest(concurrency_limit=3, parameters={"concurrency_limit": "three"}))
    assert (declared.concurrency_key, declared.global_limit) == (None, None)
    assert declared.parameters == {"concurrency_limit": "three"}


def test_the_value_of_a_shared_limit_has_to_be_given() -> None:
    shared = manifest(global_concurrency_limit="crm")
    with pytest.raises(CollectionError, match="give shared_limit_value"):
        Declared.from_manifest(shared)
    declared = Declared.from_manifest(shared, shared_limit_value=4, work_pool_limit=5)
    assert (declared.concurrency_limit, declared.shared_limit, declared.work_pool_limit) == (4, "crm", 5)


@pytest.mark.parametrize("value", ["2", -1, True, None, 1.5])
def test_a_key_needs_a_number_of_slots(value: t.Any) -> None:
    with pytest.raises(CollectionError, match=r"parameters\.concurrency_limit is"):
        Declared.from_manifest(manifest(parameters={"concurrency_key": "k", "concurrency_limit": value}))


def test_what_is_declared_survives_the_trip_through_a_file() -> None:
    declared = Declared.from_manifest(manifest(concurrency_limit=3, parameters={"concurrency_key": "k"}))
    assert Declared.from_json(json.loads(json.dumps(declared.to_json()))) == declared
    assert Declared.from_json({"deployment": "d", "concurrency_limit": None}) == Declared("d", None)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"deployment": "d"},
        {"concurrency_limit": 1},
        {"deployment": "d", "concurrency_limit": 1, "concurency_key": "k"},
        {"deployment": "", "concurrency_limit": 1},
        {"deployment": "d", "concurrency_limit": 0},
        {"deployment": "d", "concurrency_limit": "1"},
        {"deployment": "d", "concurrency_limit": True},
        {"deployment": "d", "concurrency_limit": 1, "collision_strategy": "DROP"},
        {"deployment": "d", "concurrency_limit": 1, "concurrency_key": "k"},
        {"deployment": "d", "concurrency_limit": 1, "global_limit": 2},
        {"deployment": "d", "concurrency_limit": 1, "parameters": []},
        {"deployment": "d", "concurrency_limit": 1, "work_pool_limit": -1},
        {"deployment": 7, "concurrency_limit": 1},
    ],
)
def test_what_declares_nothing_is_refused(document: t.Any) -> None:
    with pytest.raises(CollectionError) as raised:
        Declared.from_json(document)
    assert raised.value.message.endswith(".")


def test_a_value_that_is_null_is_not_one_that_is_missing() -> None:
    assert at_path({"a": {"b": None}}, "a.b") == (None,)
    assert at_path({"a": {"b": None}}, "a.c") == at_path({"a": 1}, "a.b") == at_path(None, "a") == ()
