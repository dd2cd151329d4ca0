# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of rings that do without signatures: hashed and named, with no seal and no number in any chain.

Such a bundle shows whether a file was damaged. It does not show that nobody wrote it anew, so it does not verify.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag, disk, places
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import METADATA, OWN, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import read_tree
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import bagging_date, identifier


def close(bundle: Bundle, facts: t.Mapping[str, t.Any], why: str) -> None:
    """Hash the files of a bundle that nobody signs, and give it its name.

    :param facts: ``solution``, ``ring``, ``kind``, ``name``, ``generation``, ``release``, ``verdict`` and ``live``.
    :param why: the sentence that says why nobody signs it.
    :raises CollectionError: when it cannot be written.
    """
    bundle.note(f"This bundle is not signed and has no number in the ring's chain, so it proves nothing: {why}")
    bundle.write(
        METADATA, {**bundle.document(METADATA), **facts, "anchored": False, "signed": False, "unsigned_reason": why}
    )
    files, strange = read_tree(bundle.part)
    if strange:
        raise CollectionError(f"{bundle.part / strange[0][0]} cannot stand in a bundle: it {strange[0][1]}.")
    own = {name: data for name, data in files.items() if name not in OWN}
    for name, data in bag.tag_files(own, identifier(facts), bagging_date(facts)).items():
        disk.write_file(bundle.part / name, data)
    disk.sync_tree(bundle.part)
    places.give_name(bundle)
