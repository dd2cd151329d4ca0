# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the files of a release as a ring will: every overlay is loaded, every flow is asked what it takes.

The files are written into a directory of their own, so that nothing of a work tree but what is in the release can help.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import desired, load, released
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.files import SUFFIXES
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import (
    FlowCode,
    Interpreter,
    read_flows,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import ManifestErrors, Problem
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import (
    check_against_schema,
    check_parameters,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release import config
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, RunCommand

# What makes a flow's schema; another version of them can make another one, and with it another release.
_SCHEMA_MAKERS = ("prefect", "pydantic", "pydantic-core", "griffe", "griffelib")
_MARK = "hotpass.prefect:versions:"
_ASK_VERSIONS = """
import importlib.metadata, json, sys
found = {}
for name in json.load(sys.stdin):
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print("%s" + json.dumps(found))
"""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the files of a release say: its directories of manifests, and the flows that those name."""

    overlays: tuple[Overlay, ...]
    flows: t.Mapping[str, FlowCode]


def examine(
    members: t.Sequence[Member],
    shown_as: t.Mapping[str, str],
    flow_python: str,
    versions: t.Mapping[str, t.Sequence[str]],
    run: RunCommand,
) -> Facts:
    """Load every overlay of the bundle and ask for every flow.

    :param shown_as: for ``manifests`` and ``flows`` the directory that messages name in their place.
    :param flow_python: a Python that has what the release requires, and Prefect with it.
    :param versions: what the release requires: for each name the versions.
    :raises CollectionError: for manifests that cannot be used, with file and line; for flows that cannot be imported or
        are not in the release; for parameters that a flow does not take; and when ``flow_python`` has other versions of
        what makes the schemas than the release requires.
    """
    with tempfile.TemporaryDirectory(prefix="hotpass-release-") as temporary:
        root = Path(os.path.realpath(temporary))
        for member in members:
            file = root / member.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(member.data)
        with _named_as({str(root / place): name for place, name in shown_as.items()}):
            manifests = {name: _load(root / config.MANIFESTS / name) for name in _directories(members)}
            if not manifests:
                raise CollectionError(
                    f"{shown_as[config.MANIFESTS]} has no directory with manifests in it, so there is nothing to "
                    "release; a ring's manifests are in a directory of their own."
                )
            wanted = {one.flow for loaded in manifests.values() for one in loaded if one.flow}
            if wanted:
                _check_versions(flow_python, versions, run)
            # Not the user's cache: it keeps where the code was, which is another place at every build.
            interpreter = Interpreter(flow_python, str(root / config.FLOWS), str(root / "answers"))
            flows = read_flows(wanted, interpreter, _steadied(run))
        _check_places(flows, {member.path for member in members})
        _check_deployable(manifests, flows)
        overlays = tuple(
            Overlay(name, tuple(sorted(one.id for one in loaded))) for name, loaded in sorted(manifests.items())
        )
        return Facts(overlays, {name: flows[name] for name in sorted(flows)})


def _directories(members: t.Iterable[Member]) -> list[str]:
    """The directories right below ``manifests/`` that hold manifests."""
    found = set()
    for member in members:
        steps = member.path.split("/")
        hidden = any(step.startswith(".") for step in steps)
        if len(steps) > 2 and steps[0] == config.MANIFESTS and not hidden and steps[-1].lower().endswith(SUFFIXES):
            found.add(steps[1])
    return sorted(found)


def _load(directory: Path) -> list[Manifest]:
    return [loaded.manifest for loaded in load.load_selection(directory)]


@contextlib.contextmanager
def _named_as(names: t.Mapping[str, str]) -> t.Iterator[None]:
    """Let errors name the directories that the user knows instead of those that the files were written into."""

    def renamed(text: str) -> str:
        for staged, name in names.items():
            text = text.replace(staged, name)
        return text

    try:
        yield
    except ManifestErrors as error:
        raise ManifestErrors(
            Problem(renamed(one.file), one.line, one.field, renamed(one.found), renamed(one.allowed))
            for one in error.problems
        ) from None
    except CollectionError as error:
        raise CollectionError(renamed(error.message), **error.details) from None


def _steadied(run: RunCommand) -> RunCommand:
    """The same, for code that is to say the same each time: sets are listed in the order of hashes."""

    def steady(
        argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> CommandResult:
        return run(argv, env={**(env or {}), "PYTHONHASHSEED": "0", "TZ": "UTC"}, data=data)

    return steady


def _check_places(flows: t.Mapping[str, FlowCode], paths: t.Collection[str]) -> None:
    for reference, code in flows.items():
        file = code.entrypoint.rpartition(":")[0]
        if f"{config.FLOWS}/{file}" not in paths:
            raise CollectionError(
                f"The flow {reference} comes from {file}, which is not in the release; a manifest can only name flows "
                "that are released with it."
            )


def _check_deployable(manifests: t.Mapping[str, list[Manifest]], flows: t.Mapping[str, FlowCode]) -> None:
    """Refuse what deploying the release into a ring would refuse, whatever the ring's server has."""
    # Rings deploy the overlays; the base is deployed as it is only where there is nothing else.
    base_only = set(manifests) == {load.BASE_NAME}
    problems = []
    for name, loaded in manifests.items():
        entrance = released.Entrance(ring=name, solution="", generation=0, release="", store="")
        for manifest in loaded:
            wanted = desired.from_manifest(manifest, flows.get(manifest.flow or ""), None)
            found = check_parameters(wanted, None)
            if manifest.rehearsal is not None:
                schema = wanted.fields.get("parameter_openapi_schema")
                found += check_against_schema("rehearsal.parameters", manifest.rehearsal.parameters, schema)
            problems += [f"{config.MANIFESTS}/{name}, {manifest.id}: {problem}" for problem in found]
            if name != load.BASE_NAME or base_only:
                try:
                    entrance.stand_before(manifest.id, wanted)
                except CollectionError as error:
                    problems.append(f"{config.MANIFESTS}/{name}, {error.message}")
    if problems:
        raise CollectionError(f"Nothing was built. {' '.join(problems)}", problems=problems)


def _check_versions(python: str, versions: t.Mapping[str, t.Sequence[str]], run: RunCommand) -> None:
    """Refuse a Python whose schemas could be others than those of the release's own environment."""
    wanted = {name: versions[name] for name in _SCHEMA_MAKERS if name in versions}
    if "prefect" not in wanted:
        raise CollectionError("The release's requirements do not lock prefect, which its flows need to run.")
    if not os.access(python, os.X_OK):
        raise CollectionError(f"flow_python names {python!r}, which is no program that can be run.")
    try:
        done = run([python, "-c", _ASK_VERSIONS % _MARK], data=json.dumps(list(wanted)))
    except OSError as error:
        raise CollectionError(f"flow_python {python!r} cannot be run: {error}.") from None
    text = done.stdout.partition(_MARK)[2]
    if done.rc != 0 or not text:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CollectionError(f"{python} could not be asked which versions it has: {last.rstrip('.')}.")
    found = json.loads(text)
    for name, allowed in wanted.items():
        if found.get(name) not in allowed:
            has = f"{name} {found[name]}" if name in found else f"no {name}"
            raise CollectionError(
                f"flow_python {python} has {has} where the release requires {' or '.join(allowed)}; the schemas of the "
                "flows would not be those of the release. Install its requirements there, or name another Python."
            )
