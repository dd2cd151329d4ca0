# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_artifact``: builds a release into a store, or fetches one out of it."""

from __future__ import annotations

import contextlib
import datetime
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.release import (
    artifact,
    building,
    config,
    image,
    provenance_facts,
    tar,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import signing_key_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import Paths
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Manifest, NoStore, Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = t.Mapping[str, t.Any]


def ensure(params: Params, context: Context) -> Outcome:
    """Bring a release into its store (``built``), or onto this host's disk (``fetched``).

    :param params: the validated options of ``hotpass_artifact``.
    :raises CollectionError: see :func:`building.prepare`, :func:`artifact.fetch` and :func:`image.ensure`.
    """
    with contextlib.closing(store_from_params(params)) as store:
        return (_fetched if params["state"] == "fetched" else _built)(store, params, context)


def _built(store: Store, params: Params, context: Context) -> Outcome:
    started = datetime.datetime.now(datetime.UTC)
    key = signing_key_from_params(params)
    wanted_image = image.Image.from_params(params["image"]) if params.get("image") else None
    if wanted_image is not None:
        # Known now, and not after minutes of building, with the release in the store.
        image.check_sources(wanted_image)
        image.find_engine(context.run_command)
    given = params["paths"]
    paths = Paths(**{**given, "checks": given["checks"] or None, "ignore": tuple(given["ignore"])})
    project = building.Project(Path(params["project"]), paths, params["solution"], params["flow_python"])
    compared = artifact.read(store, params["compare_to"]) if params.get("compare_to") else None
    context.tell("reading the commit, loading every overlay, asking for every flow")
    prepared = building.prepare(project, context.run_command, params["allow_dirty"])
    there = _holds(store, prepared)
    stated = key is not None and there and provenance_facts.attached(store, prepared.digest, key)
    if not context.check:
        building.put(store, prepared)
        if key is not None and not stated:
            provenance_facts.attach(store, prepared, key, project.root, started, context.run_command)
    changed = not there or (key is not None and not stated)
    result = {
        "release": prepared.digest,
        "existed": there,
        "signed_by": key.name if key is not None else None,
        "size": prepared.size,
        "differing": dict(prepared.differing),
        **_described(prepared.config),
    }
    outcome = Outcome(changed=changed, result=result, diff=_diff(params.get("compare_to"), compared, prepared))
    if prepared.config.dirty:
        outcome.warnings.append(
            f"The release {prepared.digest} is marked as dirty, because its files are not all as the commit has "
            "them, so nobody can build it again."
        )
    if compared is not None:
        result["files_changed"] = _changes(compared, prepared.config)
    if wanted_image is not None:
        members = tar.unpack(prepared.blobs[1])
        made = image.ensure(wanted_image, prepared.digest, prepared.config, members, context.run_command, context.check)
        result["image"] = {"engine": made.engine, "name": made.name, "id": made.id, "pushed": made.pushed}
        outcome.changed = outcome.changed or made.changed
    return outcome


def _fetched(store: Store, params: Params, context: Context) -> Outcome:
    cache_dir = Path(params["cache_dir"])
    if context.check:
        release = artifact.find(store, params["release"])
        artifact.read_files(store, release)
        unpacked = artifact.cached(release, cache_dir)
        where = {} if unpacked is None else _places(unpacked)
        result = {"release": release.digest, "existed": unpacked is not None, **where, **_described(release.config)}
        return Outcome(changed=unpacked is None, result=result)
    unpacked = artifact.fetch(store, params["release"], cache_dir)
    outcome = Outcome(
        changed=unpacked.fresh,
        result={
            "release": unpacked.digest,
            "existed": not unpacked.fresh,
            **_places(unpacked),
            **_described(unpacked.config),
        },
    )
    if unpacked.damaged is not None:
        outcome.warnings.append(
            f"The copy of {unpacked.digest} in the cache was not what the release says; it is kept at "
            f"{unpacked.damaged}, and a new one was unpacked."
        )
    return outcome


def _places(unpacked: artifact.Unpacked) -> dict[str, str]:
    return {
        "path": str(unpacked.path),
        "flow_path": str(unpacked.path / config.FLOWS),
        "manifests": str(unpacked.path / config.MANIFESTS),
        "flow_code": str(unpacked.flow_code),
    }


def _holds(store: Store, prepared: building.Prepared) -> bool:
    try:
        return store.holds(Manifest.parse(prepared.manifest))
    except NoStore:
        return False


def _described(release_config: ReleaseConfig) -> dict[str, t.Any]:
    return {
        "solution": release_config.solution,
        "commit": release_config.commit,
        "commit_time": release_config.commit_time,
        "dirty": release_config.dirty,
        "flows": sorted(release_config.flows),
        "overlays": [overlay.name for overlay in release_config.overlays],
        "files": len(release_config.files),
    }


def _changes(before: ReleaseConfig, after: ReleaseConfig) -> dict[str, list[str]]:
    both = before.files.keys() & after.files.keys()
    return {
        "added": sorted(after.files.keys() - both),
        "changed": sorted(path for path in both if before.files[path] != after.files[path]),
        "removed": sorted(before.files.keys() - both),
    }


def _diff(compared_to: str | None, before: ReleaseConfig | None, prepared: building.Prepared) -> list[dict[str, t.Any]]:
    """The two lists of files with their hashes, for Ansible to show what was added, changed and removed."""
    if before is None:
        return []
    return [
        {
            "before_header": str(compared_to),
            "after_header": prepared.digest,
            "before": _listed(before),
            "after": _listed(prepared.config),
        }
    ]


def _listed(release_config: ReleaseConfig) -> str:
    return "".join(
        f"{path} {entry.sha256}{' executable' if entry.executable else ''}\n"
        for path, entry in sorted(release_config.files.items())
    )
