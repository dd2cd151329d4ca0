# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009  a worker's environment has unittest and no pytest
"""Archives in, Parquet out: windows of the demo's archives restored and refined, without a server."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import polars

from hotpass import demo_input
from hotpass.output import write_atomically


class BackfillTest(unittest.TestCase):
    """One set of archives for all tests; each test has its own home."""

    archives: Path

    @classmethod
    def setUpClass(cls) -> None:
        home = tempfile.TemporaryDirectory(prefix="hotpass-checks-")
        cls.addClassCleanup(home.cleanup)
        cls.archives = Path(home.name)
        for name, content in demo_input.build_archives().items():
            write_atomically(cls.archives / name, content)

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="hotpass-checks-")
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    def backfill(self, **parameters: Any) -> dict[str, Any]:
        """Run the flow in a process of its own, without a server, whatever this one has."""
        environment = {
            name: value for name, value in os.environ.items() if name != "HOTPASS_ENABLE_PREFECT_RUNTIME"
        } | {"HOTPASS_HOME": str(self.home)}
        done = subprocess.run(
            [sys.executable, "-m", "hotpass.local_backfill"],
            env=environment,
            input=json.dumps({"archive_root": str(self.archives), **parameters}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if "error" in result or result["metrics"]["failed_runs"] else 0)
        return result

    def test_windows_are_restored_and_refined(self) -> None:
        result = self.backfill(since="2024-01-01", until="2024-01-02")
        self.assertEqual(result["metrics"]["successful_runs"], 2)
        for run in result["runs"]:
            self.assertEqual(polars.read_parquet(run["output_path"]).height, run["total_records"])
            self.assertGreater(run["total_records"], 20)
            self.assertGreater(run["records_in"], run["total_records"])
            self.assertEqual(hashlib.sha256(Path(run["output_path"]).read_bytes()).hexdigest(), run["output_sha256"])
            self.assertEqual(len(list(Path(run["restore_dir"]).glob("*.xlsx"))), 3)
        self.assertNotEqual(result["runs"][0]["output_sha256"], result["runs"][1]["output_sha256"])

    def test_the_same_archive_gives_the_same_bytes(self) -> None:
        first, again = (self.backfill(since="2024-01-03")["runs"][0] for _time in range(2))
        self.assertEqual(first["output_sha256"], again["output_sha256"])

    def test_a_missing_archive_fails_its_window_only(self) -> None:
        result = self.backfill(since="2024-01-07", until="2024-01-08")
        self.assertEqual([run["success"] for run in result["runs"]], [True, False])
        self.assertIn("hotpass-inputs-20240108-v1.zip does not exist", result["runs"][1]["error"])
