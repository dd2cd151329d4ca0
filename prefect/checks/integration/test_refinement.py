# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009, PT027  a worker's environment has unittest and no pytest
"""Workbooks in, Parquet out: the whole refinement on the demo's input, and every record accounted for.

How many airports there are depends on the version of the public list, so the figures are held against each other and
against bounds that no version comes near.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import unittest
import zipfile
from pathlib import Path

import polars

from hotpass import demo_input
from hotpass.errors import HotpassError
from hotpass.orchestration import refinement_pipeline_flow
from hotpass.output import write_atomically
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.summary import Summary


class RefinementTest(unittest.TestCase):
    """One set of workbooks for all tests; each test has its own output."""

    data: Path

    @classmethod
    def setUpClass(cls) -> None:
        home = tempfile.TemporaryDirectory(prefix="hotpass-checks-")
        cls.addClassCleanup(home.cleanup)
        cls.data = Path(home.name, "data")
        for name, content in demo_input.build().items():
            write_atomically(cls.data / name, content)

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="hotpass-checks-")
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    def refined(self, **parameters: object) -> Summary:
        """Refine the workbooks with these parameters."""
        defaults = {"input_dir": self.data, "output_path": self.home / "out.parquet", "dist_dir": self.home / "dist"}
        return refine(RefineConfig.build(**{**defaults, **parameters}))  # type: ignore[arg-type]

    def test_every_record_is_counted_once(self) -> None:
        summary = self.refined()
        self.assertGreater(summary.records_in, 1000)
        self.assertGreater(summary.records_out, 500)
        self.assertGreater(summary.duplicates, 0)
        self.assertGreater(summary.invalid, 0)
        self.assertEqual((summary.filtered_out, summary.undated), (0, 0))
        self.assertEqual(summary.records_in, summary.records_out + summary.invalid + summary.duplicates)
        self.assertEqual(sum(summary.source_breakdown.values()), summary.records_in)
        self.assertEqual(len(summary.workbooks), 3)

    def test_the_output_holds_what_the_summary_says(self) -> None:
        summary = self.refined(archive=True)
        frame = polars.read_parquet(summary.output_path)
        self.assertEqual(frame.height, summary.records_out)
        self.assertEqual(frame.filter(polars.col("name").is_null()).height, 0)
        self.assertEqual(frame.select("slug", "area").unique().height, frame.height)
        content = Path(summary.output_path).read_bytes()
        self.assertEqual(hashlib.sha256(content).hexdigest(), summary.output_sha256)
        with zipfile.ZipFile(str(summary.archive_path)) as archive:
            self.assertIn(content, [archive.read(name) for name in archive.namelist()])

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        first = self.refined()
        again = self.refined(output_path=self.home / "again.parquet")
        self.assertEqual(first.output_sha256, again.output_sha256)

    def test_since_takes_the_newer_part(self) -> None:
        whole = self.refined()
        newer = self.refined(incremental=True, since="2025-01-01")
        self.assertLess(0, newer.records_out)
        self.assertLess(newer.records_out, whole.records_out)
        self.assertGreater(newer.filtered_out, 0)
        self.assertGreater(newer.undated, 0)

    def test_a_stricter_profile_takes_no_more(self) -> None:
        outputs = [
            self.refined(profile_name=name, output_path=self.home / f"{name}.parquet").records_out
            for name in ("general", "aviation")
        ]
        self.assertEqual(outputs, sorted(outputs, reverse=True))

    def test_an_empty_input_is_a_failure_and_leaves_nothing(self) -> None:
        empty = self.home / "empty"
        empty.mkdir()
        with self.assertRaises(HotpassError):
            self.refined(input_dir=empty)
        self.assertFalse((self.home / "out.parquet").exists())

    @unittest.skipIf(
        os.environ.get("HOTPASS_ENABLE_PREFECT_RUNTIME") == "1", "with Prefect's runtime the flow would need a server"
    )
    def test_the_flow_returns_the_summary(self) -> None:
        result = refinement_pipeline_flow(input_dir=str(self.data), output_path=str(self.home / "flow.parquet"))
        self.assertTrue(result["success"])
        self.assertEqual(polars.read_parquet(self.home / "flow.parquet").height, result["records_out"])
