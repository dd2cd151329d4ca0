# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archives a backfill will find, where the controller can see them."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.settings import Settings
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import Window
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

DEFAULT_ROOT = "dist/input-archives"


def root_seen_here(settings: Settings, archives_here: str | None, home: str | None) -> str | None:
    """The directory that the flow calls archive_root, as it is named here; None when it cannot be told.

    :param archives_here: that directory.
    :param home: the directory that relative paths of the flow are below.
    :raises CollectionError: when the directory that was named is none.
    """
    place = archives_here
    if place is None and home is not None:
        place = os.path.join(home, str(settings.parameters.get("archive_root") or DEFAULT_ROOT))
    if archives_here is not None and not os.path.isdir(archives_here):
        raise CollectionError(f"archives_here is {archives_here!r}, which is no directory.")
    return place


def missing(settings: Settings, windows: t.Iterable[Window], root: str) -> list[dict[str, str]]:
    """The windows without an archive: each with the path below the root, and a hint where there is one."""
    found = []
    for window in windows:
        path = settings.archive_of(window)
        if os.path.isfile(os.path.join(root, path)):
            continue
        hint = ""
        if window.version[:1] in ("v", "V") and len(window.version) > 1:
            other = settings.archive_of(Window(window.run_date, window.version[1:]))
            if os.path.isfile(os.path.join(root, other)):
                hint = f"{other} exists: the pattern has the v already, so give the version {window.version[1:]!r}"
        found.append({**window.to_json(), "archive": path, "hint": hint})
    return found
