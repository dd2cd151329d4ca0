# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bill of materials of a release: CycloneDX 1.6 in JSON, the same bytes for the same lock and commit."""

from __future__ import annotations

import json
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import to_bytes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.requirements import Locked
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_build import (
    Bom,
    BomMetaData,
    Component,
    ComponentType,
    HashAlgorithm,
    HashType,
    JsonV1Dot6,
    PackageURL,
    Property,
    require,
)

# The name of the property that says for which environments a distribution is locked (PEP 508).
MARKER = "hotpass:requirement:marker"
_ALGORITHMS = {"sha256": "SHA_256", "sha384": "SHA_384", "sha512": "SHA_512"}


def build(solution: str, commit: str, locked: t.Sequence[Locked]) -> bytes:
    """What a solution at a commit needs to run: each distribution with version, package URL, hashes and who needs it.

    :raises CollectionError: when the library that writes it is not installed.
    """
    require()
    root = Component(name=solution, version=commit, type=ComponentType.APPLICATION, bom_ref=solution)
    components = {one: _component(one) for one in locked}
    bom = Bom(components=components.values(), metadata=BomMetaData(component=root))
    by_name: dict[str, list[Component]] = {"": [root]}
    for one, component in components.items():
        by_name.setdefault(one.name, []).append(component)
    needs: dict[str, tuple[Component, list[Component]]] = {}
    for one, component in components.items():
        # A distribution whose need is not in the lock itself is needed by the release.
        parents = [parent for name in one.needed_by for parent in by_name.get(name, [])] or [root]
        for parent in parents:
            needs.setdefault(str(parent.bom_ref.value), (parent, []))[1].append(component)
    for parent, children in needs.values():
        bom.register_dependency(parent, children)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # When and by whom it was made is for the provenance; here it would make every build another release.
    del document["serialNumber"], document["metadata"]["timestamp"]
    document["metadata"].pop("tools", None)
    serial = uuid.uuid5(uuid.NAMESPACE_OID, to_bytes(document).decode())
    return to_bytes({**document, "serialNumber": serial.urn})


def _component(one: Locked) -> Component:
    purl = PackageURL("pypi", None, one.name, one.version)
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=f"{purl.to_string()}{f' ; {one.marker}' if one.marker else ''}",
        hashes=[HashType(alg=HashAlgorithm[_ALGORITHMS[name]], content=digits) for name, digits in one.hashes],
        properties=[Property(name=MARKER, value=one.marker)] if one.marker else [],
    )
