# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fence takes for a release, and the archives that it does not unpack."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member, pack
from hotpass_fence.errors import Refused
from hotpass_fence.release import ARTIFACT_TYPE, BUNDLE_TYPE, CONFIG_TYPE, MANIFEST_TYPE, File, unpack
from hotpass_fence.release import parse_config as read_config
from hotpass_fence.release import parse_manifest as read_manifest

from tests.support.fence_releases import flow_files

Json = dict[str, t.Any]
FILES = {**flow_files("one"), f"flows/{'d' * 90}/{'f' * 90}.py": b"x = 1\n"}


def listed(files: t.Mapping[str, bytes]) -> dict[str, File]:
    return {path: File(hashlib.sha256(data).hexdigest(), len(data), False) for path, data in files.items()}


def packed(files: t.Mapping[str, bytes]) -> bytes:
    return pack([Member(path, data, False) for path, data in files.items()])


def test_what_the_collection_packs_is_unpacked() -> None:
    assert unpack(packed(FILES), listed(FILES)) == FILES


def archive(*members: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive as other tools write it, with two blocks of zeros at its end."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
        length = tar.offset
    return stream.getvalue()[:length] + bytes(1024)


def member(path: str, kind: bytes = tarfile.REGTYPE, **fields: t.Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type = kind
    for name, value in fields.items():
        setattr(info, name, value)
    return info


ONE = {"flows/a.py": b"a = 1\n"}
GOOD = (member("flows/a.py"), ONE["flows/a.py"])


def test_it_reads_what_tar_writes() -> None:
    assert unpack(archive(GOOD), listed(ONE)) == ONE


def patched(data: bytes, position: int, new: bytes) -> bytes:
    return data[:position] + new + data[position + len(new) :]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "file the config does not list": (archive(GOOD, (member("flows/b.py"), b"")), "'flows/b.py' though its config"),
    "planted bytecode": (archive(GOOD, (member("flows/a.pyc"), b"x")), "'flows/a.pyc' though its config"),
    "absolute path": (archive((member("/flows/a.py"), ONE["flows/a.py"])), "'/flows/a.py' though its config"),
    "path that climbs": (archive((member("../flows/a.py"), b"a = 1\n")), "'../flows/a.py' though its config"),
    "path with dots": (archive((member("./flows/a.py"), b"a = 1\n")), "'./flows/a.py' though its config"),
    "same file twice": (archive(GOOD, GOOD), "has 'flows/a.py' twice"),
    "missing file": (archive(), "lacks 'flows/a.py'"),
    "other bytes": (archive((member("flows/a.py"), b"a = 2\n")), "has other bytes in 'flows/a.py'"),
    "more bytes": (archive((member("flows/a.py"), b"a = 1\n\n")), "has other bytes in 'flows/a.py'"),
    "symbolic link": (
        archive((member("flows/a.py", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
        "has 'flows/a.py', which is no regular file",
    ),
    "hard link": (archive(GOOD, (member("flows/b", tarfile.LNKTYPE, linkname="flows/a.py"), b"")), "no regular file"),
    "directory": (archive((member("flows", tarfile.DIRTYPE), b""), GOOD), "has 'flows/', which is no regular file"),
    "device": (archive((member("flows/a.py", tarfile.CHRTYPE), b"")), "no regular file"),
    "pipe": (archive((member("flows/a.py", tarfile.FIFOTYPE), b"")), "no regular file"),
    "contiguous file": (archive((member("flows/a.py", tarfile.CONTTYPE), b"a = 1\n")), "no regular file"),
    "sparse file": (archive((member("flows/a.py", tarfile.GNUTYPE_SPARSE), b"")), "no regular file"),
    "PAX header": (
        archive((member("x", pax_headers={"path": "flows/a.py"}), b"a = 1\n"), kind=tarfile.PAX_FORMAT),
        "no regular file",
    ),
    "GNU long name": (archive((member(f"flows/{'n' * 200}"), b""), kind=tarfile.GNU_FORMAT), "has no USTAR header"),
    "old tar": (patched(archive(GOOD), 257, bytes(8)), "at byte 0, has no USTAR header"),
    "wrong checksum": (patched(archive(GOOD), 148, b"000000\0 "), "at byte 0, has no USTAR header"),
    "text before it": (b"x" * 512 + archive(GOOD), "at byte 0, has no USTAR header"),
    "nothing": (b"", "does not end with two blocks of zeros"),
    "no end": (archive(GOOD)[:-1024], "does not end with two blocks of zeros"),
    "one block of zeros": (archive(GOOD)[:-512], "does not end with two blocks of zeros"),
    "bytes after its end": (archive(GOOD) + b"x" * 512, "does not end with two blocks of zeros"),
    "more zeros": (archive(GOOD) + bytes(512), "does not end with two blocks of zeros"),
    "cut in a header": (archive(GOOD)[:300], "at byte 0, ends within a header"),
    "cut in a file": (archive(GOOD)[:515], "has other bytes in 'flows/a.py'"),
    "cut in the padding": (archive(GOOD)[:600], "has other bytes in 'flows/a.py'"),
    "gzip": (b"\x1f\x8b\x08" + bytes(600), "has no USTAR header"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_exactly_the_listed_files_is_refused(name: str) -> None:
    data, said = HOSTILE[name]
    with pytest.raises(Refused) as refused:
        unpack(data, listed(ONE))
    assert said in str(refused.value)


@pytest.mark.parametrize("size", [b"\x80" + bytes(10) + b"\x06", b"-0000000006\0", b"           \0", b"00000000009\0"])
def test_a_size_that_is_no_octal_number_is_refused(size: bytes) -> None:
    block = bytearray(patched(archive(GOOD), 124, size))
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block[:512]):06o}\0 ".encode()
    with pytest.raises(Refused, match=r"has no size for 'flows/a\.py'"):
        unpack(bytes(block), listed(ONE))


def manifest(**changes: t.Any) -> Json:
    def part(media_type: str) -> Json:
        return {"mediaType": media_type, "digest": f"sha256:{'a' * 64}", "size": 3}

    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "config": part(CONFIG_TYPE),
        "layers": [part(BUNDLE_TYPE), part("application/vnd.cyclonedx+json")],
        **changes,
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"x", "The manifest of the release is no JSON."),
        ([], "is no JSON object"),
        ({}, "The digest names no release, but 'None'."),
        (manifest(artifactType="application/vnd.hotpass.statement.v1"), "names no release"),
        (manifest(mediaType="application/vnd.oci.image.index.v1+json"), "names no release"),
        (manifest(layers=[]), "does not name one config and one bundle"),
        (manifest(layers=None), "does not name one config and one bundle"),
        (manifest(layers=["x"]), "does not name one config and one bundle"),
        (manifest(layers=manifest()["layers"][:1] * 2), "does not name one config and one bundle"),
        (manifest(config=None), "does not name one config and one bundle"),
        (manifest(config={"mediaType": "x"}), "does not name one config and one bundle"),
        (manifest(config={"mediaType": CONFIG_TYPE}), "names a part without its digest and size"),
        (manifest(config={**manifest()["config"], "size": "3"}), "names a part without its digest and size"),
        (manifest(config={**manifest()["config"], "size": -1}), "names a part without its digest and size"),
        (manifest(config={**manifest()["config"], "digest": "sha512:aa"}), "names a part without its digest and size"),
        (manifest(config={**manifest()["config"], "digest": "sha256:../../x"}), "without its digest and size"),
    ],
)
def test_a_manifest_that_is_none_of_a_release_is_refused(document: t.Any, said: str) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(Refused) as refused:
        read_manifest(data)
    assert said in str(refused.value)


def test_a_manifest_of_a_release_names_its_parts() -> None:
    parts = read_manifest(json.dumps(manifest()).encode())
    assert parts.config == parts.bundle == (f"sha256:{'a' * 64}", 3)


ENTRY: Json = {"sha256": "a" * 64, "size": 3, "executable": False}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "The release has schema 2; this fence reads schema 1."),
        ({"schema": True}, "has schema True"),
        ({"schema": None}, "has schema None"),
        ({"solution": "other"}, "The release is one of 'other', not of 'etl'."),
        ({"files": {}}, "lists no files"),
        ({"files": None}, "lists no files"),
        ({"files": {"a": ENTRY, "a/b": ENTRY}}, "lists 'a' as a file, and 'a/b' below it"),
        ({"files": {"a": {}}}, "does not say what 'a' holds"),
        ({"files": {"a": None}}, "does not say what 'a' holds"),
        ({"files": {"a": {**ENTRY, "sha256": "A" * 64}}}, "does not say what 'a' holds"),
        ({"files": {"a": {**ENTRY, "size": True}}}, "does not say what 'a' holds"),
        ({"files": {"a": {**ENTRY, "executable": 1}}}, "does not say what 'a' holds"),
        *(
            ({"files": {path: ENTRY}}, "which is none below its root")
            for path in (
                "",
                "/a",
                "a/",
                "a//b",
                ".",
                "..",
                "a/../b",
                "a/./b",
                "a\\b",
                "a\0b",
                "a\nb",
                "\u00e4",
                "x" * 257,
            )
        ),
    ],
)
def test_a_config_that_could_lead_elsewhere_is_refused(changes: Json, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_config(json.dumps({"schema": 1, "solution": "etl", "files": {"a": ENTRY}, **changes}).encode(), "etl")
    assert said in str(refused.value)
