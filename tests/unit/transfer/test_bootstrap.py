# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bootstrap.py refuses, by name and before it writes. That it installs, tests/integration/test_airgap.py shows."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.conftest import ROOT
from tests.support import transfer_bundles as bundles
from tests.support.attesting import Cast, cast

BOOTSTRAP = ROOT / "roles/transfer_export/files/bootstrap.py"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MACHINE = platform.machine().lower()
OURS = f"manylinux2014_{MACHINE}"
Pieces = list[tuple[str, bytes, bytes]]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return cast(tmp_path_factory.mktemp("people"))


def _bundle(
    target: Path, people: Cast, *, by: str = "alice", python: str = PYTHON, tag: str = OURS, **more: t.Any
) -> Path:
    chain = bundles.chain_of(1)
    compact = python.replace(".", "")
    wheels = {"lib-1.0-py3-none-any.whl": b"pure", f"fast-2.0-cp{compact}-cp{compact}-{tag}.whl": b"native"}
    entries = bundles.entries(chain, b'{"a":"manifest"}', wheels=wheels)
    said = bundles.document(chain, b'{"a":"manifest"}', python=python, platforms=(tag,))
    writing.write(target, entries, said, getattr(people, by).key, **more)
    return target


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> bytes:
    return _bundle(tmp_path_factory.mktemp("good") / "bundle.tar", people).read_bytes()


class Run(t.NamedTuple):
    code: int
    out: str
    err: str


def _run(
    tmp_path: Path, people: Cast, bundle: Path, *arguments: str, key: str | None = None, path: str = os.environ["PATH"]
) -> Run:
    """Run it as a person does; whatever it says, it has not written anything."""
    (tmp_path / "alice.pub").write_text(key or people.alice.key.public_key, encoding="ascii")
    into = tmp_path / "into"
    command = [sys.executable, "-I", str(BOOTSTRAP), str(bundle), "--key", str(tmp_path / "alice.pub")]
    command += ["--into", str(into), *arguments]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert not into.exists()
    assert "Traceback" not in done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


def test_a_good_bundle_verifies_and_check_says_what_would_be_done(tmp_path: Path, people: Cast, good: bytes) -> None:
    (tmp_path / "bundle.tar").write_bytes(good)
    done = _run(tmp_path, people, tmp_path / "bundle.tar", "--check")
    assert (done.code, done.err) == (0, "")
    assert f"hotpass.prefect 1.2.0 is not there yet in {tmp_path}/into/current" in done.out
    assert f"-e bundle={tmp_path}/bundle.tar -e trust=promoter={tmp_path}/alice.pub" in done.out


def _with(name: str, change: t.Callable[[bytes, bytes], tuple[bytes, bytes]]) -> t.Callable[[Pieces], Pieces]:
    def changed(files: Pieces) -> Pieces:
        assert name in [one[0] for one in files]
        return [(one[0], *(change(one[1], one[2]) if one[0] == name else one[1:])) for one in files]

    return changed


def _header(position: int, data: bytes) -> t.Callable[[bytes, bytes], tuple[bytes, bytes]]:
    """A header that says something else, with the checksum that belongs to it."""
    return lambda header, body: (bundles.summed(header[:position] + data + header[position + len(data) :]), body)


WHEEL = "wheels/lib-1.0-py3-none-any.whl"
HARMS: dict[str, tuple[t.Callable[[Pieces], Pieces], str]] = {
    "a wheel was changed": (
        _with(WHEEL, lambda header, body: (header, b"PURE" + body[4:])),
        f"'{WHEEL}' was changed: it does not hash to what SHA256SUMS says",
    ),
    "a wheel is missing": (
        lambda files: [one for one in files if one[0] != WHEEL],
        f"'{WHEEL}' is listed and not in the bundle",
    ),
    "a file was added": (
        lambda files: [*files, ("wheels/z.whl", *_more(files[-1], "wheels/z.whl"))],
        "'wheels/z.whl' is in the bundle and not listed",
    ),
    "a file is there twice": (lambda files: [*files, files[-1]], "twice"),
    "the files are in another order": (
        lambda files: [*files[:4], *reversed(files[4:])],
        f"has '{WHEEL}' where 'collection/hotpass-prefect-1.2.0.tar.gz' has to be",
    ),
    "the seal is gone": (lambda files: [one for one in files if one[0] != names.SEAL], "lacks 'seal.dsse.json'"),
    "the list was changed": (
        _with(names.SUMS, lambda header, body: (header, body.replace(b"0", b"1", 1))),
        "The seal is not about the SHA256SUMS of this bundle",
    ),
    "a link": (_with(WHEEL, _header(156, b"2")), f"has a link at '{WHEEL}'; allowed are files"),
    "a device": (_with(WHEEL, _header(156, b"3")), f"has a device at '{WHEEL}'"),
    "a name that climbs": (_with(WHEEL, _header(0, b"../../")), "does not stay below a directory"),
    "an absolute name": (_with(WHEEL, _header(0, b"/")), "does not stay below a directory"),
    "a program": (_with(WHEEL, _header(100, b"0000755")), f"The header of '{WHEEL}' is not as a bundle has it"),
    "an owner": (_with(WHEEL, _header(108, b"0000001")), f"The header of '{WHEEL}' is not as a bundle has it"),
    "padding that says something": (
        _with(WHEEL, lambda header, body: (header, body[:-1] + b"x")),
        f"has bytes after '{WHEEL}' that belong to no file",
    ),
}


def _more(like: tuple[str, bytes, bytes], name: str) -> tuple[bytes, bytes]:
    return bundles.summed(name.encode().ljust(100, b"\0") + like[1][100:]), like[2]


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_was_changed_is_refused_by_name(tmp_path: Path, people: Cast, good: bytes, harm: str) -> None:
    change, sentence = HARMS[harm]
    harmed = bundles.joined(change(bundles.pieces(good)))
    assert harmed != good
    (tmp_path / "bundle.tar").write_bytes(harmed)
    done = _run(tmp_path, people, tmp_path / "bundle.tar")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Refused: ")
    assert sentence in done.err


def test_every_cut_and_every_addition_is_refused(tmp_path: Path, people: Cast, good: bytes) -> None:
    for length in (0, 1, 511, 512, 700, len(good) // 2, len(good) - 1024, len(good) - 1):
        (tmp_path / "bundle.tar").write_bytes(good[:length])
        done = _run(tmp_path, people, tmp_path / "bundle.tar")
        assert (done.code, "cut" in done.err) == (1, True), (length, done.err)
    (tmp_path / "bundle.tar").write_bytes(good + bytes(512))
    assert "it was cut or added to" in _run(tmp_path, people, tmp_path / "bundle.tar").err


def test_a_bundle_that_somebody_else_sealed_is_refused(tmp_path: Path, people: Cast) -> None:
    done = _run(tmp_path, people, _bundle(tmp_path / "bundle.tar", people, by="mallory"))
    assert (done.code, done.out) == (1, "")
    assert "not signed with a key that was given: the bundle is another's, or was sealed anew" in done.err


def test_a_seal_of_something_else_does_not_do(tmp_path: Path, people: Cast, good: bytes) -> None:
    other = {one[0]: one for one in bundles.pieces(_bundle(tmp_path / "other.tar", people, python="3.99").read_bytes())}
    files = [other[one[0]] if one[0] == names.SEAL else one for one in bundles.pieces(good)]
    (tmp_path / "bundle.tar").write_bytes(bundles.joined(files))
    done = _run(tmp_path, people, tmp_path / "bundle.tar")
    assert (done.code, "The seal is not about the SHA256SUMS of this bundle" in done.err) == (1, True), done.err


def test_other_pythons_and_platforms_are_refused_by_name(tmp_path: Path, people: Cast) -> None:
    done = _run(tmp_path, people, _bundle(tmp_path / "python.tar", people, python="3.99"), "--check")
    assert (done.code, f"The bundle is for Python 3.99, and this is Python {PYTHON}." in done.err) == (1, True), (
        done.err
    )
    other = "manylinux2014_s390x" if MACHINE != "s390x" else "manylinux2014_x86_64"
    done = _run(tmp_path, people, _bundle(tmp_path / "machine.tar", people, tag=other))
    assert (done.code, f"is for the platform {other}, and this is {MACHINE}" in done.err) == (1, True), done.err
    newer = f"manylinux_2_999_{MACHINE}"
    done = _run(tmp_path, people, _bundle(tmp_path / "libc.tar", people, tag=newer))
    assert (done.code, f"is for the platform {newer}" in done.err) == (1, True), done.err


def test_evidence_installs_nothing(tmp_path: Path, people: Cast) -> None:
    bundles.tiny(tmp_path / "bundle.tar", people, bundles.chain_of(1))
    done = _run(tmp_path, people, tmp_path / "bundle.tar")
    assert (done.code, "of the kind 'evidence'; to install, take one of the kind 'releases'" in done.err) == (1, True)


def test_a_delta_takes_from_the_site_only_what_it_was_made_for(tmp_path: Path, people: Cast) -> None:
    pure = hashlib.sha256(b"pure").hexdigest()
    base = Receipt(bundles.SOLUTION, files={pure: 4})
    bundle = _bundle(tmp_path / "bundle.tar", people, base=base)
    done = _run(tmp_path, people, bundle)
    assert (done.code, f"leaves out '{WHEEL}', which is not here either" in done.err) == (1, True), done.err
    kept = tmp_path / "kept" / WHEEL
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"PURE")
    done = _run(tmp_path, people, bundle, "--kept", str(tmp_path / "kept"))
    assert (done.code, f"{kept} is not the file that the bundle was made for" in done.err) == (1, True), done.err
    kept.write_bytes(b"pure")
    assert _run(tmp_path, people, bundle, "--kept", str(tmp_path / "kept"), "--check").code == 0


@pytest.mark.parametrize("key", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_is_none_is_refused(tmp_path: Path, people: Cast, good: bytes, key: str) -> None:
    (tmp_path / "bundle.tar").write_bytes(good)
    done = _run(tmp_path, people, tmp_path / "bundle.tar", key=key or " ")
    assert (done.code, "is no public ed25519 key in PEM" in done.err) == (1, True), done.err


def test_what_is_not_there_is_named(tmp_path: Path, people: Cast) -> None:
    done = _run(tmp_path, people, tmp_path / "nowhere.tar")
    assert (done.code, str(tmp_path / "nowhere.tar") in done.err) == (1, True)


def test_without_openssl_nothing_is_believed(tmp_path: Path, people: Cast, good: bytes) -> None:
    (tmp_path / "bundle.tar").write_bytes(good)
    done = _run(tmp_path, people, tmp_path / "bundle.tar", path=str(tmp_path))
    assert (done.code, "The command openssl is needed to check the seal" in done.err) == (1, True), done.err


def test_it_imports_nothing_but_the_standard_library(tmp_path: Path) -> None:
    code = "import runpy, sys, json; runpy.run_path(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(BOOTSTRAP)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    roots = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert roots - set(sys.stdlib_module_names) <= {"__main__", "__mp_main__"}


def test_nothing_runs_that_lies_where_it_is_started(tmp_path: Path, people: Cast, good: bytes) -> None:
    stick, marker = tmp_path / "stick", tmp_path / "ran"
    stick.mkdir()
    (stick / "bundle.tar").write_bytes(good)
    for name in ("venv", "pip", "ensurepip", "argparse"):
        (stick / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="ascii")
    (tmp_path / "alice.pub").write_text(people.alice.key.public_key, encoding="ascii")
    command = [sys.executable, "-I", str(BOOTSTRAP), "bundle.tar", "--key", str(tmp_path / "alice.pub")]
    done = subprocess.run(
        [*command, "--into", str(tmp_path / "into")], cwd=stick, capture_output=True, text=True, check=False
    )
    # The bundle's locks are none, which is found out by the pip of the new environment.
    assert done.stderr.startswith("Refused: The wheels cannot be installed")
    assert not marker.exists()


def test_a_file_that_is_no_bundle_is_not_shown(tmp_path: Path, people: Cast) -> None:
    (tmp_path / "secret").write_bytes(b"password " * 200)
    done = _run(tmp_path, people, tmp_path / "secret")
    assert (done.code, done.err) == (
        1,
        "Refused: The bundle is no tar file, or was damaged: there is no header at byte 0.\n",
    )


def test_a_seal_with_a_second_signature_is_refused(tmp_path: Path, people: Cast, good: bytes) -> None:
    files = bundles.pieces(good)
    sealed = json.loads(bundles.body_of(files, names.SEAL))
    sealed["signatures"] *= 2
    twice = json.dumps(sealed, sort_keys=True, separators=(",", ":")).encode()
    (tmp_path / "bundle.tar").write_bytes(bundles.joined(bundles.with_body(files, names.SEAL, twice)))
    done = _run(tmp_path, people, tmp_path / "bundle.tar")
    assert (done.code, done.err) == (1, "Refused: The seal of the bundle has 2 signatures; allowed is one.\n")
