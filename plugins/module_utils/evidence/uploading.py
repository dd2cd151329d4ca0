# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads a sealed bundle to a shared directory or a bucket, and reads every byte back.

The seal goes last, so what lacks it is an upload that did not end. What is there is never overwritten.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import commands
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import SEAL
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import read_tree
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.upload_directory import DirectoryTarget
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.upload_s3 import S3Target
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask_addresses
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Outcome


class Target(t.Protocol):
    """Where a bundle is uploaded to."""

    @property
    def location(self) -> str:
        """What people call the place of the bundle."""

    def present(self) -> dict[str, bytes]:
        """The files that are there already, by name; none when the bundle is not there."""

    def put(self, files: t.Mapping[str, bytes], order: t.Sequence[str]) -> None:
        """Write the files that are not there, in this order.

        :param files: all of the bundle.
        :raises CollectionError: when that cannot be done.
        """


def upload(params: t.Mapping[str, t.Any], trust: Trust, check: bool) -> Outcome:
    """Bring a bundle to its destination, or see that it is there.

    :raises CollectionError: when it does not verify, another bundle is in its place, or what was read back is not what
        was sent. The bundle on this disk stays as it is, and the message says what to run again.
    """
    directory = Path(params["bundle"]).expanduser().absolute()
    findings = verify(directory, trust)
    claims = findings.insist()
    files, _strange = read_tree(directory)
    place = f"{claims['ring']}/{claims['kind']}/{claims['name']}"
    # Between the two readings nobody may have changed anything.
    if digest_of(files.get(SEAL, b"")) != findings.seal:
        raise CollectionError(f"The bundle {directory} changed while it was read; run again.")
    try:
        target = _target(params, place)
        lacking = _lacking(target, files)
        if lacking and not check:
            target.put(files, [*sorted(set(lacking) - {SEAL}), *({SEAL} & set(lacking))])
            _insist_same(target.present(), files, target.location, "after the upload")
    except CollectionError as error:
        command = again(params, directory, claims["ring"])
        raise CollectionError(
            f"The bundle was not uploaded: {error.message.rstrip('.')}. It is whole at {directory}; mend that, and "
            f"run: {command}",
            bundle=str(directory),
            again=command,
        ) from None
    return Outcome(
        changed=bool(lacking),
        result={
            "evidence": {
                "path": str(directory),
                "location": target.location,
                "uploaded": not lacking or not check,
                "seal": findings.seal,
                "files": len(files),
                "size": findings.size,
                "written": lacking,
            }
        },
    )


def again(params: t.Mapping[str, t.Any], directory: Path, ring: str) -> str:
    """The command that uploads a bundle once more to the same server. It holds no secret.

    The variables are JSON, because Ansible splits ``name=value`` at spaces once more.

    :param params: of the task; ``command`` is how it begins, up to the variables that are added here.
    """
    begins = params.get("command") or ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", f"inventories/{ring}"]
    given = {"bundle": str(directory), "upload": params["destination"]}
    given |= {name: params[name] for name in ("s3_endpoint", "s3_region", "s3_ca_path") if params.get(name)}
    variables = json.dumps({name: mask_addresses(str(value)) for name, value in given.items()}, ensure_ascii=False)
    return commands.line([*begins, "-e", variables])


def _target(params: t.Mapping[str, t.Any], place: str) -> Target:
    destination = str(params["destination"])
    scheme, separator, rest = destination.partition("://")
    if not separator:
        return DirectoryTarget(Path(destination).expanduser().absolute(), place)
    bucket = rest.partition("/")[0]
    # A user and a password before the bucket would stand in the location.
    if scheme == "s3" and bucket and "@" not in bucket:
        return S3Target(rest, place, params)
    raise CollectionError(
        f"The destination is {mask_addresses(destination)!r}; allowed are a directory and s3://bucket/prefix."
    )


def _lacking(target: Target, files: t.Mapping[str, bytes]) -> list[str]:
    """The files that are not there yet, sorted.

    :raises CollectionError: when something else is there.
    """
    present = target.present()
    _insist_same(present, {name: files[name] for name in present if name in files}, target.location, "already")
    return sorted(files.keys() - present.keys())


def _insist_same(present: t.Mapping[str, bytes], wanted: t.Mapping[str, bytes], location: str, when: str) -> None:
    for name in sorted(present.keys() | wanted.keys()):
        if name not in wanted:
            raise CollectionError(
                f"{location} has {name} {when}, which the bundle has not: another bundle is there, or somebody wrote "
                "into it; nothing there is overwritten"
            )
        if name not in present:
            raise CollectionError(f"{location} lacks {name} {when}; somebody removed it")
        if digest_of(present[name]) != digest_of(wanted[name]):
            raise CollectionError(
                f"{location} has another {name} {when} ({digest_of(present[name])}, not {digest_of(wanted[name])}); "
                "nothing there is overwritten"
            )
