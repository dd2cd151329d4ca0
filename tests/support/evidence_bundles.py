# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of a few small files, and somebody who seals them."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag, tree
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    METADATA,
    OWN,
    SEAL,
    TAG_MANIFEST,
    Bundle,
    as_text,
    parsed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents, Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.seal import seal
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.sealed import Sealed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support.attesting import Cast, Person

RING: t.Final = "staging"
KIND: t.Final = "backfill"
PICTURE: t.Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12


def count_runs(documents: Documents) -> list[str]:
    """What the bundles here claim: how many runs there were."""
    said, found = documents["summary.json"]["runs"], len(documents["runs.json"])
    return [] if said == found else [f"it claims {said} runs, and runs.json has {found}"]


REGISTRY: t.Final[t.Mapping[str, Recompute]] = {KIND: count_runs, "promotion": count_runs}


def moment(number: int) -> str:
    """The name of the bundle with this number: one second after the other."""
    start = datetime.datetime(2026, 11, 22, 7, 30, tzinfo=datetime.UTC)
    return (start + datetime.timedelta(seconds=number)).strftime("%Y%m%dT%H%M%SZ")


def fill(bundle: Bundle, word: str = "one") -> Bundle:
    """Write a bundle's files, the same for the same word."""
    bundle.write("summary.json", {"runs": 2, "verdict": "pass"})
    bundle.write("runs.json", [{"id": "a", "name": word}, {"id": "b", "name": word}])
    bundle.write("cli.sh", "ansible-playbook playbooks/rehearse.yml -i inventories/staging\n")
    bundle.write("hotpass-e2e-staging.log", f"{word}\n" * 40)
    bundle.write("timeline.png", PICTURE)
    bundle.write("data/ledger.json", {"records": [], "head": None})
    bundle.write("data/statements/1.dsse.json", {"payload": word})
    return bundle


@dataclasses.dataclass(frozen=True)
class Sealer:
    """Somebody who seals bundles of one solution into one evidence directory."""

    root: Path
    solution: str
    key: SigningKey
    trust: Trust

    @classmethod
    def of(cls, root: Path, solution: str, people: Cast) -> Sealer:
        """Alice, who is a promoter."""
        return cls(root, solution, people.alice.key, people.trust)

    def bundle(self, name: str, kind: str = KIND) -> Bundle:
        """A bundle that need not be there yet."""
        return Bundle(self.root, RING, kind, name)

    def seal(self, session: Session | None, name: str, **changes: t.Any) -> Sealed:
        """Fill a bundle, unless that was done, and seal it."""
        bundle = self.bundle(name)
        if not bundle.sealed and not bundle.being_sealed:
            fill(bundle, name)
        return self.seal_filled(session, bundle, **changes)

    def seal_filled(self, session: Session | None, bundle: Bundle, **changes: t.Any) -> Sealed:
        """Seal a bundle as it is."""
        said: dict[str, t.Any] = {
            "solution": self.solution,
            "key": self.key,
            "trust": self.trust,
            "actor": Actor("alice", self.key.key_id, "alice.user"),
            "verdict": "pass",
            "live": True,
            "registry": REGISTRY,
        }
        return seal(bundle, session, **{**said, **changes})


def reseal(bundle: Path, by: Person, **changes: t.Any) -> str:
    """Write the lists and the seal of a bundle anew, as somebody with a key could; return the seal's digest.

    :param changes: of what the seal says.
    """
    files, _strange = tree.read_tree(bundle)
    predicate = statements.peek(files[SEAL])["predicate"]
    own = {name: data for name, data in files.items() if name not in OWN}
    identifier = "/".join(predicate[key] for key in ("solution", "ring", "kind", "name"))
    for name, data in bag.tag_files(own, identifier, "2026-11-22").items():
        (bundle / name).write_bytes(data)
    said = {
        **{key: predicate[key] for key in ("solution", "ring", "kind", "name", "verdict", "live", "sequence")},
        **{key: predicate[key] for key in ("previous", "generation", "release")},
        "sealed_at": predicate["sealedAt"],
        "sealed_by": by,
        "sealed": digest_of((bundle / TAG_MANIFEST).read_bytes()),
    }
    data = statements.sign(statements.evidence(**{**said, **changes}), by.key)
    (bundle / SEAL).write_bytes(data)
    return digest_of(data)


def number(bundle: Path, by: Person, sequence: int, previous: str | None, **changes: t.Any) -> str:
    """Give a bundle a number that no server gave it; return the digest of the seal that says so."""
    metadata = bundle / METADATA
    document = {**parsed(metadata.read_bytes(), METADATA), "anchored": True}
    metadata.write_text(as_text(document, METADATA), encoding="utf-8")
    return reseal(bundle, by, sequence=sequence, previous=previous, **changes)
