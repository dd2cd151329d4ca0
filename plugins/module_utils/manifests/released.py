# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploying manifests out of a release: what its flows' code says was kept with it, and runs enter it by its fence."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted

FENCE = "hotpass_fence.steps.enter_release"
# It names the directory of the code, and in a release that is the fence's to say.
_REPLACED = "prefect.deployments.steps.set_working_directory"


@dataclasses.dataclass(frozen=True)
class Entrance:
    """The fence that a run passes before it gets a release's code.

    :param generation: of the ring's ledger.
    :param release: the digest.
    :param store: where workers fetch it; they may know it by another name.
    """

    ring: str
    solution: str
    generation: int
    release: str
    store: str

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Entrance:
        return cls(**{field.name: options[field.name] for field in dataclasses.fields(cls)})

    def stand_before(self, manifest_id: str, wanted: Wanted) -> Wanted:
        """The same deployment, with the fence as its pull step and the digest as its version.

        :raises CollectionError: when the manifest has a pull step of its own that this would drop.
        """
        for step in wanted.fields.get("pull_steps") or ():
            others = sorted(set(step) - {_REPLACED})
            if others:
                raise CollectionError(
                    f"{manifest_id}: pull_steps has {others[0]}; a run enters a release through {FENCE} alone, "
                    f"so only {_REPLACED} may stand there, which it replaces."
                )
        fields = {**wanted.fields, "version": self.release, "pull_steps": [{FENCE: dataclasses.asdict(self)}]}
        return dataclasses.replace(wanted, fields=fields)


def read_flow_code(file: pathlib.Path, references: t.Iterable[str]) -> dict[str, FlowCode]:
    """What a release kept of its flows' code, for the named flows.

    :raises CollectionError: when the file cannot be read, or lacks one of them.
    """
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        code = {reference: FlowCode(**kept[reference]) for reference in set(references) if reference in kept}
    except (OSError, ValueError, TypeError) as error:
        raise CollectionError(f"flow_code {str(file)!r} cannot be read ({error}); fetch the release again.") from None
    lacking = sorted(set(references) - code.keys())
    if lacking:
        raise CollectionError(f"flow_code {str(file)!r} says nothing of {', '.join(lacking)}; build the release again.")
    return code
