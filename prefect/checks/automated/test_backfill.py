# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009, PT027  a worker's environment has unittest and no pytest
"""What a backfill may be asked for, and that no archive gets out of its directory."""

from __future__ import annotations

import tempfile
import unittest
import zipfile
from datetime import date
from pathlib import Path

from hotpass.archive_members import ArchiveLimits
from hotpass.archive_pattern import DEFAULT_PATTERN, ArchivePattern
from hotpass.archives import restore
from hotpass.backfill_parameters import BackfillConfig
from hotpass.errors import HotpassError
from hotpass.limits import key_of, limit_name
from hotpass.swapping import staged, swap_in
from hotpass.windows import windows_of

RUN = {"run_date": "2024-01-01", "version": "1"}


class WindowsTest(unittest.TestCase):
    """Windows, patterns and settings."""

    def test_every_window_is_there_once(self) -> None:
        windows = windows_of(None, "2024-01-01", "2024-01-03", ["1", "2", "1"])
        self.assertEqual(len(windows), 6)
        self.assertEqual(windows[0].name, "2024-01-01--1")
        self.assertEqual(windows_of([RUN, dict(RUN)]), windows[:1])

    def test_the_pattern_names_the_archive_and_reaches_nothing_else(self) -> None:
        pattern = ArchivePattern.parse(DEFAULT_PATTERN)
        self.assertEqual(pattern.path_of(date(2024, 1, 2), "3"), "hotpass-inputs-20240102-v3.zip")
        for text in ("{date.__class__}", "{version[0]}{date}", "{date!r}", "{name}{date}", "{version}"):
            with self.subTest(text=text), self.assertRaises(HotpassError):
                ArchivePattern.parse(text)
        for text in ("../{date}", "/{date}", "{date}\\a", "{date}//a"):
            with self.subTest(text=text), self.assertRaises(HotpassError):
                ArchivePattern.parse(text).path_of(date(2024, 1, 2), "3")

    def test_a_key_has_a_legal_name_and_comes_back(self) -> None:
        self.assertEqual(limit_name("hotpass/backfill"), "hotpass~2Fbackfill")
        self.assertEqual(key_of("hotpass~2Fbackfill"), "hotpass/backfill")

    def test_a_replay_stays_a_replay(self) -> None:
        for settings in ({"backfill": False}, {"incremental": True}, {"since": "2024-01-01"}, {"surprise": 1}):
            with self.subTest(settings=settings), self.assertRaises(HotpassError):
                BackfillConfig.build([RUN], parameters={"pipeline": settings})


class HostileArchiveTest(unittest.TestCase):
    """A bad archive is refused, and the last good restore stays."""

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="hotpass-checks-")
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.target = self.home / "restored"
        self.restored({"a.xlsx": b"good"})

    def restored(self, files: dict[str, bytes], mode: int = 0o100644) -> None:
        """Write an archive of these files and restore it."""
        path = self.home / "inputs.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = mode << 16
                archive.writestr(info, content)
        self.replace(path)

    def replace(self, path: Path) -> None:
        """Restore an archive in the place of the last restore."""
        with staged(self.target) as directory:
            restore(path, self.home, directory, ArchiveLimits(max_member_bytes=4 * 1024**2))
            swap_in(directory, self.target)

    def test_it_is_refused(self) -> None:
        for files, mode in (
            ({"../a": b""}, 0o100644),
            ({"/a": b""}, 0o100644),
            ({"a": b"", "A": b""}, 0o100644),
            ({"a": b"/etc/passwd"}, 0o120777),
            ({"a": bytes(3 * 1024**2)}, 0o100644),
            ({"a": bytes(5 * 1024**2)}, 0o100644),
        ):
            with self.subTest(files=list(files), mode=oct(mode)), self.assertRaises(HotpassError):
                self.restored(files, mode)
            self.assertEqual([path.name for path in self.target.iterdir()], ["a.xlsx"])

    def test_a_truncated_one_is_refused(self) -> None:
        path = self.home / "inputs.zip"
        path.write_bytes(path.read_bytes()[:-1])
        with self.assertRaises(HotpassError):
            self.replace(path)
        self.assertEqual((self.target / "a.xlsx").read_bytes(), b"good")
