# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what a caller asks of a backfill, and turns it into the settings of all its windows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotpass.archive_members import ArchiveLimits
from hotpass.archive_pattern import DEFAULT_PATTERN, ArchivePattern
from hotpass.errors import HotpassError
from hotpass.limits import limit_name
from hotpass.parameters import RefineConfig, resolve_path
from hotpass.windows import Window, windows_of

SLOT_TIMEOUT_SECONDS = 3600
"""How long a window waits for a free slot before its run fails; `base_config.slot.timeout_seconds` replaces it."""
SLOT_LEASE_SECONDS = 120
"""How long a slot stays taken after its holder has died; a living one renews it. At least 60, says the server.

At most 300, as Prefect's own for the slots of a deployment: whoever looks for slots without a holder takes one that is
still held after that for leaked.
"""

_SLOT_BOUNDS = {"timeout_seconds": (1, 86400), "lease_seconds": (60, 300)}
# Of a replay there is nothing to choose here: the window decides its input and its output.
_OF_THE_WINDOW = ("input_dir", "output_path")
_PIPELINE_KEYS = ("profile_name", "archive", "dist_dir", "backfill", "incremental", "since")


@dataclass(frozen=True)
class Slot:
    """The slot each window takes: of which limit, of how many at most, for how long to wait, for how long to lease."""

    name: str
    at_most: int
    timeout_seconds: int
    lease_seconds: int


@dataclass(frozen=True)
class BackfillConfig:
    """The settings of a backfill, already checked: every path is absolute."""

    windows: tuple[Window, ...]
    archive_root: Path
    restore_root: Path
    pattern: ArchivePattern
    limits: ArchiveLimits
    pipeline: Mapping[str, Any]
    slot: Slot

    @classmethod
    def build(
        cls,
        runs: Sequence[Mapping[str, str]] | None = None,
        archive_root: str | Path = "dist/input-archives",
        restore_root: str | Path = "dist/backfill",
        archive_pattern: str = DEFAULT_PATTERN,
        base_config: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        concurrency_limit: int = 1,
        concurrency_key: str = "hotpass/backfill",
        since: str | None = None,
        until: str | None = None,
        versions: Sequence[str] | None = None,
    ) -> BackfillConfig:
        """Return the settings for these parameters of the flow.

        Raises:
            HotpassError: a value has the wrong type, a key is unknown, two parameters contradict each other, or the
                pipeline's settings are not those of a replay.
        """
        if isinstance(concurrency_limit, bool) or not isinstance(concurrency_limit, int) or concurrency_limit < 0:
            raise HotpassError(f"concurrency_limit must be a whole number from 0, found {concurrency_limit!r}.")
        base = _mapping("base_config", base_config, ("pipeline", "archive", "slot"))
        own = _mapping("parameters", parameters, ("pipeline",))
        slot = _slot(base.get("slot"))
        config = cls(
            windows=tuple(windows_of(runs, since, until, versions)),
            archive_root=resolve_path("archive_root", archive_root),
            restore_root=resolve_path("restore_root", restore_root),
            pattern=ArchivePattern.parse(archive_pattern),
            limits=ArchiveLimits.build(base.get("archive")),
            pipeline=_pipeline(base.get("pipeline"), own.get("pipeline")),
            slot=Slot(
                limit_name(concurrency_key), max(1, concurrency_limit), slot["timeout_seconds"], slot["lease_seconds"]
            ),
        )
        # Every mistake in the pattern or the pipeline is found before the first window is touched.
        for window in config.windows:
            config.pattern.path_of(window.day, window.version)
        first = config.windows[0]
        config.refinement_of(first, config.restore_dir_of(first))
        return config

    def archive_of(self, window: Window) -> Path:
        """Return the path of a window's archive.

        Raises:
            HotpassError: there is none; the message says so if there is one for the version without its `v`.
        """
        path = self.archive_root / self.pattern.path_of(window.day, window.version)
        if os.path.exists(path):
            return path
        hint = ""
        if window.version[0] in "vV" and len(window.version) > 1:
            other = self.archive_root / self.pattern.path_of(window.day, window.version[1:])
            if os.path.exists(other):
                hint = (
                    f"; {other.name} exists: the pattern has the v already, so give the version {window.version[1:]!r}"
                )
        raise HotpassError(f"archive {path} does not exist{hint}.")

    def restore_dir_of(self, window: Window) -> Path:
        """Return the directory that a window's archive is restored to."""
        return self.restore_root / window.name

    def refinement_of(self, window: Window, input_dir: Path) -> RefineConfig:
        """Return the settings of a window's refinement: its whole input in a directory, never filtered by date."""
        name = f"refined-{window.day.isoformat()}-{window.version}.parquet"
        return RefineConfig.build(
            input_dir=input_dir,
            output_path=self.restore_root / "outputs" / name,
            **self.pipeline,
        )


def _pipeline(base: Any, own: Any) -> dict[str, Any]:
    """Return the pipeline's settings, those of `parameters` over those of `base_config`, as those of a replay."""
    merged: dict[str, Any] = {}
    for label, values in (("base_config.pipeline", base), ("parameters.pipeline", own)):
        if isinstance(values, Mapping):
            for key in _OF_THE_WINDOW:
                if key in values:
                    raise HotpassError(f"{label}.{key} must not be given: each window has its own under restore_root.")
        merged |= _mapping(label, values, _PIPELINE_KEYS)
        if merged.get("backfill", True) is not True:
            raise HotpassError(f"{label}.backfill must be true, found {merged['backfill']!r}: this flow only replays.")
        if merged.get("incremental", False) is not False:
            raise HotpassError(
                f"{label}.incremental must be false, found {merged['incremental']!r}: a replay takes its whole input."
            )
        if merged.get("since") is not None:
            raise HotpassError(
                f"{label}.since must be null, found {merged['since']!r}: a replay takes its whole input; the flow's "
                "own since and until choose the windows."
            )
    return {**merged, "backfill": True, "incremental": False, "since": None}


def _slot(values: Any) -> dict[str, int]:
    given = _mapping("base_config.slot", values, tuple(_SLOT_BOUNDS))
    for key, value in given.items():
        least, most = _SLOT_BOUNDS[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise HotpassError(f"base_config.slot.{key} must be a whole number of {least} to {most}, found {value!r}.")
    return {"timeout_seconds": SLOT_TIMEOUT_SECONDS, "lease_seconds": SLOT_LEASE_SECONDS, **given}


def _mapping(label: str, values: Any, known: Sequence[str]) -> dict[str, Any]:
    """Return a mapping whose keys are all known as a new dictionary; None is an empty one."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise HotpassError(f"{label} must be a mapping, found {values!r}.")
    for key in values:
        if key not in known:
            raise HotpassError(f"{label} has no key {key!r}; known are {', '.join(known)}.")
    return dict(values)
