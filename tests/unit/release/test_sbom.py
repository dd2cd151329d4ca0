# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock and the bill of materials that is made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import requirements, sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.support.doors import ROOT

ZEROS, ONES = "0" * 64, "1" * 64
LOCK = f"""\
# made by a tool
Flask-Thing[async]==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:{ONES} \\
    --hash=sha256:{ZEROS}
    # via -r flows.in
flask_thing==2.1 ; python_full_version >= '3.12' --hash=sha512:{"2" * 128}
    # via
    #   -c dev.txt
    #   -r flows.in
werkzeug==3.0.1 --hash=sha256:{ZEROS}
    # via flask-thing
lonely==1 --hash=sha256:{ZEROS}
"""


def document(lock: str = LOCK, commit: str = "c" * 40) -> dict[str, t.Any]:
    return t.cast(
        "dict[str, t.Any]", json.loads(sbom.build("hotpass", commit, requirements.read(lock.encode(), "flows.txt")))
    )


def test_the_lock_is_read() -> None:
    found = requirements.read(LOCK.encode(), "flows.txt")
    assert [(one.name, one.version, one.marker, one.needed_by) for one in found] == [
        ("flask-thing", "2.0", "python_full_version < '3.12'", ("",)),
        ("flask-thing", "2.1", "python_full_version >= '3.12'", ("",)),
        ("lonely", "1", "", ("",)),
        ("werkzeug", "3.0.1", "", ("flask-thing",)),
    ]
    assert found[0].hashes == (("sha256", ZEROS), ("sha256", ONES))
    assert requirements.versions(found) == {
        "flask-thing": ("2.0", "2.1"),
        "lonely": ("1",),
        "werkzeug": ("3.0.1",),
    }


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("", "flows.txt locks nothing"),
        ("# nothing\n", "flows.txt locks nothing"),
        ("flask==2.0\n", "flows.txt:1: flask has no hash"),
        (f"flask==2.0 --hash=sha256:{ZEROS[1:]}\n", "flows.txt:1: flask has no hash"),
        (f"flask==2.0 --hash=md5:{'0' * 32}\n", "found the option"),
        (f"\nflask>=2.0 --hash=sha256:{ZEROS}\n", "flows.txt:2: 'flask>=2.0' is not pinned"),
        (f"flask==2.* --hash=sha256:{ZEROS}\n", "is not pinned"),
        (f"flask --hash=sha256:{ZEROS}\n", "is not pinned"),
        (f"flask==2.0,!=2.1 --hash=sha256:{ZEROS}\n", "is not pinned"),
        (f"flask @ https://host.example/f.whl --hash=sha256:{ZEROS}\n", "is not pinned"),
        ("-r other.txt\n", "found the option '-r other.txt'"),
        ("-e .\n", "found the option"),
        ("--index-url https://host.example/simple\n", "found the option"),
        (f"!flask==2 --hash=sha256:{ZEROS}\n", "is no requirement"),
        (f"flask==2.0 --hash=sha256:{ZEROS}\n" * 2, None),
        (f"flask==2.0 --hash=sha256:{ZEROS}\nflask==2.0 --hash=sha256:{ONES}\n", "has flask==2.0 twice"),
    ],
)
def test_a_lock_that_locks_less_is_refused(lock: str, said: str | None) -> None:
    if said is None:
        assert len(requirements.read(lock.encode(), "flows.txt")) == 1
        return
    with pytest.raises(CollectionError) as caught:
        requirements.read(lock.encode(), "flows.txt")
    assert said in caught.value.message


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(CollectionError, match="no text in UTF-8"):
        requirements.read(b"\xff", "flows.txt")


def test_it_says_what_the_lock_says() -> None:
    made = document()
    components = {component["bom-ref"]: component for component in made["components"]}
    old = components["pkg:pypi/flask-thing@2.0 ; python_full_version < '3.12'"]
    assert (old["name"], old["version"], old["purl"]) == ("flask-thing", "2.0", "pkg:pypi/flask-thing@2.0")
    assert old["hashes"] == [{"alg": "SHA-256", "content": ZEROS}, {"alg": "SHA-256", "content": ONES}]
    assert old["properties"] == [{"name": sbom.MARKER, "value": "python_full_version < '3.12'"}]
    assert components["pkg:pypi/flask-thing@2.1 ; python_full_version >= '3.12'"]["hashes"][0]["alg"] == "SHA-512"
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in made["dependencies"]}
    assert needs["hotpass"] == [ref for ref in sorted(components) if "werkzeug" not in ref]
    assert [ref for ref, below in needs.items() if below == ["pkg:pypi/werkzeug@3.0.1"]] == sorted(
        ref for ref in components if "flask" in ref
    )
    assert made["metadata"] == {
        "component": {"bom-ref": "hotpass", "name": "hotpass", "type": "application", "version": "c" * 40}
    }


def test_it_is_the_same_every_time_and_named_by_what_it_says() -> None:
    assert document() == document()
    assert document()["serialNumber"] != document(commit="d" * 40)["serialNumber"]
    assert document()["serialNumber"] != document(LOCK.replace(ONES, "3" * 64))["serialNumber"]


@pytest.mark.parametrize("module", ["cyclonedx.model", "packaging.requirements"])
def test_a_missing_library_is_named_by_what_builds_and_by_nothing_else(module: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact, requirements
try:
    requirements.read(b"", "flows.txt")
except CollectionError as error:
    print(error.message)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    library = {"cyclonedx.model": "cyclonedx-python-lib", "packaging.requirements": "packaging"}[module]
    assert f"The Python that builds releases lacks the library {library} (" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.filterwarnings("error")
def test_what_is_shipped_is_valid_cyclonedx() -> None:
    lock = (ROOT / "requirements" / "prefect.txt").read_bytes()
    locked = requirements.read(lock, "requirements/prefect.txt")
    made = sbom.build("hotpass", "c" * 40, locked)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(made.decode()) is None
    assert validator.validate_str(made.decode().replace('"library"', '"libary"')) is not None
    assert len(json.loads(made)["components"]) == len(locked) > 50
    assert b"timestamp" not in made
