# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which Python and platform a site's wheels are: the tags that pip is asked for, and what markers mean there."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_wheels import (
    Marker,
    Tag,
    compatible_tags,
    cpython_tags,
    default_environment,
)

PYTHONS: t.Final = ("3.11", "3.12", "3.13")
"""What the collection runs with, and the locks are made for."""

_MACHINES = ("x86_64", "aarch64", "armv7l", "i686", "ppc64le", "s390x")
_PLATFORM = re.compile(
    rf"(?:(?P<libc>manylinux|musllinux)_(?P<major>[0-9]+)_(?P<minor>[0-9]+)|manylinux(?P<year>1|2010|2014))"
    rf"_(?P<machine>{'|'.join(_MACHINES)})"
)
# PEP 600: the older names, by the version of glibc that each stands for.
_NAMED = {"1": 5, "2010": 12, "2014": 17}
_OLDEST_MUSL = 1


@dataclasses.dataclass(frozen=True)
class Target:
    """What wheels have to run on.

    :param python: such as ``3.12``.
    :param platforms: tags such as ``manylinux_2_28_x86_64``; a host has to take all of them.
    :param machine: as ``uname -m`` says it.
    """

    python: str
    platforms: tuple[str, ...]
    machine: str

    @classmethod
    def of(cls, python: str, platforms: t.Sequence[str]) -> Target:
        """The target that a task's arguments name.

        :raises CollectionError: for a Python that the collection does not run with, and platforms that no one host has.
        """
        if python not in PYTHONS:
            raise CollectionError(
                f"python is {python[:50]!r}; the collection runs with {', '.join(PYTHONS[:-1])} and {PYTHONS[-1]}."
            )
        if not platforms:
            raise CollectionError("platforms is empty; allowed is one or more, such as manylinux_2_28_x86_64.")
        machines, libcs = set(), set()
        for platform in platforms:
            found = _parsed(platform)
            machines.add(str(found["machine"]))
            libcs.add(found["libc"] or "manylinux")
        if len(machines) > 1 or len(libcs) > 1:
            raise CollectionError(
                f"platforms names {', '.join(platforms)}, which no one host takes together; write one bundle for each."
            )
        return cls(python, tuple(dict.fromkeys(platforms)), machines.pop())

    @functools.cached_property
    def pip_platforms(self) -> tuple[str, ...]:
        """Every platform tag of a wheel that runs there, the best first."""
        return tuple(dict.fromkeys(name for platform in self.platforms for name in _down_from(platform)))

    @functools.cached_property
    def tags(self) -> dict[Tag, int]:
        """Every tag of a wheel that runs there, with its rank; 0 is the best."""
        version = tuple(int(part) for part in self.python.split("."))
        interpreter = "cp" + self.python.replace(".", "")
        found = [
            *cpython_tags(version, platforms=self.pip_platforms),
            *compatible_tags(version, interpreter, self.pip_platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(found)))}

    def wants(self, marker: str) -> bool:
        """Whether a requirement with this marker may be needed there.

        Which bug fix of the Python it will be is not known, so what the first or a late one needs is wanted.
        """
        return not marker or any(Marker(marker).evaluate(self._environment(patch)) for patch in (0, 99))

    def _environment(self, patch: int) -> dict[str, str]:
        full = f"{self.python}.{patch}"
        return {
            **t.cast("dict[str, str]", default_environment()),
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": full,
            "python_version": self.python,
            "sys_platform": "linux",
        }

    def __str__(self) -> str:
        return f"Python {self.python} on {', '.join(self.platforms)}"


def _parsed(platform: str) -> dict[str, str | None]:
    found = _PLATFORM.fullmatch(platform)
    if found is None:
        raise CollectionError(
            f"The platform {platform[:100]!r} is unknown; allowed are tags of Linux such as manylinux_2_28_x86_64, "
            f"manylinux2014_aarch64 and musllinux_1_2_x86_64, for the machines {', '.join(_MACHINES)}."
        )
    return found.groupdict()


def _down_from(platform: str) -> t.Iterator[str]:
    """A platform, and those before it: what was made for an older C library runs with a newer one."""
    found = _parsed(platform)
    machine = found["machine"]
    if found["libc"] == "musllinux":
        for minor in range(int(str(found["minor"])), _OLDEST_MUSL - 1, -1):
            yield f"musllinux_{found['major']}_{minor}_{machine}"
        return
    newest = _NAMED[found["year"]] if found["year"] else int(str(found["minor"]))
    oldest = _NAMED["1"] if machine in ("x86_64", "i686") else _NAMED["2014"]
    names = {minor: name for name, minor in _NAMED.items()}
    yield platform
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in names:
            yield f"manylinux{names[minor]}_{machine}"
