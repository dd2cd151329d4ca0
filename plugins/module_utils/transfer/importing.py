# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a transfer bundle in, after all of it was verified; see ``docs/air-gap.md``."""

from __future__ import annotations

import contextlib
import sys
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import trust_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import short
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_wheels import platform_tags
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import EVIDENCE, Json
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Relation
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.installing import Step, steps
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.site import Site
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.workspace import alone_in, workspace

_NEEDED: t.Final = ("transfer_dir", "store", "solution", "keys_dir")


def verify(params: dict[str, t.Any], context: Context) -> Outcome:
    """Verify a bundle, of any kind unless one is asked for, and tell what is in it. Nothing is written.

    A delta needs ``transfer_dir``, ``store`` and ``solution``, which say where the files are that it leaves out.

    :returns: ``transfer``, what the bundle says of itself.
    :raises CollectionError: for the first thing that is wrong.
    """
    del context
    with contextlib.ExitStack() as stack:
        site = _site(params, stack) if all(params.get(name) for name in _NEEDED[:3]) else None
        return Outcome(changed=False, result={"transfer": described(_opened(params, site, stack))})


def bring_in(params: dict[str, t.Any], context: Context) -> Outcome:
    """Bring in what a bundle holds that is not here yet, the receipt last, so that running again repairs a crash.

    :returns: ``transfer``: what the bundle says of itself, and what was ``written``, or in check mode would be.
    :raises CollectionError: when the bundle is refused, before anything was written; or when something cannot be
        written.
    """
    with contextlib.ExitStack() as stack:
        site = _site(params, stack) if all(params.get(name) for name in _NEEDED[:3]) else None
        transfer = _opened(params, site, stack)
        if transfer.document.kind == EVIDENCE:
            # Who imports evidence at home has no site, and who imports releases need not know how evidence returns.
            from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.returning import bring_in as returned

            return returned(transfer, params, context)
        for name in _NEEDED:
            if not params.get(name):
                raise CollectionError(f"Releases are imported with {', '.join(_NEEDED)}; {name} is missing.")
        if site is None:
            raise CollectionError("Releases are imported into a site.")
        relations = _relations(site, transfer, params)
        work = stack.enter_context(workspace())
        if not context.check:
            stack.enter_context(alone_in(site.directory))
            # Whoever held it may have imported something since.
            site.look()
            relations = _relations(site, transfer, params)
        planned = steps(site, transfer, relations, params, context, work)
        outcome = _outcome(transfer, planned)
        if not context.check:
            for step in planned:
                if step.lacking:
                    context.tell(f"Import: {step.name}")
                    step.write()
        if params.get("environments") and not transfer.below(names.WHEELS):
            outcome.warnings.append("The bundle has no wheels, so the collection and Prefect stay as they are here.")
        outcome.result["transfer"]["relations"] = {ring: relation.value for ring, relation in relations.items()}
        return outcome


def described(transfer: Transfer) -> Json:
    """What a verified bundle says of itself, for a task's result."""
    document = transfer.document
    said = document.to_json()
    kept = ("kind", "solution", "ring", "collection", "python", "platforms", "releases", "heads", "base")
    return {
        **{field: said[field] for field in kept},
        "public_keys": [{"name": key.name, "roles": list(key.roles)} for key in document.keys],
        "path": str(transfer.path),
        "size": transfer.size,
        "seal": transfer.seal.digest,
        "signer": transfer.seal.signer,
        "files": len(document.files),
        "omitted": {"files": len(document.omitted), "size": sum(file.size for file in document.omitted.values())},
    }


def _site(params: t.Mapping[str, t.Any], stack: contextlib.ExitStack) -> Site:
    store = stack.enter_context(contextlib.closing(store_from_params(params)))
    work = stack.enter_context(workspace())
    return Site(Path(params["transfer_dir"]), store, work, params["solution"])


def _opened(params: t.Mapping[str, t.Any], site: Site | None, stack: contextlib.ExitStack) -> Transfer:
    here = not params["other_platform"]
    return stack.enter_context(
        reading.verified(
            Path(params["bundle"]),
            trust_from_params(params),
            kind=params.get("kind"),
            solution=params.get("solution"),
            python=f"{sys.version_info[0]}.{sys.version_info[1]}" if here else None,
            platforms=list(platform_tags()) if here else None,
            have=site.own if site else None,
        )
    )


def _relations(site: Site, transfer: Transfer, params: t.Mapping[str, t.Any]) -> dict[str, Relation]:
    """How its heads stand to those that were imported last, when all of them may be imported.

    :raises CollectionError: for a forked head, and for an older head or bundle that nobody allowed.
    """
    found = site.relations(transfer)
    for ring, relation in sorted(found.items()):
        known, offered = site.known(ring), transfer.document.heads[ring]
        # Without a known head nothing is older than it, or forked from it.
        if known is None or relation not in (Relation.FORKED, Relation.OLDER):
            continue
        both = (
            f"the head of ring {ring} that it brings is record {offered.sequence} ({short(offered.digest)}), and the "
            f"last one that was imported here is record {known.sequence} ({short(known.digest)})"
        )
        if relation is Relation.FORKED:
            raise CollectionError(
                f"The transfer bundle {transfer.path} is refused. The ledger of ring {ring} is forked: {both}, and no "
                "ledger holds the two; ask at home which one is true. Nothing allows the other one here."
            )
        if not params["allow_older"]:
            raise CollectionError(
                f"The transfer bundle {transfer.path} is refused. It is older than what is here: {both}. Bring a newer "
                "one, or say that an older one is meant: -e allow_older=true."
            )
    if site.superseded(transfer, params["other_platform"]) and not params["allow_older"]:
        raise CollectionError(
            f"The transfer bundle {transfer.path} is refused. It was imported here before, and another one after it; "
            "import the newest one again, or say that an older one is meant: -e allow_older=true."
        )
    return found


def _outcome(transfer: Transfer, planned: t.Sequence[Step]) -> Outcome:
    written = {step.name: list(step.lacking) for step in planned if step.lacking}
    outcome = Outcome(changed=bool(written), result={"transfer": {**described(transfer), "written": written}})
    for step in planned:
        if step.lacking:
            header = {"before_header": step.where, "after_header": step.where}
            after = sorted([*step.present, *step.lacking])
            before = "".join(f"{line}\n" for line in step.present)
            outcome.diff.append({**header, "before": before, "after": "".join(f"{line}\n" for line in after)})
    return outcome
