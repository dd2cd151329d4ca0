# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stranger checks a bundle with what the document gives him, and none of our code."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.support import attesting
from tests.support.attesting import ROOT, Cast, Person
from tests.support.evidence_bundles import Sealer, moment

TEXT: t.Final = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
NAME: t.Final = moment(1)


def _block(language: str, holding: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (found,) = (block for block in blocks if holding in block)
    return str(found)


PROGRAM: t.Final = _block("python", "def verify(")
COMMANDS: t.Final = _block("sh", "sha256sum --check")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> Path:
    sealer = Sealer.of(tmp_path_factory.mktemp("evidence"), "hotpass", people)
    return sealer.seal(None, NAME, live=False, generation=7, release=attesting.RELEASE).path


def _with_python(bundle: Path, who: Person) -> bool:
    place = bundle.parent
    (place / "verify.py").write_text(PROGRAM, encoding="utf-8")
    (place / "promoter.pub.pem").write_text(who.key.public_key, encoding="ascii")
    argv = [sys.executable, "-I", "verify.py", bundle.name, "promoter.pub.pem"]
    done = subprocess.run(argv, cwd=place, capture_output=True, text=True, check=False)
    assert (f'"name": "{NAME}"' in done.stdout) is (done.returncode == 0)
    return done.returncode == 0


def _with_openssl(bundle: Path, who: Person) -> bool:
    (bundle.parent / "promoter.pub.pem").write_text(who.key.public_key, encoding="ascii")
    commands = COMMANDS.replace("/tmp/", f"{bundle.parent}/")
    return subprocess.run(["sh", "-c", commands], cwd=bundle, capture_output=True, check=False).returncode == 0


def test_the_documented_program_is_short_and_needs_cryptography_only() -> None:
    assert len([line for line in PROGRAM.splitlines() if line.strip()]) <= 40
    imported = {
        str(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(PROGRAM))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported == {"base64", "hashlib", "json", "pathlib", "sys", "cryptography"}


@pytest.mark.parametrize("accepts", [_with_python, _with_openssl])
def test_both_accept_the_bundle_and_nothing_else(
    original: Path, people: Cast, tmp_path: Path, accepts: t.Callable[[Path, Person], bool]
) -> None:
    bundle = Path(shutil.copytree(original, tmp_path / NAME))
    assert accepts(bundle, people.alice)
    assert not accepts(bundle, people.carol)
    assert not accepts(bundle, people.mallory)
    for file in sorted(file for file in bundle.rglob("*") if file.is_file()):
        data = file.read_bytes()
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        assert not accepts(bundle, people.alice), file
        file.unlink()
        assert not accepts(bundle, people.alice), file
        file.write_bytes(data)
    (bundle / "data/more.json").write_text("{}", encoding="utf-8")
    assert not accepts(bundle, people.alice)
    (bundle / "data/more.json").unlink()
    assert accepts(bundle, people.alice)


def test_the_documented_program_takes_no_other_name_and_no_link(original: Path, people: Cast, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(original, tmp_path / moment(2)))
    assert not _with_python(bundle, people.alice)
    bundle = bundle.rename(tmp_path / NAME)
    assert _with_python(bundle, people.alice)
    (bundle / "runs.json").rename(tmp_path / "runs.json")
    (bundle / "runs.json").symlink_to(tmp_path / "runs.json")
    assert not _with_python(bundle, people.alice)
