# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the choosing of wheels needs of the library packaging, guarded as in :mod:`third_party`."""

from __future__ import annotations

try:
    from packaging.markers import Marker, default_environment
    from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version
except ImportError:
    import typing as t

    if not t.TYPE_CHECKING:
        Marker = default_environment = Tag = Version = None
        compatible_tags = cpython_tags = parse_wheel_filename = platform_tags = None
        InvalidVersion = InvalidWheelFilename = ValueError

__all__ = [
    "InvalidVersion",
    "InvalidWheelFilename",
    "Marker",
    "Tag",
    "Version",
    "compatible_tags",
    "cpython_tags",
    "default_environment",
    "parse_wheel_filename",
    "platform_tags",
]
