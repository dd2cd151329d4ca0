# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that only the building of a release needs, guarded like those of :mod:`third_party`.

They stand apart because their imports cost more than reading a release does, and because a host that only reads
releases need not have them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_LACKING: str | None = None

try:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL
except ImportError as error:
    _LACKING = f"cyclonedx-python-lib ({error})"
    if not t.TYPE_CHECKING:
        HashAlgorithm = HashType = Property = Bom = BomMetaData = Component = ComponentType = JsonV1Dot6 = None
        PackageURL = None

try:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name
except ImportError as error:
    _LACKING = _LACKING or f"packaging ({error})"
    if not t.TYPE_CHECKING:
        InvalidRequirement = ValueError
        Requirement = canonicalize_name = None


def require() -> None:
    """Refuse to build where a library is missing.

    :raises CollectionError: naming it.
    """
    if _LACKING:
        raise CollectionError(
            f"The Python that builds releases lacks the library {_LACKING}; install it, or build on another host."
        )


__all__ = [
    "Bom",
    "BomMetaData",
    "Component",
    "ComponentType",
    "HashAlgorithm",
    "HashType",
    "InvalidRequirement",
    "JsonV1Dot6",
    "PackageURL",
    "Property",
    "Requirement",
    "canonicalize_name",
    "require",
]
