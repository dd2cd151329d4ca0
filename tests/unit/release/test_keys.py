# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key files: what is made, what is loaded, what is refused, and that nothing secret is said on the way."""

from __future__ import annotations

import os
import stat
import subprocess
import traceback
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.attesting import documented, documented_function

PASSPHRASE = "zebra-crossing-77"


def openssl(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def refusal(path: Path, passphrase: str | None = None) -> str:
    with pytest.raises(CollectionError) as caught:
        keys.load_signing_key(path, passphrase)
    told = "".join(traceback.format_exception(caught.value))
    assert PASSPHRASE not in told
    if path.is_file():
        secret = path.read_text(encoding="ascii", errors="replace").splitlines()[1:2]
        assert not [line for line in secret if len(line) > 8 and line in told]
    return caught.value.message


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE, "ünïcode ☃"])
def test_what_is_made_can_be_loaded_and_signs(tmp_path: Path, passphrase: str | None) -> None:
    path = tmp_path / "keys" / "alice.pem"
    public = keys.create_key_pair(path, "alice", passphrase)
    key = keys.load_signing_key(path, passphrase)
    assert (key.name, key.public_key) == ("alice", public)
    signature = key.sign(b"some bytes")
    assert signature.keyid == key.key_id
    loaded = serialization.load_pem_public_key(public.encode())
    loaded.verify(bytes.fromhex(signature.signature), b"some bytes")
    assert keys.public_key_of(path, passphrase) == public


def test_two_pairs_differ(tmp_path: Path) -> None:
    assert keys.create_key_pair(tmp_path / "a", "a") != keys.create_key_pair(tmp_path / "b", "b")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_can_read_a_new_key_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "alice.pem"
    before = os.umask(umask)
    try:
        keys.create_key_pair(path, "alice")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert [file.name for file in tmp_path.iterdir()] == ["alice.pem"]


@pytest.mark.parametrize("what", ["file", "directory", "dangling link"])
def test_nothing_is_ever_overwritten(tmp_path: Path, what: str) -> None:
    path = tmp_path / "alice.pem"
    if what == "file":
        path.write_text("precious", encoding="utf-8")
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CollectionError, match=r"exists already, and a key is never overwritten"):
        keys.create_key_pair(path, "alice")
    assert sorted(tmp_path.iterdir()) == [path]
    assert what != "file" or path.read_text(encoding="utf-8") == "precious"


def test_the_passphrase_encrypts(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    keys.create_key_pair(path, "alice", PASSPHRASE)
    with pytest.raises(TypeError):
        serialization.load_pem_private_key(path.read_bytes(), None)


def test_a_key_shows_nothing_of_its_private_half(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    keys.create_key_pair(path, "alice")
    private = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    shown = repr(keys.load_signing_key(path)) + str(keys.load_signing_key(path))
    assert private.private_bytes_raw().hex() not in shown
    assert path.read_text(encoding="ascii").splitlines()[1] not in shown
    assert "alice" in shown


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601, 0o644, 0o660, 0o777])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "alice.pem"
    keys.create_key_pair(path, "alice")
    path.chmod(mode)
    message = refusal(path)
    assert f"(mode {mode:04o})" in message
    assert "chmod 600" in message
    path.chmod(0o400)
    assert keys.load_signing_key(path).name == "alice"


def test_the_wrong_passphrase_is_told_from_none(tmp_path: Path) -> None:
    sealed, plain = tmp_path / "sealed.pem", tmp_path / "plain.pem"
    keys.create_key_pair(sealed, "alice", PASSPHRASE)
    keys.create_key_pair(plain, "alice")
    assert refusal(sealed) == f"The key file {sealed} is encrypted; give its passphrase."
    assert "cannot be decrypted; its passphrase is another" in refusal(sealed, PASSPHRASE[:-1])
    assert "which is not encrypted" in refusal(plain, PASSPHRASE)
    for path in (sealed, plain):
        assert refusal(path, "").startswith("The passphrase of the key is empty")
    with pytest.raises(CollectionError, match="passphrase of the key is empty"):
        keys.create_key_pair(tmp_path / "new.pem", "alice", "")
    assert not (tmp_path / "new.pem").exists()


def test_a_file_that_is_no_such_key_is_refused_in_a_sentence(tmp_path: Path) -> None:
    def file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    plain = serialization.NoEncryption()
    other = generate_ec(SECP256R1()).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    ssh = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, plain
    )
    public = keys.create_key_pair(tmp_path / "whole.pem", "whole")
    whole = (tmp_path / "whole.pem").read_bytes()
    assert "holds a key of another kind; allowed is ed25519" in refusal(file("ec.pem", other))
    assert "holds no private key in PEM" in refusal(file("cut.pem", whole[:60]))
    assert "holds no private key in PEM" in refusal(file("empty.pem", b""))
    assert "holds no private key in PEM" in refusal(file("public.pem", public.encode()))
    assert "holds no private key in PEM" in refusal(file("text.pem", b"\xff\x00 no key"))
    assert "holds no private key in PEM" in refusal(file("ssh.pem", ssh))
    assert "is larger than 65536 bytes" in refusal(file("large.pem", b"x" * 65_537))
    assert "There is no key file" in refusal(tmp_path / "missing.pem")
    assert "is no plain file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no plain file" in refusal(tmp_path / "pipe")
    damaged = file("damaged.pem", whole.replace(b"MC4C", b"MC4D"))
    assert "holds no private key in PEM" in refusal(damaged)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CollectionError, match=r"The key file .*/file/alice\.pem of alice cannot be written"):
        keys.create_key_pair(tmp_path / "file" / "alice.pem", "alice")
    with pytest.raises(CollectionError, match=r"The public key file .*/file/alice\.pem cannot be written"):
        keys.write_public_key(tmp_path / "file" / "alice.pem", keys.create_key_pair(tmp_path / "a", "a"))


@pytest.mark.parametrize("name", ["", " alice", "-alice", "a/b", "a b", "a\n", "é", "a" * 101])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CollectionError, match="The name of the key is"):
        keys.create_key_pair(tmp_path / "alice.pem", name)
    assert not list(tmp_path.iterdir())


def test_openssl_and_the_collection_take_each_other_s_keys(tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "ed25519", "-out", "theirs.pem", cwd=tmp_path)
    sealed = ("-aes-256-cbc", "-pass", f"pass:{PASSPHRASE}")
    openssl("genpkey", "-algorithm", "ed25519", *sealed, "-out", "sealed.pem", cwd=tmp_path)
    for name, passphrase in (("theirs", None), ("sealed", PASSPHRASE)):
        path = tmp_path / f"{name}.pem"
        path.chmod(0o600)
        given = ("-passin", f"pass:{passphrase}") if passphrase else ()
        public = openssl("pkey", "-in", path.name, *given, "-pubout", cwd=tmp_path)
        key = keys.load_signing_key(path, passphrase)
        assert (key.name, key.public_key) == (name, public)
    ours = keys.create_key_pair(tmp_path / "ours.pem", "ours", PASSPHRASE)
    read = openssl("pkey", "-in", "ours.pem", "-passin", f"pass:{PASSPHRASE}", "-pubout", cwd=tmp_path)
    assert read == ours


def test_the_documented_openssl_commands_make_a_key(tmp_path: Path) -> None:
    commands = documented("sh", "openssl genpkey").replace("-aes-256-cbc", f"-aes-256-cbc -pass pass:{PASSPHRASE}")
    commands = commands.replace("openssl pkey ", f"openssl pkey -passin pass:{PASSPHRASE} ")
    subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, check=True, capture_output=True)
    key = keys.load_signing_key(tmp_path / "alice.pem", PASSPHRASE)
    assert keys.public_key_of(tmp_path / "alice.pub.pem") == key.public_key


def test_the_documented_key_id_is_the_one_used(tmp_path: Path) -> None:
    public = keys.create_key_pair(tmp_path / "alice.pem", "alice")
    assert documented_function("key_id")(public.encode()) == keys.load_signing_key(tmp_path / "alice.pem").key_id


def test_a_public_key_takes_the_place_of_another_and_of_nothing_else(tmp_path: Path) -> None:
    first, second = (keys.create_key_pair(tmp_path / name, name) for name in ("a", "b"))
    path = tmp_path / "public" / "key.pem"
    for public in (first, second):
        keys.write_public_key(path, public)
        assert path.read_text(encoding="ascii") == public == keys.public_key_of(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    for precious in ("shopping list", (tmp_path / "a").read_text(encoding="ascii")):
        path.write_text(precious, encoding="ascii")
        with pytest.raises(CollectionError, match=r"The file .*key\.pem, which would be overwritten, holds"):
            keys.write_public_key(path, first)
        assert path.read_text(encoding="ascii") == precious
    assert [file.name for file in path.parent.iterdir()] == ["key.pem"]
