# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading YAML and JSON: positions, the core schema, and what is refused before a field is looked at."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_manifests as third_party
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.json_reader import read_json
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.yaml_reader import read_yaml


@pytest.fixture(params=["libyaml", "python"])
def parser(request, monkeypatch):
    """Both parsers of PyYAML: a host may lack the fast one."""
    if request.param == "libyaml":
        assert third_party.yaml.__with_libyaml__
    monkeypatch.setattr(third_party.yaml, "__with_libyaml__", request.param == "libyaml")
    return request.param


def plain(text):
    node, problems = read_yaml(text, "f")
    assert problems == []
    return node.plain()


def refusals(text, read=read_yaml):
    return [problem.message for problem in read(text, "f")[1]]


@pytest.mark.usefixtures("parser")
class TestYaml:
    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("on", "on"),
            ("yes", "yes"),
            ("No", "No"),
            ("12:30", "12:30"),
            ("2024-11-01", "2024-11-01"),
            ("2024-11-01T00:00:00Z", "2024-11-01T00:00:00Z"),
            ("true", True),
            ("FALSE", False),
            ("tRUE", "tRUE"),
            ("", None),
            ("~", None),
            ("Null", None),
            ("nULL", "nULL"),
            ("0123", 123),
            ("-5", -5),
            ("+5", 5),
            ("0o17", 15),
            ("0x1F", 31),
            ("0b1", "0b1"),
            ("1_000", "1_000"),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1.2.3", "1.2.3"),
            (".", "."),
            ("-", None),
            ("'5'", "5"),
            ('"true"', "true"),
            ("!!str 5", "5"),
            ("! 5", "5"),
            ('!!int "5"', 5),
            ("!!float 5", 5),
            ('!!null ""', None),
            ("=", "="),
        ],
    )
    def test_words_mean_what_the_core_schema_says(self, word, value):
        if word == "-":
            assert plain("a:\n  -\n") == {"a": [None]}
            return
        got = plain(f"a: {word}\n")["a"]
        assert (got, type(got)) == (value, type(value))

    def test_keys_are_text_also_where_they_look_like_yaml_1_1_words(self):
        assert plain("on: 1\nyes: 2\n12:30: 3\n'5': 4\n") == {"on": 1, "yes": 2, "12:30": 3, "5": 4}

    def test_every_value_knows_its_line(self):
        node, _problems = read_yaml("---\n# x\na:\n  b: |\n    t\n    u\n  c:\n    - 1\n\n    - d: 2\n", "f")
        lines = {
            path: node.at(path).line for path in [("a",), ("a", "b"), ("a", "c"), ("a", "c", 0), ("a", "c", 1, "d")]
        }
        assert lines == {("a",): 3, ("a", "b"): 4, ("a", "c"): 7, ("a", "c", 0): 8, ("a", "c", 1, "d"): 10}

    def test_aliases_copy_and_keep_the_lines_of_what_they_copy(self):
        node, problems = read_yaml("a: &x\n  b: 1\nc: *x\nd: &s text\ne: *s\n", "f")
        assert problems == []
        assert node.plain() == {"a": {"b": 1}, "c": {"b": 1}, "d": "text", "e": "text"}
        assert (node.at(("c",)).line, node.at(("c", "b")).line) == (3, 2)
        document = node.plain()
        document["a"]["b"] = 2
        assert document["c"] == {"b": 1}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: 1\nb: 2\na: 3\n", "f:3: a: found the key twice, first on line 1; allowed: each key once"),
            ("a:\n  b: 1\n  b: 2\n", "f:3: a.b: found the key twice, first on line 2; allowed: each key once"),
            ("1: x\n", "f:1: 1: found the key 1; allowed: a key that is text: put it in quotes"),
            ("a:\n  true: x\n", "f:2: a.true: found the key true; allowed: a key that is text: put it in quotes"),
            ("? \n: x\n", 'f:1: "": found the key null; allowed: a key that is text: put it in quotes'),
            ("? [a]\n: x\n", "f:1: YAML: found a mapping or list as a key; allowed: keys that are text"),
            ("a: &x k\n*x : 1\n", "f:2: YAML: found an alias as a key; allowed: keys that are text"),
            (
                "a: &x {b: 1}\nc:\n  <<: *x\n",
                'f:3: c.<<: found a merge key; allowed: extends, or the keys written out ("<<" in quotes as a name)',
            ),
            ("a: 1\n---\nb: 2\n", "f:2: YAML: found a second document; allowed: one document in a file"),
            ("", "f:1: YAML: found an empty document; allowed: one mapping"),
            ("# nothing\n", "f:1: YAML: found an empty document; allowed: one mapping"),
            (
                "a: !!python/object/apply:os.system [id]\n",
                'f:1: a: found the tag "tag:yaml.org,2002:python/object/apply:os.system"; allowed: values without tags',
            ),
            ("a: !vault x\n", 'f:1: a: found the tag "!vault"; allowed: values without tags'),
            ("!foo {a: 1}\n", 'f:1: YAML: found the tag "!foo"; allowed: values without tags'),
            ("a: !!int x\n", 'f:1: a: found "x"; allowed: a value that fits tag:yaml.org,2002:int'),
            ("a:\n- *x\n", "f:2: a[0]: found the alias *x; allowed: the alias of an anchor that ends before it"),
            ("a: &x [*x]\n", "f:1: a[0]: found the alias *x; allowed: the alias of an anchor that ends before it"),
            ("a: 1\nb: \x07\n", "f:2: YAML: found the character U+0007; allowed: printable characters"),
            ("a: " + "9" * 5000, "f:1: a: found a number of 5000 digits; allowed: a number of a sensible length"),
        ],
    )
    def test_what_could_surprise_is_refused(self, text, message):
        assert refusals(text) == [message]

    def test_syntax_errors_have_their_line(self):
        (message,) = refusals("a: 1\nb: [1\nc: 2\n")
        assert message.startswith("f:3: YAML: found a syntax error (")
        assert message.endswith("); allowed: well-formed YAML")

    @pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "%YAML 9.9\n---\na: 1", "%FOO\na: 1", "a: \t- b", "&a &b c"])
    def test_strange_texts_are_problems_too(self, text):
        assert len(refusals(text)) == 1

    def test_problems_with_keys_come_all_at_once(self):
        assert len(refusals("a: 1\na: 2\n1: 3\n<<: {}\n")) == 3
        assert len(refusals("a: 1\n" * 10_000)) == 101

    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{y}: &{y} [{','.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcdefghij", "bcdefghijk", strict=True)
            ),
            "a: &a " + "x" * 500_000 + "\nb: [" + "*a," * 100_000 + "*a]\n",
            "[" * 1_000_000,
            "{a: " * 250_000,
            "- " * 500_000,
            "".join(" " * depth + "a:\n" for depth in range(1400)),
            "a: [" + "1," * 500_000 + "1]",
            "a: " + "9" * 1_000_000,
        ],
        ids=["laughs", "long alias", "lists", "maps", "dashes", "indents", "wide", "digits"],
    )
    def test_bombs_are_refused_quickly(self, text, parser):
        start = time.process_time()
        assert len(refusals(text)) == 1
        assert time.process_time() - start < {"libyaml": 1, "python": 5}[parser]

    def test_depth_counts_through_aliases(self):
        text = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40 + "\n"
        assert refusals(text) == ["f:2: YAML: found more than 64 levels; allowed: at most 64 levels of nesting"]


class TestJson:
    def test_values_and_lines(self):
        node, problems = read_json(
            ' {\n\t"a": [1, -2.5e3,\n true, null, "x\\u00e9\\ud83d\\ude00\\/"],\r\n"b": {}, "c": []}\n', "f"
        )
        assert problems == []
        assert node.plain() == {"a": [1, -2500.0, True, None, "x\u00e9\U0001f600/"], "b": {}, "c": []}
        assert (node.line, node.at(("a",)).line, node.at(("a", 2)).line, node.at(("b",)).line) == (1, 2, 3, 4)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "f:1: JSON: found an empty document; allowed: one mapping"),
            ('{"a": 1,\n "a": 2}', "f:2: a: found the key twice, first on line 1; allowed: each key once"),
            ('{"a": 1}\n{}', "f:2: JSON: found more text after the document; allowed: one document in a file"),
            ('{"a": 1,}', "f:1: JSON: found a syntax error (a key in double quotes); allowed: well-formed JSON"),
            ("{'a': 1}", "f:1: JSON: found a syntax error (a key in double quotes); allowed: well-formed JSON"),
            ('{"a" 1}', "f:1: JSON: found a syntax error (a : is missing); allowed: well-formed JSON"),
            ('{"a": [1 2]}', "f:1: JSON: found a syntax error (a , is missing); allowed: well-formed JSON"),
            ('{"a":\n', "f:2: JSON: found a syntax error (expecting value); allowed: well-formed JSON"),
            (
                '{"a": NaN}',
                "f:1: JSON: found a number that JSON cannot hold; allowed: a finite number of a sensible length",
            ),
            ("[" * 100_000, "f:1: JSON: found more than 64 levels; allowed: at most 64 levels of nesting"),
            ("[" + "1," * 500_000 + "1]", "f:1: JSON: found too large a document; allowed: at most 50000 values"),
        ],
    )
    def test_refusals(self, text, message):
        assert refusals(text, read_json) == [message]
