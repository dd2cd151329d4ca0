# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who built a release, when, where and with what: said in a signed statement beside it, once for each key."""

from __future__ import annotations

import datetime
import getpass
import importlib.metadata
import os
import platform
import typing as t
import uuid
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.building import Prepared
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import run_git
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

ENVELOPE_TYPE: t.Final = "application/vnd.dsse.envelope.v1+json"
_LIBRARIES = ("cyclonedx-python-lib", "packaging", "pydantic")


def attached(store: Store, release: str, key: SigningKey) -> bool:
    """Whether the release has a provenance that this key signed; one that only claims to be is none."""
    entry = {"name": key.name, "roles": [trust.BUILDER], "public_key": key.public_key}
    believed = trust.Trust.from_setting([entry])
    for envelope in store.attachments(release, statements.ARTIFACT_TYPE):
        try:
            verified = statements.verify(envelope, believed, trust.BUILDER)
        except CollectionError:
            continue
        if verified.predicate_type == statements.PROVENANCE and verified.release == release:
            return True
    return False


def attach(
    store: Store, prepared: Prepared, key: SigningKey, project: Path, started: datetime.datetime, run: RunCommand
) -> None:
    """Sign the provenance of a release that was just built, and let it travel with the release.

    :param project: the work tree; the address that git has as its origin is named, without user information.
    :param started: when the build began, aware.
    """
    release_config = prepared.config
    statement = statements.provenance(
        prepared.digest,
        release_config.solution,
        commit=release_config.commit,
        dirty=release_config.dirty,
        invocation_id=uuid.uuid4().urn,
        started_on=started,
        finished_on=datetime.datetime.now(datetime.UTC),
        source=_origin(project, run),
        # A name that is locked differently for different environments has no one version to state.
        requirements={name: found[0] for name, found in release_config.requirements.items() if len(found) == 1},
        user=_user(),
        host=platform.node() or None,
        builder_version=_builder_version(project, run),
    )
    envelope = statements.sign(statement, key)
    annotations = {statements.PREDICATE_ANNOTATION: statements.PROVENANCE}
    store.attach(prepared.digest, statements.ARTIFACT_TYPE, envelope, ENVELOPE_TYPE, annotations)


def _origin(project: Path, run: RunCommand) -> str | None:
    """The address of the repository; a path or a file is nothing that anybody else could find it by."""
    done = run_git(project, run, "config", "--get", "remote.origin.url")
    address = done.stdout.strip()
    return address if done.rc == 0 and "://" in address and not address.startswith("file:") else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _builder_version(project: Path, run: RunCommand) -> dict[str, str]:
    found = {"python": platform.python_version()}
    git = run_git(project, run, "--version")
    if git.rc == 0:
        found["git"] = git.stdout.strip().removeprefix("git version ")
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
