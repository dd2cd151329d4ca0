# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 keys in files: making a pair, and loading the private half to sign with."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import secrets
import stat
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import (
    CryptoSigner,
    Ed25519PrivateKey,
    Ed25519PublicKey,
    Signature,
    SSlibKey,
    UnsupportedAlgorithm,
    serialization,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_LARGEST_FILE = 64 * 1024
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_HOW_TO_GET = "get it from whoever holds the private key; an embedded ring makes its keys in its first promotion"
_HOW_TO_MAKE = "make one with the module hotpass_key or with: openssl genpkey -algorithm ed25519"


@dataclasses.dataclass(frozen=True)
class SigningKey:
    """A private key, ready to sign. Neither its text nor its ``repr`` shows the private half.

    :param name: who signs, as people call it; the ring's trust has the name that counts.
    :param key_id: the name of the public half, 64 hexadecimal digits, as securesystemslib computes it.
    :param public_key: the public half as PEM.
    """

    name: str
    key_id: str
    public_key: str
    _signer: CryptoSigner = dataclasses.field(repr=False, compare=False)

    def sign(self, payload: bytes) -> Signature:
        """The signature over exactly these bytes, with :attr:`key_id` in it."""
        return self._signer.sign(payload)


def load_signing_key(path: str | Path, passphrase: str | None = None, name: str | None = None) -> SigningKey:
    """The private key in a PEM file (PKCS#8, encrypted or not).

    :param name: by default the file's name without its ending.
    :raises CollectionError: when there is no such file, others may read it, it needs another passphrase, or it holds
        anything but an ed25519 private key. No sentence quotes the file or the passphrase.
    """
    found = _load_private(Path(path), passphrase)
    public = found.public_key()
    return SigningKey(
        name=checked_key_name(Path(path).stem if name is None else name),
        key_id=key_id_of(public),
        public_key=public_pem(public),
        _signer=CryptoSigner(found),
    )


def create_key_pair(path: str | Path, name: str, passphrase: str | None = None) -> str:
    """Make a pair, write the private half to a new file that only its owner can read, and return the public PEM.

    The file appears whole or not at all, and one that is there is never overwritten. A passphrase encrypts it.

    :raises CollectionError: when the file exists, or cannot be written.
    """
    checked_key_name(name)
    _check_passphrase(passphrase)
    private = Ed25519PrivateKey.generate()
    encryption = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase.encode())
    )
    data = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    try:
        _write(Path(path), data, 0o600, os.link)
    except OSError as error:
        if os.path.lexists(path):
            raise CollectionError(
                f"The key file {path} exists already, and a key is never overwritten; name another path, or move it "
                "away."
            ) from None
        raise CollectionError(
            f"The key file {path} of {name} cannot be written ({error.strerror}); name a path in a directory of a "
            "local file system that the user who runs this may write to."
        ) from None
    return public_pem(private.public_key())


def write_public_key(path: str | Path, public_key: str) -> None:
    """Write a public PEM to a file that everybody may read, in place of another public key if there is one.

    :raises CollectionError: when something else stands there, or it cannot be written.
    """
    if os.path.lexists(path):
        parse_public_key(read_key_file(path), f"The file {path}, which would be overwritten,")
    try:
        _write(Path(path), public_key.encode(), 0o644, os.replace)
    except OSError as error:
        raise CollectionError(
            f"The public key file {path} cannot be written ({error.strerror}); name a path in a directory that the "
            "user who runs this may write to."
        ) from None


def public_key_of(path: str | Path, passphrase: str | None = None) -> str:
    """The public PEM of the key in a file, which is private (guarded as in :func:`load_signing_key`) or public.

    :raises CollectionError: as :func:`load_signing_key` does.
    """
    text = read_key_file(path)
    if "PRIVATE KEY" not in text:
        return public_pem(parse_public_key(text, f"The key file {path}"))
    return public_pem(_load_private(Path(path), passphrase).public_key())


def read_key_file(path: str | Path) -> str:
    """The text of a public key's file, not looked at.

    :raises CollectionError: when it cannot be read, or is no plain file of a sensible size.
    """
    with _opened(Path(path), _HOW_TO_GET) as file:
        return _text(Path(path), file.read(_LARGEST_FILE + 1))


def parse_public_key(text: str, what: str) -> Ed25519PublicKey:
    """The ed25519 public key in a PEM text.

    :param what: begins the sentence when it is none.
    :raises CollectionError: for anything else; a private key is refused without being quoted.
    """
    if "PRIVATE KEY" in text:
        raise CollectionError(
            f"{what} holds a private key, which belongs to its signer alone; give the public half, as made by "
            "openssl pkey -pubout."
        )
    try:
        found = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise CollectionError(f"{what} holds no public key in PEM (-----BEGIN PUBLIC KEY-----).") from None
    if not isinstance(found, Ed25519PublicKey):
        raise CollectionError(f"{what} holds a key of another kind; allowed is ed25519.")
    return found


def public_pem(key: Ed25519PublicKey) -> str:
    """The key as PEM, with a line break at the end."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def key_id_of(key: Ed25519PublicKey) -> str:
    """64 hexadecimal digits: what securesystemslib calls the public key."""
    return SSlibKey.from_crypto(key).keyid


def checked_key_name(name: t.Any, what: str = "The name of the key") -> str:
    """The name itself.

    :raises CollectionError: when it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CollectionError(
            f"{what} is {str(name)[:100]!r}; allowed are up to 100 letters, digits and . _ @ + - after a first letter "
            "or digit."
        )
    return name


def _load_private(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    _check_passphrase(passphrase)
    with _opened(path, _HOW_TO_MAKE) as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & _OTHERS_MAY:
            raise CollectionError(
                f"The key file {path} can be read or written by others (mode "
                f"{stat.S_IMODE(os.fstat(file.fileno()).st_mode):04o}); only its owner may, so chmod 600 it, and "
                "replace the key if somebody had access."
            )
        data = file.read(_LARGEST_FILE + 1)
    encrypted = "ENCRYPTED" in _text(path, data)
    if encrypted and passphrase is None:
        raise CollectionError(f"The key file {path} is encrypted; give its passphrase.")
    if not encrypted and passphrase is not None:
        raise CollectionError(
            f"A passphrase is given for the key file {path}, which is not encrypted; leave the passphrase out, or "
            "encrypt the file with: openssl pkcs8 -topk8 -v2 aes-256-cbc."
        )
    try:
        found = serialization.load_pem_private_key(data, passphrase.encode() if passphrase is not None else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CollectionError(
            f"The key file {path} cannot be decrypted; its passphrase is another, or the file is damaged."
            if encrypted
            else f"The key file {path} holds no private key in PEM (PKCS#8); {_HOW_TO_MAKE}."
        ) from None
    if not isinstance(found, Ed25519PrivateKey):
        raise CollectionError(f"The key file {path} holds a key of another kind; allowed is ed25519: {_HOW_TO_MAKE}.")
    return found


def _check_passphrase(passphrase: str | None) -> None:
    if passphrase == "":
        raise CollectionError("The passphrase of the key is empty; leave it out for a key without one.")


@contextlib.contextmanager
def _opened(path: Path, advice: str) -> t.Iterator[t.BinaryIO]:
    """The file, open for reading; a pipe, which would be waited for, is refused.

    :param advice: what to do when there is none.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CollectionError(f"The key file {path} is no plain file.")
            yield file
    except IsADirectoryError:
        raise CollectionError(f"The key file {path} is no plain file.") from None
    except FileNotFoundError:
        raise CollectionError(f"There is no key file {path}; {advice}.") from None
    except OSError as error:
        raise CollectionError(
            f"The key file {path} cannot be read ({error.strerror}); it takes the user who owns it."
        ) from None


def _text(path: Path, data: bytes) -> str:
    if len(data) > _LARGEST_FILE:
        raise CollectionError(f"The key file {path} is larger than {_LARGEST_FILE} bytes, which no key is.")
    return data.decode("ascii", "replace")


def _write(path: Path, data: bytes, mode: int, place: t.Callable[[Path, Path], None]) -> None:
    """Write to a file beside it, and put that in its place: by a link, which never overwrites, or by a rename."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        place(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
