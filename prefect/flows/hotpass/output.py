# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the refined records: one Parquet file, and on request an archive that anyone can verify."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hotpass.errors import HotpassError
from hotpass.records import Record

_TEXT_COLUMNS = (
    "slug",
    "name",
    "area",
    "address",
    "airport",
    "category",
    "status",
    "website",
    "planes",
    "description",
    "notes",
)
_CONTACT_COLUMNS = ("name", "role", "phone", "email")

SCHEMA = pl.Schema(
    {
        **{column: pl.String() for column in _TEXT_COLUMNS},
        **{f"contact_{column}": pl.String() for column in _CONTACT_COLUMNS},
        "updated": pl.Date(),
        "sources": pl.List(pl.String()),
    }
)


def to_parquet(records: Sequence[Record]) -> bytes:
    """Return the records as the bytes of a Parquet file with the columns of `SCHEMA`; equal records, equal bytes."""
    columns: dict[str, list[object]] = {name: [getattr(record, name) for record in records] for name in _TEXT_COLUMNS}
    for name in _CONTACT_COLUMNS:
        columns[f"contact_{name}"] = [getattr(record.contact, name) for record in records]
    columns["updated"] = [record.updated for record in records]
    columns["sources"] = [list(record.sources) for record in records]
    buffer = io.BytesIO()
    pl.DataFrame(columns, schema=SCHEMA).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def write_archive(dist_dir: Path, name: str, content: bytes) -> tuple[Path, str]:
    """Write `refined-data-<first 12 digits of the content's sha256>.zip`; return its path and its own sha256.

    It holds the content under `name` and a `SHA256SUMS` with the full digest, which `sha256sum -c` reads. One
    content always gives one archive with the same bytes, so that writing it again changes nothing.
    """
    digest = sha256(content)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, data in ((name, content), ("SHA256SUMS", f"{digest}  {name}\n".encode())):
            # A fixed time and mode: an archive must not differ because of when and where it was written.
            info = zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    path = dist_dir / f"refined-data-{digest[:12]}.zip"
    write_atomically(path, buffer.getvalue())
    return path, sha256(buffer.getvalue())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, and its directories, so that a reader sees the old content or the new and never a part.

    Raises:
        HotpassError: the file cannot be written; nothing is left beside it.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise HotpassError(f"cannot write {path}: {error.strerror}.") from None


def sha256(content: bytes) -> str:
    """Return the sha256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
