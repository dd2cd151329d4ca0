# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of a store finds, collected."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    Corrupt,
    NoStore,
    NotInStore,
    StoreError,
    Transient,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Finding, Problem

_T = t.TypeVar("_T")


class Findings:
    """The findings of one walk over a store, which goes on where a reader would stop."""

    def __init__(self) -> None:
        self._found: dict[tuple[Problem, str], Finding] = {}

    def __contains__(self, key: tuple[Problem, str]) -> bool:
        return key in self._found

    def note(self, problem: Problem, name: str, detail: str) -> None:
        """Note a problem; the first of its kind with a name is the one that says why."""
        self._found.setdefault((problem, name), Finding(problem, name, detail))

    def tried(self, work: t.Callable[[], _T], name: str) -> _T | None:
        """What the work answers; None when it came upon something bad, which is noted.

        :param name: what the work is about, for an error that does not say so itself.
        :raises NoStore: when there is no store at all, :class:`Transient` when it does not answer.
        """
        try:
            return work()
        except Corrupt as error:
            self.note("corrupt", error.blob, error.fault)
        except NoStore:
            raise
        except NotInStore as error:
            self.note("missing", error.blob, "it is named, and not there")
        except Transient as error:
            if not error.answered:
                raise
            self.note("corrupt", name, error.message)
        except StoreError as error:
            self.note("corrupt", name, error.message)
        return None

    def sorted(self) -> tuple[Finding, ...]:
        """All of them, by problem and name."""
        return tuple(self._found[key] for key in sorted(self._found))
