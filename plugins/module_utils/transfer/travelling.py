# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a bundle as an OCI image layout: copied from the ring's store, with what is attached to them."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.layout_store import LayoutStore
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_copy import copy
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

_INDEX = ("oci-layout", "index.json")


def lay_out(store: Store, digests: t.Iterable[str], directory: Path) -> list[Entry]:
    """Copy releases, their parts and all that is attached to them, and name the files for a bundle.

    Every byte is hashed on the way. The same releases with the same statements give the same files,
    from a directory as from a registry.

    :param directory: an empty one, which has to stay until the bundle is written.
    :raises CollectionError: when the store lacks something or its bytes are not what their name says, or when the
        directory cannot be written.
    """
    layout = LayoutStore(str(directory))
    for digest in sorted(digests):
        copy(store, layout, digest)
    report = layout.verify()
    bad = [finding for finding in report.findings if finding.problem != "leftover"]
    if bad:
        raise CollectionError(
            f"The copy of the store {store.address} has {bad[0].name}, which is {bad[0].problem} ({bad[0].detail}); "
            "run again."
        )
    found = [*(directory / name for name in _INDEX), *sorted((directory / "blobs" / "sha256").iterdir())]
    return [Entry(f"{names.STORE}{path.relative_to(directory).as_posix()}", path) for path in found]
