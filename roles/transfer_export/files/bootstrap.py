# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin at a site without a network: check a transfer bundle, then install what it brings.

    python3 -I bootstrap.py hotpass.tar --key promoter.pub --into /opt/hotpass

needs nothing but a Python 3.11, 3.12 or 3.13 and the command ``openssl`` of version 3. It verifies the seal, every
hash and every header, and writes only then. DIR gets a virtual environment with Ansible, Prefect and the collection in
``environments/<name>``, and ``current`` leads to it. Running it again changes nothing; after a crash it goes on.

This file and the public key have to come from somewhere trusted, and not from the bundle that they are to check.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import typing as t
from pathlib import Path

PYTHONS = ((3, 11), (3, 12), (3, 13))
BLOCK, CHUNK, SMALL = 512, 1 << 20, 64 << 20
FIRST = ("transfer.json", "SHA256SUMS", "seal.dsse.json", "bootstrap.py")
OWN = FIRST[:3]
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://example.com/hotpass/prefect/transfer/v1"
LOCKS = ("requirements/runtime.txt", "requirements/prefect.txt")
ED25519 = bytes.fromhex("302a300506032b6570032100")
KINDS = {b"1": "a hard link", b"2": "a link", b"3": "a device", b"4": "a device", b"5": "a directory", b"6": "a FIFO"}
OLD_PLATFORMS = {"manylinux1": "2_5", "manylinux2010": "2_12", "manylinux2014": "2_17"}
MARK, WORK = "hotpass-environment.json", ".installing-"


class Refused(Exception):
    """Why nothing is installed, as one sentence."""


class Entry(t.NamedTuple):
    """Where a file of the bundle begins, and how many bytes it has."""

    start: int
    size: int


def entries(file: t.BinaryIO, length: int) -> dict[str, Entry]:
    """The files of the archive by name. Each header has to be the one that the writer makes, byte for byte."""
    found: dict[str, Entry] = {}
    position = 0
    while True:
        file.seek(position)
        header = file.read(BLOCK)
        if len(header) < BLOCK:
            raise Refused(f"The bundle was cut short: it ends at byte {length}, where a file should begin.")
        if header == bytes(BLOCK):
            break
        name, size = checked_header(header, position)
        if name in found:
            raise Refused(f"The bundle has {name!r} twice.")
        found[name] = Entry(position + BLOCK, size)
        end = position + BLOCK + size
        position = end + -size % BLOCK
        if position > length:
            raise Refused(f"The bundle was cut short: it ends at byte {length}, within {name!r}.")
        file.seek(end)
        if file.read(position - end).strip(b"\0"):
            raise Refused(f"The bundle has bytes after {name!r} that belong to no file.")
    if length != position + 2 * BLOCK or file.read(BLOCK) != bytes(BLOCK):
        raise Refused("The bundle does not end after its last file with two blocks of zeros; it was cut or added to.")
    for wanted, name in zip(in_order(found), found, strict=True):
        if wanted != name:
            raise Refused(f"The bundle has {name!r} where {wanted!r} has to be.")
    for name in OWN:
        if name not in found:
            raise Refused(f"The bundle lacks {name!r}; it is none, or not whole.")
    if len({name.lower() for name in found}) != len(found):
        raise Refused("The bundle has two names that differ only in upper and lower case.")
    return found


def in_order(names: t.Iterable[str]) -> list[str]:
    """The names as they follow each other in a bundle."""
    return sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def checked_header(header: bytes, position: int) -> tuple[str, int]:
    """Name and size of one file, whose name stays below the directory that it is meant for."""
    if header[257:262] != b"ustar":
        raise Refused(f"The bundle is no tar file, or was damaged: there is no header at byte {position}.")
    name, prefix = (header[a:b].rstrip(b"\0").decode("ascii", "replace") for a, b in ((0, 100), (345, 500)))
    path = f"{prefix}/{name}" if prefix else name
    if header[156:157] != b"0":
        kind = KINDS.get(header[156:157], "an unknown entry")
        raise Refused(f"The bundle has {kind} at {path!r}; allowed are files.")
    plain = re.fullmatch(r"[!-~]+", path) and "\\" not in path
    if not plain or any(part in ("", ".", "..") for part in path.split("/")):
        raise Refused(f"The bundle has the name {path!r}, at byte {position}, which does not stay below a directory.")
    member = tarfile.TarInfo(path)
    if re.fullmatch(rb"[0-7]{11}\0", header[124:136]):
        member.size = int(header[124:135], 8)
        if member.tobuf(tarfile.USTAR_FORMAT, "ascii") == header:
            return path, member.size
    raise Refused(f"The header of {path!r} is not as a bundle has it: its size, mode, owner, time or checksum differs.")


def pieces(file: t.BinaryIO, entry: Entry) -> t.Iterator[bytes]:
    """The bytes of one file, a part at a time."""
    file.seek(entry.start)
    left = entry.size
    while left:
        piece = file.read(min(left, CHUNK))
        if not piece:
            raise Refused("The bundle became shorter while it was read.")
        left -= len(piece)
        yield piece


def whole(file: t.BinaryIO, entry: Entry, name: str) -> bytes:
    """A small file."""
    if entry.size > SMALL:
        raise Refused(f"{name} has {entry.size} bytes; allowed are {SMALL}.")
    return b"".join(pieces(file, entry))


def sha256(parts: t.Iterable[bytes]) -> str:
    """The hash of bytes that come in parts."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part)
    return hashed.hexdigest()


def document(data: bytes, what: str) -> dict[str, t.Any]:
    """A JSON object that is written in the one way in which it can be."""
    try:
        found = json.loads(data)
        same = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == data
    except (ValueError, RecursionError):
        same = False
    if not same or not isinstance(found, dict):
        raise Refused(f"{what} is not canonical JSON; it was written by something else.")
    return found


def sealed(envelope: bytes, keys: list[bytes]) -> dict[str, t.Any]:
    """The statement in the seal, which one of the keys signed."""
    try:
        found = document(envelope, "The seal of the bundle")
        payload = base64.b64decode(found["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in found["signatures"]]
        kind = str(found["payloadType"])
    except (KeyError, TypeError, ValueError):
        raise Refused("The seal of the bundle is no DSSE envelope.") from None
    if len(signatures) != 1:
        raise Refused(f"The seal of the bundle has {len(signatures)} signatures; allowed is one.")
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    if kind != PAYLOAD_TYPE or not any(made(signatures[0], signed, key) for key in keys):
        raise Refused("The seal is not signed with a key that was given: the bundle is another's, or was sealed anew.")
    return document(payload, "The statement in the seal")


def made(signature: bytes, signed: bytes, key: bytes) -> bool:
    """Whether openssl says that this key signed these bytes."""
    with tempfile.TemporaryDirectory(prefix="hotpass-") as name:
        for file, data in (("key", key), ("signature", signature), ("signed", signed)):
            Path(name, file).write_bytes(data)
        files = ("-inkey", f"{name}/key", "-in", f"{name}/signed", "-sigfile", f"{name}/signature")
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files], capture_output=True, check=False
        )
    return done.returncode == 0


def public_key(path: str) -> bytes:
    """A public key in PEM, of the one kind that seals."""
    try:
        text = Path(path).read_text(encoding="ascii")
        (body,) = re.findall(r"-----BEGIN PUBLIC KEY-----\s(.+?)-----END PUBLIC KEY-----", text, re.DOTALL)
        raw = base64.b64decode("".join(body.split()), validate=True)
    except OSError as error:
        raise Refused(f"The key {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raw = b""
    if len(raw) != 44 or not raw.startswith(ED25519):
        raise Refused(f"{path} is no public ed25519 key in PEM.")
    return text.encode()


def verified(file: t.BinaryIO, keys: list[bytes]) -> tuple[dict[str, Entry], dict[str, t.Any]]:
    """Entries and document of a bundle in which every byte is the sealed one."""
    found = entries(file, os.fstat(file.fileno()).st_size)
    small = {name: whole(file, found[name], name) for name in OWN}
    statement = sealed(small["seal.dsse.json"], keys)
    subject = [{"digest": {"sha256": sha256([small["SHA256SUMS"]])}, "name": "SHA256SUMS"}]
    if statement.get("predicateType") != PREDICATE_TYPE or statement.get("subject") != subject:
        raise Refused("The seal is not about the SHA256SUMS of this bundle; one of the two was exchanged.")
    listed: dict[str, str] = {}
    for line in small["SHA256SUMS"].decode("ascii", "replace").splitlines():
        parts = re.fullmatch("([0-9a-f]{64})  (.+)", line)
        if not parts or parts[2] in listed:
            raise Refused(f"SHA256SUMS has the line {line[:200]!r}, which is none of its kind or there twice.")
        listed[parts[2]] = parts[1]
    odd = sorted(listed.keys() ^ (found.keys() - {"SHA256SUMS", "seal.dsse.json"}))
    if odd:
        where = "is listed and not in the bundle" if odd[0] in listed else "is in the bundle and not listed"
        raise Refused(f"{odd[0]!r} {where}; the bundle is not whole, or was added to.")
    for name, digest in listed.items():
        if sha256(pieces(file, found[name])) != digest:
            raise Refused(f"{name!r} was changed: it does not hash to what SHA256SUMS says.")
    about = document(small["transfer.json"], "transfer.json")
    here = {name: {"sha256": listed[name], "size": found[name].size} for name in listed if name != FIRST[0]}
    if about.get("files") != here:
        raise Refused("transfer.json lists other files than the bundle has.")
    predicate = statement.get("predicate", {})
    if any(predicate.get(field) != about.get(field) for field in ("solution", "ring", "kind", "heads", "base")):
        raise Refused("transfer.json and the seal contradict each other.")
    return found, about


def fits(about: dict[str, t.Any], wheels: t.Iterable[str]) -> None:
    """Refuse a bundle for another kind of machine, or one that installs nothing."""
    if about.get("format") != 1 or about.get("kind") != "releases":
        raise Refused(f"The bundle is of the kind {about.get('kind')!r}; to install, take one of the kind 'releases'.")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if about.get("python") != here:
        raise Refused(f"The bundle is for Python {about.get('python')}, and this is Python {here}.")
    machine = f"{platform.machine().lower()} with {' '.join(platform.libc_ver()) or platform.system()}"
    if not any(installable(tag) for tag in about["platforms"]):
        raise Refused(f"The bundle is for the platform {about['platforms'][0]}, and this is {machine}.")
    for wheel in wheels:
        if not any(installable(tag) for tag in wheel.removesuffix(".whl").rpartition("-")[2].split(".")):
            raise Refused(f"The wheel {wheel} is for another platform than this, which is {machine}.")


def installable(tag: str) -> bool:
    """Whether wheels with this platform tag run here."""
    system, machine, (libc, version) = sys.platform, platform.machine().lower(), platform.libc_ver()
    for old, new in OLD_PLATFORMS.items():
        tag = re.sub(f"^{old}_", f"manylinux_{new}_", tag)
    many = re.fullmatch(r"manylinux_(\d+)_(\d+)_(.+)", tag)
    if many and libc == "glibc":
        has = tuple(int(part) for part in version.split(".")[:2])
        return system == "linux" and many[3] == machine and (int(many[1]), int(many[2])) <= has
    if tag.startswith("musllinux_") and libc != "glibc":
        return system == "linux" and tag.endswith(f"_{machine}")
    return tag in ("any", f"{system}_{machine}")


def copied(file: t.BinaryIO, entry: Entry, digest: str, target: Path) -> None:
    """Write one file of the bundle, and see that it is still the one that was verified."""
    hashed = hashlib.sha256()
    with open(target, "wb") as written:
        for piece in pieces(file, entry):
            hashed.update(piece)
            written.write(piece)
    if hashed.hexdigest() != digest:
        raise Refused(f"{target.name} changed while the bundle was read; nobody may write to it meanwhile.")


def left_out(about: dict[str, t.Any], kept: str | None) -> dict[str, Path]:
    """The files to install that the bundle leaves out because the site keeps them, hashed."""
    found: dict[str, Path] = {}
    for name, what in sorted(about.get("omitted", {}).items()):
        if not name.startswith(("wheels/", "collection/")):
            continue
        path = Path(kept or "", name)
        if not kept or not path.is_file():
            raise Refused(f"The bundle leaves out {name!r}, which is not here either; begin with a whole bundle.")
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != what["sha256"]:
                raise Refused(f"{path} is not the file that the bundle was made for; begin with a whole bundle.")
        found[name] = path
    return found


def install(file: t.BinaryIO, found: dict[str, Entry], about: dict[str, t.Any], given: argparse.Namespace) -> str:
    """Make the environment of this bundle and have ``current`` lead to it; returns what was done."""
    have = left_out(about, given.kept)
    files = {**about["files"], **{name: about["omitted"][name] for name in have}}
    collections = [name for name in files if name.startswith("collection/")]
    wheels = [name for name in files if name.startswith("wheels/")]
    fits(about, [name.removeprefix("wheels/") for name in wheels])
    if len(collections) != 1 or not wheels or not all(name in files for name in LOCKS):
        raise Refused("The bundle was made without the wheels, the collection or its locks: it installs nothing.")
    parts = [about["python"], *(files[name]["sha256"] for name in (*collections, *LOCKS, *sorted(wheels)))]
    name = f"{about['collection']['version']}-py{about['python']}-{sha256(part.encode() for part in parts)[:12]}"
    into = Path(os.path.abspath(given.into))
    target, current = f"environments/{name}", into / "current"
    home = into / target
    if (home / MARK).is_file() and current.is_symlink() and os.readlink(current) == target:
        return "already there"
    if given.check:
        return "not there yet"
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(into):
        for leftover in into.glob(f"{WORK}*"):
            shutil.rmtree(leftover)
        if not (home / MARK).is_file():
            shutil.rmtree(home, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=WORK, dir=into) as directory:
                work = Path(directory)
                for path in [*wheels, *collections, *LOCKS]:
                    place = work / path.rpartition("/")[2]
                    if path in have:
                        shutil.copyfile(have[path], place)
                    else:
                        copied(file, found[path], files[path]["sha256"], place)
                make(home, work, collections[0].rpartition("/")[2])
            fresh = home / f".{MARK}"
            fresh.write_text(json.dumps({"collection": about["collection"], "python": about["python"]}) + "\n")
            # The mark says that all is there, after a loss of power too.
            os.sync()
            os.replace(fresh, home / MARK)
        beside = into / ".current"
        beside.unlink(missing_ok=True)
        beside.symlink_to(target)
        os.replace(beside, current)
    return "now"


def make(home: Path, work: Path, collection: str) -> None:
    """A virtual environment from the wheels in ``work`` alone, with the collection among its packages."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(work), "LANG": "C.UTF-8", "TMPDIR": str(work)}
    env |= {"ANSIBLE_HOME": str(work / "ansible"), "PIP_CONFIG_FILE": os.devnull}
    # Isolated, and not where this program was started: nothing that lies beside the bundle may run.
    venv = [sys.executable, "-I", "-m", "venv", str(home)]
    run(venv, env, "The virtual environment cannot be made (Debian: python3-venv)")
    python = str(home / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "--isolated", "--disable-pip-version-check"]
    install = [*pip, "--no-cache-dir", "install", "--quiet"]
    closed = ["--no-index", "--no-deps", "--only-binary=:all:", "--require-hashes", "--find-links", str(work)]
    locks = [part for lock in LOCKS for part in ("-r", str(work / lock.rpartition("/")[2]))]
    run([*install, *closed, *locks], env, "The wheels cannot be installed")
    run([*pip, "check"], env, "The wheels do not fit together")
    # Ansible looks for collections among the packages of its Python, so no setting has to name the place.
    packages = f"{home}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    galaxy = [python, "-I", f"{home}/bin/ansible-galaxy", "collection", "install", "--offline", "--force", "--no-deps"]
    run([*galaxy, "-p", packages, str(work / collection)], env, "The collection cannot be installed")


def run(argv: list[str], env: dict[str, str], failure: str) -> None:
    """One command, which has to end well."""
    quiet: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    done = subprocess.run(argv, env=env, cwd=env["HOME"], check=False, **quiet)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Refused(f"{failure}: {' / '.join(lines[-5:])}")


@contextlib.contextmanager
def locked(directory: Path) -> t.Iterator[None]:
    """Hold the directory against another run of this program."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def main() -> int:
    """Check, install, and say what comes next."""
    parser = argparse.ArgumentParser(description="Check a transfer bundle and install what it brings.")
    parser.add_argument("bundle", metavar="BUNDLE", help="the bundle, one tar file")
    parser.add_argument("--key", action="append", required=True, help="public key of whoever may seal; may be repeated")
    parser.add_argument("--into", metavar="DIR", required=True, type=Path, help="the directory to install into")
    parser.add_argument("--kept", metavar="DIR", help="what the site keeps, for a bundle that leaves it out")
    parser.add_argument("--check", action="store_true", help="write nothing, only say what would be done")
    given = parser.parse_args()
    try:
        if sys.version_info[:2] not in PYTHONS:
            allowed = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
            raise Refused(f"This is Python {platform.python_version()}; allowed are {allowed}.")
        if shutil.which("openssl") is None:
            raise Refused("The command openssl is needed to check the seal, and is not on the PATH.")
        keys = [public_key(path) for path in given.key]
        with open(given.bundle, "rb") as file:
            found, about = verified(file, keys)
            done = install(file, found, about, given)
    except (Refused, OSError, UnicodeError) as error:
        sys.stderr.write(f"Refused: {error}\n")
        return 1
    into, bundle = os.path.abspath(given.into), os.path.abspath(given.bundle)
    trust = ",".join(f"promoter={os.path.abspath(path)}" for path in given.key)
    what = f"{about['collection']['name']} {about['collection']['version']}"
    sys.stdout.write(
        f"The bundle verifies, and {what} is {done} in {into}/current. Next, with your inventory:\n"
        f"  {into}/current/bin/ansible-playbook hotpass.prefect.bundle_import -i <inventory> \\\n"
        f"    -e bundle={bundle} -e trust={trust}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
