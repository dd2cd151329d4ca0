# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appends a line to the project's own papers: what is to be done, what was done, and where its evidence lies.

The papers are people's. What is there is never read as more than lines, and never written anew: an entry goes to the
end, in one write, under a heading of its own, and only when neither the very same line nor one with its link is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import typing as t
import urllib.parse
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable

_HEADING = re.compile(rb"^(#{1,6} .*?)\r?$", re.MULTILINE)
# An underscore inside a word is none: names are full of them.
_MARKUP = re.compile(r"([\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_]))")


@dataclasses.dataclass(frozen=True)
class Paper:
    """One of the papers.

    :param title: the first line of a file that is not there yet.
    :param heading: what the entries stand below.
    """

    title: str
    heading: str


TASKS = Paper("# Next steps", "## Rehearsals that stopped")
LOG = Paper("# Next steps log", "## Rehearsals")
PLAN = Paper("# Rehearsal plan", "## Rehearsal evidence")


def task(owner: str, text: str) -> str:
    """An open task: ``- [ ] **Owner** — text``."""
    return f"- [ ] **{plain(owner)}** — {text}"


def done(date: str, owner: str, text: str) -> str:
    """A finished one: ``- [x] **YYYY-MM-DD · Owner** — text``."""
    return f"- [x] **{date} · {plain(owner)}** — {text}"


def link(label: str, target: Path, paper: Path) -> str:
    """A Markdown link from a paper to a file or directory, relative where the two lie on one disk."""
    address = Path(os.path.relpath(target.resolve(), paper.resolve().parent)).as_posix()
    return f"[{plain(label)}]({urllib.parse.quote(address)})"


def plain(text: str) -> str:
    """Somebody's words as one line that no Markdown reader takes for markup."""
    return _MARKUP.sub(r"\\\1", recordable(text))


def append(path: Path, paper: Paper, entry: str, *, link: str = "", check: bool = False) -> dict[str, t.Any] | None:
    """Append an entry to a paper, which is made with its title when it is missing.

    :param entry: one line of Markdown.
    :param link: what is told of, as the entry links it; a paper that links it tells of it already, whatever it says.
    :param check: write nothing.
    :returns: Ansible's diff of the paper's end, or None when the entry is there already.
    :raises CollectionError: when the file cannot be read or written.
    """
    if "\n" in entry or "\r" in entry:
        raise CollectionError(f"An entry for {path} has to be one line.")
    if check:
        addition = _addition(_read(path), paper, entry, link)
        return _diff(path, addition) if addition else None
    with _open(path) as descriptor:
        try:
            # Whoever appends at the same time waits here, and then sees this entry.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            addition = _addition(_read(path), paper, entry, link)
            if addition:
                _write(descriptor, addition, path)
        except OSError as error:
            raise CollectionError(f"Cannot append to {path}: {error.strerror}.") from None
    return _diff(path, addition) if addition else None


@contextlib.contextmanager
def _open(path: Path) -> t.Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CollectionError(f"Cannot append to {path}: {error.strerror}.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, addition: bytes, path: Path) -> None:
    """All of it or nothing: what a full disk let through is taken back."""
    before = os.fstat(descriptor).st_size
    written = os.write(descriptor, addition)
    if written != len(addition):
        os.ftruncate(descriptor, before)
        raise CollectionError(f"Cannot append to {path}: only {written} of {len(addition)} bytes could be written.")
    os.fsync(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CollectionError(f"Cannot read {path}: {error.strerror}.") from None


def _addition(present: bytes, paper: Paper, entry: str, link: str) -> bytes:
    """What to append; nothing when the entry is there."""
    if entry.encode() in present.splitlines() or (link and link.encode() in present):
        return b""
    ending = b"\r\n" if b"\r\n" in present else b"\n"
    lines: list[str] = []
    if not present:
        lines += [paper.title, ""]
    headings = _HEADING.findall(present)
    if not headings or headings[-1].strip() != paper.heading.encode():
        lines += [*([""] if present else []), paper.heading, ""]
    lines.append(entry)
    start = ending if present and not present.endswith(b"\n") else b""
    return start + b"".join(line.encode() + ending for line in lines)


def _diff(path: Path, addition: bytes) -> dict[str, t.Any]:
    return {"before": "", "after": addition.decode(), "before_header": str(path), "after_header": str(path)}
