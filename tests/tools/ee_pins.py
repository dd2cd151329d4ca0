# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes ``meta/ee-requirements.txt`` from the locks, as ``make lock`` does: the same versions without their hashes."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(_ROOT / "collections"))

from ansible_collections.hotpass.prefect.plugins.module_utils.release import requirements  # noqa: E402

PINS = _ROOT / "meta" / "ee-requirements.txt"
LOCKS = ("requirements/runtime.txt", "requirements/prefect.txt")
_HEAD = """\
# Written by `make lock`: the versions of requirements/runtime.txt and requirements/prefect.txt, without their hashes.
# ansible-builder puts the requirements of all collections of an environment into one file, and a single hash in it has
# pip refuse every line of the others that has none.
"""


def pins(root: Path = _ROOT) -> str:
    """The text of the file: one line a distribution, sorted; markers stay, for the lock holds for several Pythons.

    Extras are left out: what they bring is pinned here as well.

    :raises CollectionError: for a lock that is none.
    """
    locked = {one[:3] for lock in LOCKS for one in requirements.read((root / lock).read_bytes(), lock)}
    lines = [f"{name}=={version}" + (f" ; {marker}" if marker else "") for name, version, marker in sorted(locked)]
    return _HEAD + "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    text = pins()
    changed = not PINS.exists() or PINS.read_text(encoding="utf-8") != text
    PINS.write_text(text, encoding="utf-8")
    print(f"{PINS.relative_to(_ROOT)}: {'written' if changed else 'already current'}")
