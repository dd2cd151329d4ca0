# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an import of releases, in their order. Each looks first, and can be done again.

The receipt comes last: what stands in it is here, whenever the import stopped.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.compat.version import LooseVersion
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import trust_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import short
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_copy import copy
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import heads, names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Relation
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.site import KEPT, Site, held

_MARK: t.Final = "hotpass-environment.json"
_MARK_SIZE: t.Final = 4096


@dataclasses.dataclass(frozen=True)
class Step:
    """One part of an import.

    :param name: of the step, :param where: it writes to.
    :param present: what is there already, in words; :param lacking: what is not. Without any there is nothing to do.
    :param write: brings it there; safe to be done again.
    """

    name: str
    where: str
    present: tuple[str, ...]
    lacking: tuple[str, ...]
    write: t.Callable[[], None]


def steps(
    site: Site,
    transfer: Transfer,
    relations: t.Mapping[str, Relation],
    params: t.Mapping[str, t.Any],
    context: Context,
    work: Path,
) -> list[Step]:
    """What an import has to do, found without writing anything at the site.

    :param relations: how the bundle's heads stand to the site's, none of them forked.
    :param work: an empty directory, for files that only this import needs.
    :raises CollectionError: when something of the bundle contradicts itself or what is here.
    """
    aside = bool(params["other_platform"])
    known_as_older = Relation.OLDER in relations.values() or site.superseded(transfer, aside)
    older = known_as_older or _has_older_programs(transfer, params)
    kept = _kept_files(site, transfer, leave=older or aside)
    planned = [
        _kept(site, transfer, kept),
        _keys(transfer, Path(params["keys_dir"])),
        _releases(site, transfer, work),
    ]
    # Older bundles bring back releases; they never put older programs in the place of newer ones.
    wheels = transfer.below(names.WHEELS)
    if params.get("environments") and wheels and not aside and not older:
        planned.append(_environment(site, transfer, params, context, work))
    planned.append(_ledgers(site, transfer, relations))
    return [*planned, _receipt(site, transfer, relations, kept, None if aside else transfer.seal.digest, older)]


def _has_older_programs(transfer: Transfer, params: t.Mapping[str, t.Any]) -> bool:
    """Whether the collection that runs here is newer than the bundle's: two bundles may bring one head.

    :raises CollectionError: when it is, and nobody said that an older bundle is meant.
    """
    if not params.get("environments"):
        return False
    try:
        mark = json.loads(disk.read_file(Path(params["environments"], "current", _MARK), _MARK_SIZE))
        here = str(mark["collection"]["version"])
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError):
        raise CollectionError(
            f"{params['environments']}/current/{_MARK} does not say which collection is there."
        ) from None
    name, version = transfer.document.collection
    if LooseVersion(version) >= LooseVersion(here):
        return False
    if not params["allow_older"]:
        raise CollectionError(
            f"The transfer bundle {transfer.path} is refused. It brings {name} {version}, and {here} runs here. Bring "
            "a newer one, or say that an older one is meant: -e allow_older=true."
        )
    return True


class _KeptFiles(t.NamedTuple):
    """The files that a site keeps, and what becomes of them.

    :param lacking: the names of those that the bundle puts there.
    :param left: the names of those that it has as well, with other bytes, and leaves alone.
    :param then: all of them once it was imported.
    """

    lacking: tuple[str, ...]
    left: frozenset[str]
    then: t.Mapping[str, File]


def _kept_files(site: Site, transfer: Transfer, leave: bool) -> _KeptFiles:
    """Look at the files that are kept.

    :param leave: whether one that is there stays, when the bundle has other bytes under its name.
    """
    here = site.kept()
    wanted = {name: transfer.files[name] for prefix in KEPT for name in transfer.below(prefix)}
    other = [name for name, file in wanted.items() if here.get(name) != file]
    left = frozenset(name for name in other if leave and name in here)
    lacking = tuple(name for name in other if name not in left)
    return _KeptFiles(lacking, left, {**here, **{name: wanted[name] for name in lacking}})


def _kept(site: Site, transfer: Transfer, kept: _KeptFiles) -> Step:
    lacking = kept.lacking

    def write() -> None:
        for name in lacking:
            transfer.copy(name, site.directory / name)

    present = tuple(name for prefix in KEPT for name in transfer.below(prefix) if name not in lacking)
    return Step("files that are kept", str(site.directory), present, lacking, write)


def _keys(transfer: Transfer, directory: Path) -> Step:
    """The public keys, apart from the site's own. Whom the ring believes stays in its settings."""
    found: dict[str, str] = {}
    present = []
    for key in transfer.document.keys:
        name = key.file.removeprefix(names.KEYS)
        public = keys.parse_public_key(transfer.read(key.file).decode("ascii", "replace"), f"{key.file} of the bundle")
        path = directory / name
        if not path.exists():
            found[name] = keys.public_pem(public)
            continue
        here = keys.key_id_of(keys.parse_public_key(keys.read_key_file(path), str(path)))
        if here != keys.key_id_of(public):
            raise CollectionError(
                f"{path} is key {here[:16]}, and the bundle brings key {keys.key_id_of(public)[:16]} under that name. "
                "Nothing was written; ask at home whether the key was changed, and remove the file when it was."
            )
        present.append(name)

    def write() -> None:
        for name, pem in found.items():
            disk.write_file(directory / name, pem.encode("ascii"))

    return Step("public keys", str(directory), tuple(present), tuple(found), write)


def _releases(site: Site, transfer: Transfer, work: Path) -> Step:
    """The releases with their statements, by way of a directory in which they are a store of their own."""
    for name in transfer.below(names.STORE):
        transfer.copy(name, work / name)
    staged = open_store(str(work / "store"))
    bad = [finding for finding in staged.verify().findings if finding.bad]
    if bad:
        raise CollectionError(
            f"The store in the transfer bundle {transfer.path} is not as it should be: {bad[0].name} is "
            f"{bad[0].problem} ({bad[0].detail}). Nothing was written; export it again."
        )
    wanted = [release.digest for release in transfer.document.releases]
    plans = [copy(staged, site.store, digest, check=True) for digest in wanted]
    lacking = sorted({digest for plan in plans for digest in plan.written})
    present = sorted({digest for plan in plans for digest in plan.present})

    def write() -> None:
        for digest in wanted:
            copy(staged, site.store, digest)

    return Step("releases and statements", site.store.address, tuple(present), tuple(lacking), write)


def _environment(site: Site, transfer: Transfer, params: t.Mapping[str, t.Any], context: Context, work: Path) -> Step:
    """The virtual environment with Ansible, Prefect and the collection, beside the one that runs this."""
    promoters = []
    for number, key in enumerate(trust_from_params(params).having((PROMOTER,))):
        path = work / f"promoter-{number}.pub"
        disk.write_file(path, key.public_key.encode("ascii"))
        promoters += ["--key", str(path)]
    argv = [params.get("python_executable") or sys.executable, params["bootstrap"], str(transfer.path), *promoters]
    argv += ["--into", params["environments"], "--kept", str(site.directory)]

    def run(*more: str) -> str:
        answer = context.run_command([*argv, *more])
        if answer.rc:
            raise CollectionError(f"The environment cannot be made. {answer.stderr.strip()[-1000:]}")
        return answer.stdout

    def write() -> None:
        run()

    version = " ".join(transfer.document.collection)
    there = "is already there" in run("--check")
    what = (f"{version} for Python {transfer.document.python}",)
    return Step("environment", f"{params['environments']}/current", what if there else (), () if there else what, write)


def _ledgers(site: Site, transfer: Transfer, relations: t.Mapping[str, Relation]) -> Step:
    """The ledgers that end with the newest heads, to tell older heads from forked ones later."""
    wanted = {ring: f"{names.LEDGER}{ring}.json" for ring, how in relations.items() if how is not Relation.OLDER}
    lacking = {ring: name for ring, name in wanted.items() if held(site.directory / name) != transfer.files[name]}

    def write() -> None:
        for name in lacking.values():
            transfer.copy(name, site.directory / name)

    present = tuple(sorted(wanted[ring] for ring in wanted.keys() - lacking.keys()))
    return Step("ledgers", str(site.directory), present, tuple(lacking.values()), write)


def _receipt(
    site: Site,
    transfer: Transfer,
    relations: t.Mapping[str, Relation],
    kept: _KeptFiles,
    seal: str | None,
    older: bool,
) -> Step:
    """What the site has now. Its heads never go back, so that an older bundle takes a word each time.

    What was left alone is not the bundle's, and what it replaced is not here any more; a delta for the receipt may
    leave out neither.
    """
    before = site.receipt
    brought = {
        file.sha256: file.size
        for name, file in transfer.files.items()
        if names.may_be_spared(name) and name not in kept.left
    }
    newest = heads.newest(before.heads, transfer.document.heads, relations)
    after = before.after(seal, newest, {**site.still(kept.then.values()), **brought}, older=older)
    same = after == before and site.receipt_file.exists()

    def write() -> None:
        after.write(site.receipt_file)

    lines, known = _lines(after), _lines(before)
    fresh = tuple(line for line in lines if line not in known) or (f"receipt {short(digest_of(after.to_bytes()))}",)
    return Step("receipt", str(site.receipt_file), tuple(known), () if same else fresh, write)


def _lines(receipt: Receipt) -> list[str]:
    ends = [f"head of ring {ring}: record {head.sequence} {short(head.digest)}" for ring, head in receipt.heads.items()]
    return sorted([*ends, *(f"bundle {seal}" for seal in receipt.imported)])
