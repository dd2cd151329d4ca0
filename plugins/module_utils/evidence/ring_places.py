# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the bundles of a ring's events lie on this disk, so that doing it again ends in the same directory."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_summary
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import NAME, SUMMARY, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.log import KEPT
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_event import Refusal
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation

Json = dict[str, t.Any]

_SECOND = datetime.timedelta(seconds=1)
_STAMP = "%Y%m%dT%H%M%SZ"


class Places:
    """The directories of one ring's bundles.

    :param root: the evidence directory, which several rings and solutions may share.
    :param chain: the ring's ledger.
    """

    def __init__(self, root: Path, chain: Chain) -> None:
        self._root = root
        self._chain = chain
        self.directory = root / chain.ring

    def make(self) -> None:
        """Make the ring's directory.

        :raises CollectionError: when that cannot be done.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CollectionError(
                f"The evidence directory {self.directory} cannot be made: {error.strerror}."
            ) from None

    def bundle(self, kind: str, name: str) -> Bundle:
        """The bundle of a kind and a name."""
        return Bundle(self._root, self._chain.ring, kind, name)

    def of_generation(self, generation: Generation) -> Bundle:
        """The bundle of the end of a generation: of its kind, with the name of the moment, or the next free one."""
        last = ring_summary.end_of(generation)
        at = clock.parse(last.at if last else generation.since)
        identity = (generation.number, last.digest if last else None)
        return self._free(ring_summary.kind_of(generation), at, identity)

    def of_refusal(self, event: Refusal, asker: str) -> Bundle:
        """The bundle of a refusal; the one that is there already, when the very same was refused and nothing since."""
        head = self._chain.head
        identity = (event.action, event.release, event.reason, asker, head.digest if head else None)
        below = self.directory / ring_summary.REFUSAL
        names = sorted((entry.name for entry in below.glob("*") if NAME.fullmatch(entry.name)), reverse=True)
        for name in names[:KEPT]:
            bundle = self.bundle(ring_summary.REFUSAL, name)
            if self._identity(bundle) == identity:
                return bundle
        return self._free(ring_summary.REFUSAL, clock.parse(event.at), identity)

    def _free(self, kind: str, at: datetime.datetime, identity: tuple[t.Any, ...]) -> Bundle:
        while True:
            bundle = self.bundle(kind, at.strftime(_STAMP))
            if self._identity(bundle) in (None, identity):
                return bundle
            at += _SECOND

    def _identity(self, bundle: Bundle) -> tuple[t.Any, ...] | _Nobody | None:
        """Which event a directory is about; None when nothing is there, or too little to be anything."""
        try:
            summary = bundle.document(SUMMARY)
            return _event_of(summary) if summary["solution"] == self._chain.solution else _Nobody()
        except (CollectionError, KeyError, TypeError):
            return _Nobody() if bundle.sealed else None


@dataclasses.dataclass(frozen=True)
class _Nobody:
    """What stands for a bundle of something else."""


def _event_of(summary: Json) -> tuple[t.Any, ...]:
    if summary["generation"] is not None:
        return (summary["generation"], summary["record"])
    keys = ("action", "release", "reason")
    return (*(summary[key] for key in keys), summary["requested_by"]["name"], summary["ledger_head"])
