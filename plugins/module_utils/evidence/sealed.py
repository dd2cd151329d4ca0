# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sealing a bundle comes to."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import Bundle


@dataclasses.dataclass(frozen=True)
class Sealed:
    """A bundle that is there whole.

    :param sequence: its number in the ring's chain; None when no server could give it one.
    :param previous: digest of the seal of the bundle before it.
    :param seal: digest of its seal.
    :param changed: false when it had been sealed before.
    :param warnings: sentences for the user.
    """

    path: Path
    kind: str
    name: str
    sequence: int | None
    previous: str | None
    seal: str
    verdict: str
    changed: bool
    warnings: tuple[str, ...] = ()

    @property
    def anchored(self) -> bool:
        """Whether it has a number in the chain."""
        return self.sequence is not None

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        predicate: t.Mapping[str, t.Any],
        digest: str,
        changed: bool,
        warnings: t.Iterable[str] = (),
    ) -> Sealed:
        """A bundle and what its seal says.

        :param digest: of the seal.
        """
        return cls(
            path=bundle.final,
            kind=bundle.kind,
            name=bundle.name,
            sequence=predicate["sequence"],
            previous=predicate["previous"],
            seal=digest,
            verdict=predicate["verdict"],
            changed=changed,
            warnings=tuple(warnings),
        )

    def to_json(self) -> dict[str, t.Any]:
        """For a task's result."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "name": self.name,
            "sequence": self.sequence,
            "previous": self.previous,
            "seal": self.seal,
            "verdict": self.verdict,
            "anchored": self.anchored,
        }
