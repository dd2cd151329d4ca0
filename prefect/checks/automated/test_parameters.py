# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009, PT027  a worker's environment has unittest and no pytest
"""Parameters that contradict each other or mean nothing are refused before anything is read."""

from __future__ import annotations

import os
import unittest
from datetime import UTC, datetime
from unittest import mock

from hotpass.errors import HotpassError
from hotpass.parameters import RefineConfig, parse_since


class ParametersTest(unittest.TestCase):
    """What a deployment's parameters may say."""

    def test_the_defaults_are_good(self) -> None:
        config = RefineConfig.build()
        self.assertEqual((config.profile.name, config.since, config.archive), ("aviation", None, False))
        self.assertTrue(config.input_dir.is_absolute())

    def test_relative_paths_are_below_the_home(self) -> None:
        with mock.patch.dict(os.environ, {"HOTPASS_HOME": "/srv/hotpass"}):
            self.assertEqual(str(RefineConfig.build(input_dir="data").input_dir), "/srv/hotpass/data")
        with mock.patch.dict(os.environ, {"HOTPASS_HOME": "somewhere"}), self.assertRaises(HotpassError):
            RefineConfig.build(input_dir="data")

    def test_since_is_a_moment_in_utc(self) -> None:
        expected = datetime(2024, 11, 1, 4, tzinfo=UTC)
        self.assertEqual(parse_since("2024-11-01T06:00:00+02:00"), expected)
        self.assertEqual(parse_since("2024-11-01T04:00:00"), expected)
        self.assertIsNone(parse_since(None))

    def test_bad_parameters_are_refused(self) -> None:
        for parameters in (
            {"archive": "yes"},
            {"backfill": True, "incremental": True},
            {"since": "2024-11-01"},
            {"since": "soon", "incremental": True},
            {"since": "", "incremental": True},
            {"output_path": "latest.csv"},
            {"profile_name": "aviaton"},
            {"input_dir": " "},
        ):
            with self.subTest(parameters=parameters), self.assertRaises(HotpassError):
                RefineConfig.build(**parameters)  # type: ignore[arg-type]
