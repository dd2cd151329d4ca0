# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that the fence takes from the environment of the worker."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.settings import get_current_settings

from hotpass_fence.errors import Refused


@dataclass(frozen=True)
class Settings:
    """What a worker's environment says.

    :param store: HOTPASS_STORE, else what the pull step names: where a worker sees the store is its own affair.
    :param cache: HOTPASS_CACHE, else ``hotpass-releases`` in Prefect's home.
    :param wait: HOTPASS_FENCE_WAIT in seconds: when a run that was put off is started again. Default 30.
    :param give_up: HOTPASS_FENCE_GIVE_UP in seconds: how long a run is put off at most. Default 3600.
    """

    store: str
    cache: Path
    wait: timedelta
    give_up: timedelta

    @classmethod
    def read(cls, store: Any, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of an environment, by default the process's own.

        :param store: what the pull step says, or None.
        :raises Refused: when one of them cannot be what it is meant to be.
        """
        environment = os.environ if environment is None else environment
        named = environment.get("HOTPASS_STORE") or store
        if not isinstance(named, str) or not named:
            raise Refused("No store is named: give store to the pull step, or set HOTPASS_STORE for the worker.")
        cache = environment.get("HOTPASS_CACHE")
        return cls(
            store=named if "://" in named else str(_directory(named, "The store")),
            cache=_directory(cache, "HOTPASS_CACHE") if cache else get_current_settings().home / "hotpass-releases",
            wait=_seconds(environment, "HOTPASS_FENCE_WAIT", 30.0),
            give_up=_seconds(environment, "HOTPASS_FENCE_GIVE_UP", 3600.0),
        )


def _directory(text: str, what: str) -> Path:
    path = Path(text).expanduser()
    # A run works in a directory of its own, of which nobody else knows.
    if not path.is_absolute():
        raise Refused(f"{what} is {text[:200]!r}; a directory has to be named from its root.")
    return path


def _seconds(environment: Mapping[str, str], name: str, usual: float) -> timedelta:
    text = environment.get(name, "")
    try:
        number = float(text) if text else usual
    except ValueError:
        number = math.nan
    if not 0 < number <= 30 * 24 * 3600:
        raise Refused(f"{name} is {text[:100]!r}; allowed are seconds, more than 0 and at most 30 days.")
    return timedelta(seconds=number)
