# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every bundle has, whatever it is about, written before it is sealed."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag, disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    COMMANDS,
    KEYS,
    METADATA,
    OWN,
    SUMMARY,
    TAG_MANIFEST,
    Bundle,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import read_tree
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import bagging_date, identifier
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.versions import versions
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust


def complete(
    bundle: Bundle,
    facts: t.Mapping[str, t.Any],
    *,
    trust: Trust,
    actor: Actor,
    live_reason: str,
    anchored: bool,
    session: Session | None,
) -> str:
    """Write the metadata, the keys and the lists of hashes, and bring all of the bundle to the disk.

    :param facts: what the seal will say and ``metadata.json`` says too.
    :param session: to a server whose version is told.
    :return: the digest of the list that stands for all files, which is what is sealed.
    :raises CollectionError: when the bundle lacks a file that every bundle has, or has one that none may have.
    """
    for name in (SUMMARY, COMMANDS):
        if name not in bundle.names():
            raise CollectionError(f"The bundle {bundle.part} lacks {name}, which every bundle has.")
    before = bundle.document(METADATA) if METADATA in bundle.names() else {}
    if not isinstance(before, dict):
        raise CollectionError(f"{bundle.part / METADATA} holds no JSON object.")
    told = before.get("versions")
    bundle.write(
        METADATA,
        {
            **before,
            **facts,
            "live_reason": live_reason,
            "anchored": anchored,
            "sealed_by": actor.to_json(),
            "versions": {**(told if isinstance(told, dict) else {}), **versions(session)},
        },
    )
    # So that a payload is always there, and a reader of later years knows whom the ring believed.
    bundle.write(KEYS, _keys(trust))
    return _list(bundle, facts)


def _keys(trust: Trust) -> list[dict[str, t.Any]]:
    return [
        {"name": key.name, "roles": sorted(key.roles), "key_id": key.key_id, "public_key": key.public_key}
        for key in trust.keys
    ]


def _list(bundle: Bundle, facts: t.Mapping[str, t.Any]) -> str:
    files, strange = read_tree(bundle.part)
    if strange:
        raise CollectionError(f"{bundle.part / strange[0][0]} cannot stand in a bundle: it {strange[0][1]}.")
    own = {name: data for name, data in files.items() if name not in OWN}
    made = bag.tag_files(own, identifier(facts), bagging_date(facts))
    for name, data in made.items():
        disk.write_file(bundle.part / name, data)
    disk.sync_tree(bundle.part)
    return digest_of(made[TAG_MANIFEST])
