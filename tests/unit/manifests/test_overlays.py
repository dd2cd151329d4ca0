# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selections, overlays, and where the problems of merged values are said to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_selection

BASE = """\
id: refinement
name: hotpass-refinement
flow: a.b:c
tags: [a, b]
work_pool: base-pool
schedule:
  value: 0 6 * * *
  timezone: UTC
parameters:
  nested:
    keep: 1
    drop: 2
  since: null
"""


def ids(loaded):
    return [one.manifest.id for one in loaded]


def test_prefect_means_its_deployments_and_never_the_rest(prefect):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("flows/b.yaml")
    prefect.write("staging/c.yaml")
    prefect.write("manifest.schema.json", "{}")
    assert ids(prefect.load("")) == ids(prefect.load()) == ["refinement"]


def test_all_suffixes_are_read_below_the_directory_too_and_nothing_else(prefect):
    for name in ("z.yaml", "sub/y.yml", "sub/deep/x.json", "W.YAML"):
        text = '{"name": "n", "flow": "a:b"}' if name.endswith("json") else "name: n\nflow: a:b\n"
        prefect.write(f"deployments/{name}", text)
    prefect.write("deployments/README.md", "no manifest")
    prefect.write("deployments/.hidden.yaml", "no manifest")
    prefect.write("deployments/.git/v.yaml", "no manifest")
    assert ids(prefect.load()) == ["W", "x", "y", "z"]


def test_links_to_directories_are_followed_once(prefect):
    prefect.write("deployments/a.yaml")
    prefect.write("elsewhere/b.yaml")
    (prefect.root / "deployments/more").symlink_to(prefect.root / "elsewhere")
    (prefect.root / "deployments/loop").symlink_to(prefect.root / "deployments")
    assert ids(prefect.load()) == ["a", "b"]


def test_overlay_patches_the_base_it_extends(prefect):
    base = prefect.write("deployments/any-name.yaml", BASE)
    overlay = prefect.write(
        "staging/patch.yaml",
        """\
extends: refinement
$schema: ../manifest.schema.json
tags: [c]
work_pool: null
schedule: {value: 0 7 * * *}
parameters:
  nested: {drop: null, more: {x: null, y: 3}}
""",
    )
    (loaded,) = prefect.load("staging")
    assert loaded.document == {
        "id": "refinement",
        "name": "hotpass-refinement",
        "flow": "a.b:c",
        "tags": ["c"],
        "schedule": {"value": "0 7 * * *", "timezone": "UTC"},
        "parameters": {"nested": {"keep": 1, "more": {"y": 3}}, "since": None},
    }
    assert (loaded.path, loaded.sources) == (overlay, (overlay, base))
    assert loaded.manifest.declared == set(loaded.document)


def test_overlay_is_only_what_it_declares(prefect):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("prod/b.yaml")
    assert ids(prefect.load("prod")) == ["b"]


def test_chain_of_bases_merges_from_the_bottom(prefect):
    prefect.write("deployments/a.yaml", "name: a\nflow: a:b\nparameters: {a: 1, b: 1, c: 1}\n")
    prefect.write("deployments/b.yaml", "id: b\nextends: a\nname: b\nparameters: {b: 2, c: 2}\n")
    prefect.write("prod/c.yaml", "extends: b\nparameters: {c: 3}\n")
    (loaded,) = prefect.load("prod")
    assert (loaded.manifest.id, loaded.manifest.name) == ("b", "b")
    assert loaded.manifest.parameters == {"a": 1, "b": 2, "c": 3}
    assert [path.name for path in loaded.sources] == ["c.yaml", "b.yaml", "a.yaml"]


def test_one_base_may_be_extended_twice_under_two_ids(prefect):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("prod/x.yaml", "extends: refinement\n")
    prefect.write("prod/y.yaml", "id: hourly\nextends: refinement\nname: hourly\n")
    assert ids(prefect.load("prod")) == ["hourly", "refinement"]


def test_base_directory_may_be_elsewhere(prefect):
    prefect.write("common/a.yaml", BASE)
    prefect.write("rings/eu/prod/x.yaml", "extends: refinement\n")
    assert ids(prefect.load("rings/eu/prod", base_dir=prefect.root / "common")) == ["refinement"]


def test_relative_directories_find_the_base(prefect, monkeypatch):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("prod/x.yaml", "extends: refinement\n")
    monkeypatch.chdir(prefect.root / "prod")
    assert ids(load_selection(Path("."))) == ["refinement"]
    monkeypatch.chdir(prefect.root)
    assert ids(load_selection(Path("prod"))) == ["refinement"]


def test_problem_in_a_merged_value_names_the_file_that_declared_it(prefect):
    prefect.write("deployments/a.yaml", BASE.replace("0 6 * * *", "bogus"))
    prefect.write("prod/x.yaml", "extends: refinement\nschedule:\n  timezone: Mars/Base\n")
    assert [message.split(": found")[0] for message in prefect.problems("prod")] == [
        "deployments/a.yaml:7: schedule.value",
        "prod/x.yaml:3: schedule.timezone",
    ]


def test_key_that_an_overlay_removed_is_missing_from_the_overlay(prefect):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("prod/x.yaml", "# patch\nextends: refinement\nname: null\nschedule:\n  value: null\n")
    assert [message.split("; allowed")[0] for message in prefect.problems("prod")] == [
        "prod/x.yaml:1: name: found nothing",
        "prod/x.yaml:4: schedule.value: found nothing",
    ]


def test_one_mistake_in_a_base_is_told_once(prefect):
    prefect.write("deployments/a.yaml", BASE.replace("UTC", "Mars/Base"))
    prefect.write("prod/x.yaml", "extends: refinement\n")
    prefect.write("prod/y.yaml", "id: hourly\nextends: refinement\n")
    assert len(prefect.problems("prod")) == 1


def test_unknown_base_lists_what_there_is(prefect):
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("deployments/b.yaml")
    prefect.write("prod/x.yaml", "extends: refinment\n")
    prefect.write("prod/y.yaml", "\nextends: 5\n")
    prefect.write("prod/z.yaml", 'extends: ""\n')
    allowed = "allowed: an id in deployments: b, refinement"
    assert prefect.problems("prod") == [
        f'prod/x.yaml:1: extends: found "refinment"; {allowed}',
        f"prod/y.yaml:2: extends: found 5; {allowed}",
        f'prod/z.yaml:1: extends: found ""; {allowed}',
    ]


def test_overlays_do_not_extend_each_other(prefect):
    prefect.write("prod/a.yaml", BASE)
    prefect.write("prod/b.yaml", "id: b\nextends: refinement\n")
    assert prefect.problems("prod") == [
        'prod/b.yaml:2: extends: found "refinement"; '
        "allowed: an id in deployments: nothing, for there are no manifests there"
    ]


def test_circles_are_refused(prefect):
    prefect.write("deployments/a.yaml", "id: a\nextends: b\n")
    prefect.write("deployments/b.yaml", "extends: a\nid: b\n")
    prefect.write("deployments/c.yaml", "extends: c\nid: c\n")
    assert prefect.problems() == [
        "deployments/a.yaml:2: extends: found the circle b -> a -> b; allowed: a chain with an end",
        "deployments/b.yaml:1: extends: found the circle a -> b -> a; allowed: a chain with an end",
        "deployments/c.yaml:1: extends: found the circle c -> c; allowed: a chain with an end",
    ]


def test_very_long_chains_are_refused(prefect):
    prefect.write("deployments/m0.yaml")
    for number in range(1, 1200):
        prefect.write(f"deployments/m{number}.yaml", f"id: m{number}\nextends: m{number - 1}\n")
    assert "found a chain of more than 32 manifests; allowed: at most 32" in prefect.problems()[0]
    assert ids(prefect.load(flows=["m31"])) == ["m31"]


def test_same_id_twice_names_both_files(prefect):
    first = prefect.write("deployments/a.yaml", BASE)
    prefect.write("deployments/b.yaml", "name: n\nflow: a:b\nid: refinement\n")
    prefect.write("deployments/refinement.yaml")
    assert prefect.problems() == [
        f'deployments/{name}: id: found "refinement", which deployments/{first.name} has too; allowed: each id once'
        for name in ("b.yaml:3", "refinement.yaml:1")
    ]


def test_problems_of_the_base_count_only_when_it_is_used(prefect):
    prefect.write("deployments/broken.yaml", "name: [\n")
    prefect.write("deployments/a.yaml", BASE)
    prefect.write("prod/b.yaml")
    assert ids(prefect.load("prod")) == ["b"]
    prefect.write("prod/c.yaml", "extends: refinement\n")
    assert [message.split(": found")[0] for message in prefect.problems("prod")] == ["deployments/broken.yaml:2: YAML"]


def test_flows_select_by_id(prefect):
    for name in "abc":
        prefect.write(f"deployments/{name}.yaml")
    assert ids(prefect.load(flows=["c", "a", "c"])) == ["a", "c"]


def test_flows_leave_alone_what_they_do_not_select(prefect):
    prefect.write("deployments/good.yaml")
    prefect.write("deployments/bad.yaml", "name: n\n")
    assert ids(prefect.load(flows=["good"])) == ["good"]


@pytest.mark.parametrize(
    ("flows", "found", "allowed"),
    [
        (["b", "x"], '"x"', "a, b"),
        ([], "an empty list", "a list of ids, or nothing for all of: a, b"),
        ("ab", '"ab"', "a list of ids, or nothing for all of: a, b"),
    ],
)
def test_unknown_flows_are_refused(prefect, flows, found, allowed):
    prefect.write("deployments/a.yaml")
    prefect.write("deployments/b.yaml")
    assert prefect.problems(flows=flows) == [f"deployments: flows: found {found}; allowed: {allowed}"]


def test_directories_that_select_nothing_are_refused(prefect):
    (prefect.root / "empty").mkdir()
    prefect.write("file.yaml")
    assert prefect.problems("empty") == ["empty: manifest_dir: found no manifest; allowed: at least one manifest"]
    assert prefect.problems("none") == ["none: manifest_dir: found nothing there; allowed: a directory of manifests"]
    assert prefect.problems("file.yaml") == [
        "file.yaml: manifest_dir: found something else; allowed: a directory of manifests"
    ]
    prefect.write("prod/x.yaml", "extends: a\n")
    assert prefect.problems("prod", base_dir=prefect.root / "none") == [
        "none: manifest_dir: found nothing there; allowed: a directory of manifests"
    ]


def test_files_that_cannot_be_read_are_problems(prefect):
    prefect.write("deployments/big.yaml", "name: n\n" + "#" * (1024 * 1024))
    prefect.write("deployments/latin.yaml", b"name: n\nflow: a:b\ndescription: caf\xe9\n")
    prefect.write("deployments/utf16.yaml", "name: n\n".encode("utf-16"))
    os.mkfifo(prefect.root / "deployments/pipe.yaml")
    (prefect.root / "deployments/broken.yaml").symlink_to("nowhere")
    assert prefect.problems() == [
        "deployments/big.yaml: file: found 1048584 bytes; allowed: at most 1048576 bytes",
        "deployments/broken.yaml: file: found no way to read it (No such file or directory); allowed: a readable file",
        "deployments/latin.yaml:3: file: found the byte 0xe9; allowed: text in UTF-8",
        "deployments/pipe.yaml: file: found something that is not a regular file; allowed: a regular file",
        "deployments/utf16.yaml:1: file: found the byte 0xff; allowed: text in UTF-8",
    ]
