# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a transfer bundle of releases: everything that a site without a network needs to run what a ring runs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import trust_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import collection_tarball, heads, ledgers, names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.choosing import Choice, choose
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.collection_tarball import Tarball
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import (
    RELEASES,
    Key,
    Release,
    TransferDocument,
    collection_file,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.placing import place, signer_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.platforms import Target
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.travelling import lay_out
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_cache import (
    Cache,
    Wheel,
    gather,
    interpreter,
    pinned,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import shortened
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wording import size_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.workspace import workspace
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

_BOOTSTRAP = "roles/transfer_export/files/bootstrap.py"


@dataclasses.dataclass(frozen=True)
class _Wheels:
    """The wheels that go in, and what check mode did not fetch: its distributions, whose sizes nobody knows."""

    files: tuple[Wheel, ...] = ()
    to_fetch: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(wheel.size for wheel in self.files)


def export(params: dict[str, t.Any], context: Context) -> Outcome:
    """Write a bundle with what the ring has Active, or with what is asked for.

    In check mode nothing is fetched and nothing is written; the answer says what would be.

    :raises CollectionError: when the ring has no key of a promoter, its ledger or store is not whole, a release cannot
        be believed without the ring's server, the collection is a checkout that is not its commit, a wheel cannot be
        had, or the bundle cannot be written.
    """
    if not params.get("collection"):
        raise CollectionError("Releases travel with the collection, and none is named; set collection to its root.")
    target = Target.of(params["python"], params["platforms"])
    trust = trust_from_params(params)
    signer = signer_from_params(params, trust)
    python = interpreter(params.get("python_executable"), sys.executable)
    base = _base(params)
    with (
        Session(Connection.from_params(params)) as session,
        contextlib.closing(store_from_params(params)) as store,
        workspace() as work,
    ):
        chain = compaction.full_chain(PrefectLedger(session, params["solution"], params["ring"]).read(), store)
        head = heads.head_of(chain)
        _insist_on_site(base, chain, params)
        choice = choose(chain, store, trust, params["releases"])
        context.tell(f"Ledger: {head.sequence} records; releases of it that travel: {len(choice.releases)}")
        tarball = collection_tarball.pack(
            Path(params["collection"]), context.run_command, python, params["allow_dirty"]
        )
        context.tell(f"Collection {tarball.name} {tarball.version}: {size_of(len(tarball.data))}")
        entries = [*_collection(tarball), *_ledger(chain), *_keys(trust), *_releases(store, choice, work, context)]
        wheels = _wheels(params, context, target, tarball, python)
        entries += [Entry(f"{names.WHEELS}{shortened(wheel.path.name)}", wheel.path) for wheel in wheels.files]
        document = TransferDocument(
            kind=RELEASES,
            solution=params["solution"],
            ring=params["ring"],
            heads={params["ring"]: head},
            collection=(tarball.name, tarball.version),
            python=target.python,
            platforms=target.platforms,
            releases=tuple(Release(one.digest, _labels(one.commit, one.generation)) for one in choice.releases),
            keys=tuple(Key(key.name, tuple(sorted(key.roles)), f"{names.KEYS}{key.name}.pub") for key in trust.keys),
        )
        placed = place(
            params["target"],
            f"{params['solution']}-{params['ring']}-{head.sequence}-py{target.python}-{target.platforms[0]}",
            entries,
            document,
            signer,
            trust,
            base=base,
            beside={names.BOOTSTRAP: tarball.read(_BOOTSTRAP)},
            check=context.check,
            lacking=bool(wheels.to_fetch),
        )
    placed.result |= {
        "python": target.python,
        "platforms": list(target.platforms),
        "releases": [dataclasses.asdict(one) for one in choice.releases],
        "wheels": {"files": len(wheels.files), "size": wheels.size, "to_fetch": list(wheels.to_fetch)},
    }
    context.tell(placed.said)
    return Outcome(
        changed=placed.changed,
        result={"transfer": placed.result},
        diff=placed.diff,
        warnings=[*tarball.warnings, *choice.warnings, *placed.warnings],
    )


def _base(params: t.Mapping[str, t.Any]) -> Receipt | None:
    if not params.get("base"):
        return None
    receipt = Receipt.read(Path(params["base"]))
    if receipt is None:
        raise CollectionError(f"There is no receipt {params['base']}; a site's receipt comes with its evidence.")
    return receipt


def _insist_on_site(base: Receipt | None, chain: Chain, params: t.Mapping[str, t.Any]) -> None:
    """Insist that a receipt is of a site that takes this ring's ledger."""
    if base is None:
        return
    known = base.heads.get(chain.ring)
    relation = heads.relate(known, heads.head_of(chain), chain)
    if known is not None and relation in (heads.Relation.OLDER, heads.Relation.FORKED):
        raise CollectionError(
            f"The site of the receipt {params['base']} has imported record {known.sequence} of ring {chain.ring}, "
            f"which is not in this ring's ledger of {len(chain.records)} records; the receipt is of another ledger, or "
            "the ledger was set back."
        )


def _collection(tarball: Tarball) -> list[Entry]:
    return [
        Entry(collection_file((tarball.name, tarball.version)), tarball.data),
        Entry(names.BOOTSTRAP, tarball.read(_BOOTSTRAP)),
        *(Entry(lock, tarball.read(lock)) for lock in names.LOCKS),
    ]


def _ledger(chain: Chain) -> list[Entry]:
    return [Entry(f"{names.LEDGER}{chain.ring}.json", ledgers.written(chain))]


def _keys(trust: Trust) -> list[Entry]:
    return [Entry(f"{names.KEYS}{key.name}.pub", key.public_key.encode()) for key in trust.keys]


def _releases(store: Store, choice: Choice, work: Path, context: Context) -> list[Entry]:
    entries = lay_out(store, [one.digest for one in choice.releases], work / "store")
    size = sum(entry.source.stat().st_size for entry in entries if isinstance(entry.source, Path))
    context.tell(f"Releases and their statements: {size_of(size)}")
    return entries


def _labels(commit: str | None, generation: int) -> dict[str, str]:
    return {"generation": str(generation), **({"commit": commit} if commit else {})}


def _wheels(params: t.Mapping[str, t.Any], context: Context, target: Target, tarball: Tarball, python: str) -> _Wheels:
    if not params["wheels"]:
        return _Wheels()
    wanted = pinned({lock: tarball.read(lock) for lock in names.LOCKS}, target)
    cache = Cache(Path(params["transfer_dir"]) / "cache", target)
    if context.check:
        files, lacking = cache.find(wanted)
    else:
        files, lacking = gather(cache, wanted, context.run_command, python, context.tell), []
    found = _Wheels(tuple(files), tuple(f"{one.name} {one.version}" for one in lacking))
    more = f", and {len(lacking)} to fetch" if lacking else ""
    context.tell(f"Wheels for {target}: {len(files)}, {size_of(found.size)}{more}")
    return found
