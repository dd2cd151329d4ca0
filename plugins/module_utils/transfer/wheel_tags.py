# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which Python and platform a wheel is, by its name (PEP 427, PEP 425).

Of the name only the tags are looked at; whether a wheel is what a lock asks for, its hash tells.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_LONGEST = 100
"""Characters of a file's own name, as USTAR has them."""
_WHEEL = re.compile(
    r"(?P<distribution>[^-]+-[^-]+)(?:-[0-9][^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)[.]whl"
)
_LIBC = re.compile(r"(?P<libc>manylinux|musllinux)_(?P<major>[0-9]+)_(?P<minor>[0-9]+)_(?P<machine>.+)")
# What the older names of platforms mean, by PEP 600.
_OLDER = {"manylinux1_": "manylinux_2_5_", "manylinux2010_": "manylinux_2_12_", "manylinux2014_": "manylinux_2_17_"}


class Wheel(t.NamedTuple):
    """What the name of a wheel says.

    :param distribution: name and version.
    :param pythons: tags such as ``cp312`` and ``py3``; ``abis`` and ``platforms`` likewise.
    """

    distribution: str
    pythons: frozenset[str]
    abis: frozenset[str]
    platforms: frozenset[str]


def wheel_of(name: str) -> Wheel:
    """What the name of a wheel says.

    :param name: with or without directories before it.
    :raises CollectionError: for a name that no wheel has.
    """
    match = _WHEEL.fullmatch(name.rpartition("/")[2])
    if match is None:
        raise CollectionError(
            f"{name} is not called as a wheel is: name, version, Python, ABI and platform, with hyphens between them."
        )
    pythons, abis, platforms = (frozenset(match[of].lower().split(".")) for of in ("python", "abi", "platform"))
    return Wheel(match["distribution"].lower(), pythons, abis, platforms)


def shortened(name: str) -> str:
    """The name of a wheel that fits into a transfer bundle: platform tags are left out at the end of those it has.

    Installers go by the tags in the name, and the first one of a wheel for several versions of one C library is enough.
    """
    head, _dash, tags = name.removesuffix(".whl").rpartition("-")
    platforms = tags.split(".")
    while len(platforms) > 1 and len(f"{head}-{'.'.join(platforms)}.whl") > _LONGEST:
        platforms.pop()
    return f"{head}-{'.'.join(platforms)}.whl"


def check_wheel(name: str, python: str, platforms: t.Collection[str]) -> None:
    """Insist that a wheel is for a Python and one of some platforms.

    :param python: such as ``3.12``.
    :param platforms: tags such as ``manylinux_2_28_x86_64``, which takes wheels for older ones and for ``any`` as well.
    :raises CollectionError: naming what it is for, and what it should be for.
    """
    wheel = wheel_of(name)
    if not any(_runs(tag, int(python.partition(".")[2]), wheel.abis) for tag in wheel.pythons):
        raise CollectionError(
            f"{name} is for {', '.join(sorted(wheel.pythons))} with the ABI {', '.join(sorted(wheel.abis))}; needed is "
            f"one for Python {python}."
        )
    if not _fits(wheel.platforms, platforms):
        raise CollectionError(
            f"{name} is for the platform {', '.join(sorted(wheel.platforms))}; needed is one for "
            f"{' or '.join(sorted(platforms)[:5])}."
        )


def check_fit(names: t.Iterable[str], platforms: t.Collection[str]) -> None:
    """Insist that a machine can install each distribution: that it takes one of its wheels at least.

    :param names: of files; those that are no wheels are passed over.
    :param platforms: the tags that the machine takes.
    :raises CollectionError: naming a distribution that it cannot install, and what its wheels are for.
    """
    offered: dict[str, set[str]] = {}
    for name in names:
        if name.endswith(".whl"):
            wheel = wheel_of(name)
            offered.setdefault(wheel.distribution, set()).update(wheel.platforms)
    for distribution, found in sorted(offered.items()):
        if not _fits(found, platforms):
            more = " and others" if len(platforms) > 3 else ""
            raise CollectionError(
                f"Its wheels of {distribution} are for {', '.join(sorted(found))}; needed is one for this machine, "
                f"which takes {', '.join(list(platforms)[:3]) or 'no platform'}{more}."
            )


def _fits(tags: t.Iterable[str], platforms: t.Collection[str]) -> bool:
    return any(tag == "any" or any(_takes(platform, tag) for platform in platforms) for tag in tags)


def _takes(platform: str, tag: str) -> bool:
    """Whether a platform takes wheels with this tag: its own, and of the same libc those for an older one (PEP 600)."""
    own, other = _LIBC.fullmatch(_modern(platform)), _LIBC.fullmatch(_modern(tag))
    if own is None or other is None:
        return platform == tag
    return own["libc"] == other["libc"] and own["machine"] == other["machine"] and _version(other) <= _version(own)


def _modern(tag: str) -> str:
    return next((new + tag.removeprefix(old) for old, new in _OLDER.items() if tag.startswith(old)), tag)


def _version(libc: re.Match[str]) -> tuple[int, int]:
    return int(libc["major"]), int(libc["minor"])


def _runs(tag: str, minor: int, abis: t.Collection[str]) -> bool:
    """Whether Python 3 with this minor version takes wheels with this tag."""
    if tag == "py3":
        return True
    lead, number = tag[:3], tag[3:]
    if lead not in ("cp3", "py3") or not number.isdecimal():
        return False
    # An older tag is taken where nothing of the interpreter's own is used but what never changes.
    older = lead == "py3" or not {"abi3", "none"}.isdisjoint(abis)
    return int(number) == minor or (older and int(number) < minor)
