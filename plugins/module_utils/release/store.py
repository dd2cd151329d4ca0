# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where releases live: one interface, two kinds of store.

An address is a directory (an OCI image layout), or ``oci://host[:port]/repository`` (an OCI registry).
"""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.release.layout_store import LayoutStore
from ansible_collections.hotpass.prefect.plugins.module_utils.release.registry_store import RegistryStore
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import release_tag
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import (
    EMPTY,
    EMPTY_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    RELEASE_TYPE,
    Corrupt,
    Descriptor,
    Finding,
    Garbage,
    Manifest,
    NoStore,
    NotInStore,
    Report,
    Store,
    StoreAccess,
    StoreError,
    hashed,
    parsed,
    read_part,
)


def open_store(address: str, access: StoreAccess | None = None) -> Store:
    """The store at an address; nothing is read or made yet.

    :raises StoreError: when the address is none.
    """
    if address.startswith("oci://"):
        return RegistryStore(address, access or StoreAccess())
    if not address.strip() or "://" in address:
        raise StoreError(
            f"The store's address is {address!r}; allowed is a directory, or oci://host[:port]/repository."
        )
    return LayoutStore(address)


__all__ = [
    "EMPTY",
    "EMPTY_TYPE",
    "INDEX_TYPE",
    "MANIFEST_TYPE",
    "RELEASE_TYPE",
    "Corrupt",
    "Descriptor",
    "Finding",
    "Garbage",
    "LayoutStore",
    "Manifest",
    "NoStore",
    "NotInStore",
    "RegistryStore",
    "Report",
    "Store",
    "StoreAccess",
    "StoreError",
    "hashed",
    "open_store",
    "parsed",
    "read_part",
    "release_tag",
]
