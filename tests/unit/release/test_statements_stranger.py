# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stranger verifies our statements with what the document gives him, and none of our code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from cryptography.exceptions import InvalidSignature

from tests.support import attesting
from tests.support.attesting import Cast, documented, documented_function

CODE = documented("python", "def verify(")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


def test_the_documented_verifier_is_short_and_needs_cryptography_only() -> None:
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 25
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(CODE))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported == {"base64", "json", "sys", "cryptography"}


@pytest.mark.parametrize("kind", ["provenance", "promotion", "rollback", "approval", "veto", "evidence"])
def test_the_documented_verifier_accepts_ours_and_nobody_else_s(people: Cast, kind: str) -> None:
    statement, signer, _role = attesting.every_kind(people)[kind]
    verify = documented_function("verify")
    envelope = statements.sign(statement, signer.key)
    assert verify(envelope, signer.key.public_key.encode()) == statement
    with pytest.raises(InvalidSignature):
        verify(envelope, people.mallory.key.public_key.encode())
    with_another = statements.add_signature(envelope, people.mallory.key)
    assert verify(with_another, signer.key.public_key.encode()) == statement


def test_the_documented_verifier_runs_as_a_program(people: Cast, tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_text(CODE, encoding="utf-8")
    envelope = statements.sign(attesting.provenance(), people.builder.key)
    (tmp_path / "envelope.json").write_bytes(envelope)
    for who, status in ((people.builder, 0), (people.mallory, 1)):
        (tmp_path / "key.pem").write_text(who.key.public_key, encoding="ascii")
        argv = [sys.executable, "-I", "verify.py", "envelope.json", "key.pem"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == status
        assert ("https://slsa.dev/provenance/v1" in done.stdout) is (status == 0)


@pytest.mark.parametrize("kind", ["provenance", "promotion", "rollback", "approval", "veto", "evidence"])
def test_the_documented_openssl_commands_verify_ours(people: Cast, tmp_path: Path, kind: str) -> None:
    statement, signer, _role = attesting.every_kind(people)[kind]
    envelope = statements.sign(statement, signer.key)
    commands = documented("sh", "openssl pkeyutl -verify")

    def status(data: bytes, public: str) -> int:
        (tmp_path / "envelope.json").write_bytes(data)
        (tmp_path / "builder.pub.pem").write_text(public, encoding="ascii")
        done = subprocess.run(["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ("Signature Verified Successfully" in done.stdout) is (done.returncode == 0), done
        return done.returncode

    assert status(envelope, signer.key.public_key) == 0
    assert status(envelope, people.mallory.key.public_key) != 0
    half = len(envelope) // 3
    flipped = envelope[:half] + (b"A" if envelope[half : half + 1] != b"A" else b"B") + envelope[half + 1 :]
    assert status(flipped, signer.key.public_key) != 0


def test_a_key_made_by_openssl_signs_what_openssl_verifies(tmp_path: Path) -> None:
    from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys

    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "theirs.pem"], cwd=tmp_path, check=True)
    (tmp_path / "theirs.pem").chmod(0o600)
    key = keys.load_signing_key(tmp_path / "theirs.pem")
    (tmp_path / "builder.pub.pem").write_text(key.public_key, encoding="ascii")
    (tmp_path / "envelope.json").write_bytes(statements.sign(attesting.provenance(), key))
    commands = documented("sh", "openssl pkeyutl -verify")
    done = subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
