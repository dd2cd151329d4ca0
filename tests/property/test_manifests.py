# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of manifests, searched for exceptions: order, merging, round trips, and that nothing odd ever escapes."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import typing as t
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_selection
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node, merge
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import ManifestErrors, Problem
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schema import manifest_schema
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.yaml_reader import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect._internal.schemas.validators import validate_cron_string
from prefect.server.schemas.schedules import RRuleSchedule

from tests.support.strategies import manifests, parameters, scalars, texts, zones

pytestmark = pytest.mark.property

SCHEMA = jsonschema.Draft202012Validator(manifest_schema())


class CoreDumper(yaml.SafeDumper):
    """Writes plainly only what the core schema of YAML 1.2 reads back as the same value."""

    def resolve(self, kind: type[t.Any], value: t.Any, implicit: t.Any) -> str:
        if kind is not yaml.ScalarNode:
            return super().resolve(kind, value, implicit)
        types = {bool: "bool", int: "int", float: "float", type(None): "null", str: "str"}
        return f"tag:yaml.org,2002:{types[type(resolve(value) if implicit[0] else value)]}"


def dumped(document: t.Any, form: str) -> str:
    """The document as YAML or JSON."""
    if form == "json":
        return json.dumps(document, indent="\t")
    return yaml.dump(
        document,
        Dumper=CoreDumper,
        allow_unicode=False,
        sort_keys=False,
        default_flow_style=None if form == "flow" else False,
    )


class Directory:
    """A ``prefect/`` directory, fresh for every example."""

    def __enter__(self) -> Directory:
        self.root = Path(tempfile.mkdtemp())
        return self

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self.root)

    def write(self, name: str, content: bytes | str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def documents(self, directory: str = "deployments") -> list[dict[str, t.Any]]:
        return [loaded.document for loaded in load_selection(self.root / directory)]


def exact(value: t.Any) -> t.Any:
    """The value with its types, for Python thinks that 1, 1.0 and true are equal."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return type(value), value


@settings(max_examples=200, deadline=None)
@given(manifests, st.sampled_from(["yaml", "flow", "json"]))
def test_valid_manifests_survive_writing_and_reading(document, form):
    with Directory() as prefect:
        prefect.write(f"deployments/m.{'json' if form == 'json' else 'yaml'}", dumped(document, form))
        (read,) = load_selection(prefect.root / "deployments")
    assert exact(read.document) == exact({"id": "m", **document})
    assert read.manifest.declared == set(read.document)


@settings(max_examples=200, deadline=None)
@given(manifests)
def test_what_loads_fits_the_published_schema(document):
    assert list(SCHEMA.iter_errors(document)) == []
    assert list(SCHEMA.iter_errors({"extends": "base", **document})) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(manifests, min_size=2, max_size=4),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=4, max_size=4, unique=True),
    st.randoms(),
)
def test_order_and_names_of_files_never_matter(documents, stems, random):
    documents = [{**document, "id": f"m{number}"} for number, document in enumerate(documents)]
    answers = []
    for _attempt in range(2):
        random.shuffle(stems)
        with Directory() as prefect:
            for stem, document in zip(stems, random.sample(documents, len(documents)), strict=False):
                prefect.write(f"deployments/{stem}.yaml", dumped(document, "yaml"))
            answers.append(prefect.documents())
    assert exact(answers[0]) == exact(answers[1]) == exact(documents)


@settings(max_examples=60, deadline=None)
@given(manifests)
def test_empty_patch_is_the_base(document):
    with Directory() as prefect:
        prefect.write("deployments/a.yaml", dumped({"id": "base", **document}, "yaml"))
        prefect.write("prod/b.yaml", dumped({"extends": document.get("id", "base")}, "yaml"))
        assert exact(prefect.documents("prod")) == exact(prefect.documents())


@settings(max_examples=60, deadline=None)
@given(manifests, parameters, parameters)
def test_later_patches_win(document, first, second):
    document = {**document, "id": "base"}
    with Directory() as prefect:
        prefect.write("deployments/a.yaml", dumped(document, "yaml"))
        prefect.write("deployments/b.yaml", dumped({"id": "b", "extends": "base", "parameters": first}, "yaml"))
        prefect.write("prod/c.yaml", dumped({"extends": "b", "parameters": second}, "yaml"))
        (read,) = prefect.documents("prod")
    expected = patched(patched(document.get("parameters"), first), second)
    assert exact(read) == exact({**document, "id": "b", "parameters": expected})


def patched(base: t.Any, patch: t.Any) -> t.Any:
    """RFC 7396 in its own words."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


def node(value: t.Any, file: str, lines: t.Iterator[int]) -> Node:
    line = next(lines)
    if isinstance(value, dict):
        return Node({key: node(item, file, lines) for key, item in value.items()}, file, line)
    if isinstance(value, list):
        return Node([node(item, file, lines) for item in value], file, line)
    return Node(value, file, line)


def leaves(tree: Node, path: tuple[str, ...] = ()) -> t.Iterator[tuple[tuple[str, ...], Node]]:
    if isinstance(tree.value, dict):
        for key, child in tree.value.items():
            yield from leaves(child, (*path, key))
    else:
        yield path, tree


@settings(max_examples=200, deadline=None)
@given(parameters, parameters)
def test_merging_is_a_merge_patch_and_every_value_keeps_its_place(base, patch):
    below, above = node(base, "base", itertools.count()), node(patch, "patch", itertools.count())
    merged = merge(below, above)
    assert exact(merged.plain()) == exact(patched(base, patch))
    for path, leaf in leaves(merged):
        assert leaf is (above if leaf.file == "patch" else below).at(path)
    assert (below.plain(), above.plain()) == (base, patch)
    assert merge(merged, above).plain() == merged.plain()


def only_manifest_errors(name: str, content: bytes | str) -> None:
    with Directory() as prefect:
        prefect.write(f"deployments/{name}", content)
        problems: list[Problem] | None = None
        loaded: list[dict[str, t.Any]] = []
        try:
            loaded = prefect.documents()
        except ManifestErrors as refusal:
            problems = refusal.problems
    assert bool(problems) != bool(loaded)


yaml_letters = st.sampled_from(
    [
        *"ab:-?[]{},#&*!|>'\"%@` \n\t0.~<=\\\r\ufeff\x85\u2028",
        *("---\n", "...\n", "&a ", "*a", "!!", "<<: ", "\\x", "\\U"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["m.yaml", "m.json"]))
def test_random_bytes_raise_nothing_else(content, name):
    only_manifest_errors(name, content)


@settings(max_examples=300, deadline=None)
@given(st.lists(yaml_letters, max_size=30).map("".join), st.sampled_from(["m.yaml", "m.json"]))
def test_random_yaml_raises_nothing_else(content, name):
    only_manifest_errors(name, content)


any_key = st.sampled_from(sorted(manifest_schema()["$defs"]["Manifest"]["properties"]))
inner_key = st.sampled_from(
    [
        "kind",
        "value",
        "timezone",
        "anchor_date",
        "slug",
        "expect",
        "min",
        "max",
        "equals",
        "collision_strategy",
        "hours",
        "[key]",
    ]
)
odd = st.recursive(
    scalars | st.sampled_from(["cron", "interval", "rrule", "0 6 * * *", "FREQ=DAILY", float("nan"), "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(inner_key | texts, inner, max_size=4),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(any_key, odd, max_size=6))
def test_well_formed_nonsense_raises_nothing_else(document):
    only_manifest_errors("m.yaml", dumped(document, "yaml"))


odd_field = st.from_regex(r"[0-9*/,\-LlWw#?RrHh(]{1,5}", fullmatch=True)
cron_texts = st.tuples(
    st.sampled_from(["0", "*", "*/5", "1-10", "59/15", "5,10"]) | odd_field,
    st.sampled_from(["0", "*", "8-17", "23-2", "7/3"]) | odd_field,
    st.sampled_from(["1", "*", "?", "l", "31", "30,31", "1-5/100"]) | odd_field,
    st.sampled_from(["*", "2", "jan", "FEB-apr", "2-2"]) | odd_field,
    st.sampled_from(["*", "?", "mon", "0-7", "5#2", "L5", "sun#2"]) | odd_field,
    st.sampled_from(["", "", "0", "*/10", "0 2030", "0 1960", "0 *"]) | odd_field,
).map(" ".join) | st.sampled_from(["@daily", "@reboot", "@HOURLY"])


@settings(max_examples=600, deadline=None)
@given(cron_texts)
def test_prefect_takes_every_cron_that_is_taken(text):
    if not list(schedule.check({"value": text})):
        validate_cron_string(text.strip())


rule_parts = st.lists(
    st.sampled_from(
        [
            *("INTERVAL=2", "INTERVAL=0", "COUNT=3", "COUNT=0", "BYDAY=MO,TU", "BYDAY=ZZ", "BYMONTH=2", "BYMONTH=13"),
            *("BYMONTHDAY=30", "BYHOUR=6", "BYHOUR=24", "UNTIL=20300101T000000Z", "UNTIL=20300101T000000", "X=Y"),
        ]
    ),
    max_size=2,
)
frequencies = st.sampled_from(["FREQ=DAILY", "freq=yearly", "FREQ=SECONDLY", "FREQ=X", "WKST=MO"])
rules_alone = st.builds(lambda frequency, parts: ";".join([frequency, *parts]), frequencies, rule_parts)
rule_lines = st.sampled_from(
    [
        *("DTSTART:20240101T000000", "DTSTART:20240101T000000Z", "DTSTART;TZID=Africa/Cairo:20240101T000000"),
        *("RDATE:20240101T000000", "EXDATE:20240101T000000Z", "EXRULE:FREQ=WEEKLY", "DTSTART:x", ":", "RRULE:"),
    ]
)
rule_texts = rules_alone | st.builds(
    lambda lines, rule: "\n".join([*lines, f"RRULE:{rule}"]), st.lists(rule_lines, max_size=2), rules_alone
)


@settings(max_examples=600, deadline=None)
@given(rule_texts, zones)
def test_prefect_takes_every_rrule_that_is_taken(text, zone):
    entry = {"kind": "rrule", "value": text, **({"timezone": zone} if zone else {})}
    if not list(schedule.check(entry)):
        assert RRuleSchedule(rrule=text, timezone=zone or "UTC").to_rrule() is not None
