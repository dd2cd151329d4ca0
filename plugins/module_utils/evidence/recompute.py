# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of bundle claims, computed once more from the raw data beside it."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import parsed
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust


class Documents(t.Mapping[str, t.Any]):
    """The files of a bundle whose bytes were checked: JSON documents for names ending in ``.json``, bytes for others.

    :ivar predicate: what the seal says of the bundle.
    :ivar trust: whom the verifier believes, for the statements in ``data/statements``.
    """

    def __init__(self, files: t.Mapping[str, bytes], predicate: t.Mapping[str, t.Any], trust: Trust) -> None:
        self.predicate = predicate
        self.trust = trust
        self._files = files
        self._parsed: dict[str, t.Any] = {}

    def __getitem__(self, name: str) -> t.Any:
        """
        :raises KeyError: when there is no such file.
        :raises CollectionError: when it ought to be JSON and is not.
        """
        if not name.endswith(".json"):
            return self._files[name]
        if name not in self._parsed:
            self._parsed[name] = parsed(self._files[name], name)
        return self._parsed[name]

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def raw(self, name: str) -> bytes:
        """The bytes of a file.

        :raises KeyError: when there is no such file.
        """
        return self._files[name]


Recompute = t.Callable[[Documents], t.Sequence[str]]


def _backfill(documents: Documents) -> t.Sequence[str]:
    from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute_backfill import recompute

    return recompute(documents)


def _ring(documents: Documents) -> t.Sequence[str]:
    from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute_ring import recompute

    return recompute(documents)


# Imported when needed: a bundle of one kind does not take what judges the others.
RECOMPUTE: t.Final[t.Mapping[str, Recompute]] = {
    "backfill": _backfill,
    "promotion": _ring,
    "rollback": _ring,
    "refusal": _ring,
}


def problems(documents: Documents, registry: t.Mapping[str, Recompute] | None = None) -> list[str]:
    """Sentences on what the bundle claims and its raw data do not bear out; none when all of it is so.

    A claim that cannot be computed, because a file is missing or holds something else, is not borne out.

    :param registry: how each kind's claims are computed; by default :data:`RECOMPUTE`.
    """
    registry = RECOMPUTE if registry is None else registry
    kind = documents.predicate["kind"]
    if kind not in registry:
        return [f"nothing is known by which a bundle of the kind {kind} could be checked"]
    try:
        return list(registry[kind](documents))
    except CollectionError as error:
        return [error.message]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        what = f"{type(error).__name__}: {error}"[:200]
        return [f"its claims cannot be computed from its files ({what})"]
