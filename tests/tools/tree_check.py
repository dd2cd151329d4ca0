# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what no linter looks at, in the files that git tracks or would track.

``tree_check.py`` checks that no file names a path of this machine or a package index, that every code file carries
the licence header, that the links which let a checkout resolve its own collection are whole, and that
``meta/runtime.yml`` knows each module.
``tree_check.py --tarball FILE`` checks that a built collection holds nothing that git does not know, all that it
should, and whatever its pages link to.
One line a finding; ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import typing as t
from pathlib import Path

import yaml

HEADER = (
    "# Copyright: (c) 2026, Hotpass maintainers",
    "# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
WITH_HEADER = re.compile(r"\.(py|sh)$|^\.ci/run$|^Makefile$|^(galaxy|meta/.*|roles/.*|playbooks/.*)\.yml$")
LINKS = Path("collections/ansible_collections/hotpass/prefect")
LINKED = ("galaxy.yml", "inventories", "meta", "playbooks", "plugins", "prefect", "requirements", "roles")
RUNTIME = Path("meta/runtime.yml")
DOOR = "hotpass.prefect.prefect_deployment"
# Each action group holds the modules whose documentation names one of these fragments.
GROUPS = {
    "prefect": ("hotpass.prefect.prefect.actiongroup", "hotpass.prefect.hotpass_ring.actiongroup"),
    "ring": ("hotpass.prefect.hotpass_ring.actiongroup",),
    "store": ("hotpass.prefect.hotpass_store",),
}
# A link of a page to another file of the collection, without what it says of a place in that.
PAGE_LINK = re.compile(r"\]\((?!#|[a-z+]+:)([^)#\s]+)")
WRITTEN_BY_THE_BUILD = {"FILES.json", "MANIFEST.json"}

# Each pattern is spelt so that it does not match itself. The homes of "me" and "prefect" are examples, no one's own.
_FORBIDDEN = (
    ("a path of this machine", r"(?<![\w.~{}<>$-])/(?:ro{2}t|home|Users)/(?!(?:me|prefect)\b)[A-Za-z0-9._-]+"),
    ("a path of this machine", r"(?<![\w.~{}<>$-])/(?:wor[k]|tmp/l[a]b)/"),
    ("a package index", r"\b(?:p[y]pi\.org|p[y]thonhosted\.org|registry\.n[p]mjs|deb\.d[e]bian\.org)\b"),
)


def _known_to_git() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {Path(name) for name in listing.split("\0") if name}
    # A file that is tracked but deleted in the working copy is listed all the same.
    return sorted(path for path in names if path.is_symlink() or path.exists())


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = [(what, re.compile(pattern)) for what, pattern in _FORBIDDEN]
    for place in (Path.cwd(), Path.home()):
        # One component, like /src, would match what is nobody's in particular.
        if len(place.parts) > 2:
            found.append(("a path of this machine", re.compile(rf"{re.escape(str(place))}(?![\w-])")))
    return found


def _text(path: Path) -> str | None:
    """The file's text, or None if it is binary."""
    raw = path.read_bytes()
    return None if b"\0" in raw else raw.decode("utf-8", errors="replace")


def isolation(files: list[Path]) -> t.Iterator[str]:
    """A finding for each line that names a path of this machine or a package index."""
    patterns = _patterns()
    for path in files:
        text = None if path.is_symlink() else _text(path)
        for number, line in enumerate((text or "").splitlines(), start=1):
            for what, pattern in patterns:
                if match := pattern.search(line):
                    yield f"{path}:{number}: names {what}, {match[0]}; say it in words that hold on every machine"


def headers(files: list[Path]) -> t.Iterator[str]:
    """A finding for each code file that does not carry the licence header in its first lines."""
    for path in files:
        if path.is_symlink() or not WITH_HEADER.search(path.as_posix()):
            continue
        lines = (_text(path) or "").splitlines()
        if lines and tuple(line for line in lines[:6] if line in HEADER) != HEADER:
            yield f"{path}: lacks the licence header; copy the three lines from {Path(__file__).name}"


def links(files: list[Path]) -> t.Iterator[str]:
    """A finding for each link under collections/ that is missing, wrong, dangling or not expected."""
    for name in LINKED:
        link, target = LINKS / name, f"../../../../{name}"
        if not link.is_symlink() or str(link.readlink()) != target:
            yield f"{link}: is not a link to {target}; make it with ln -s {target} {link}"
        elif not link.exists():
            yield f"{link}: leads to {name}, which does not exist"
    for path in files:
        if path.parts[0] == LINKS.parts[0] and (path.parent != LINKS or path.name not in LINKED):
            yield f"{path}: does not belong under {LINKS}, which holds links to {', '.join(LINKED)} and nothing else"


def routing(files: list[Path]) -> t.Iterator[str]:
    """A finding for each module not routed to the controller's door, or not in the group its documentation names."""
    runtime = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))
    routes = runtime["plugin_routing"]["modules"]
    groups = {group: set(runtime["action_groups"].get(group, ())) for group in GROUPS}
    modules = {path.stem: path for path in files if path.match("plugins/modules/*.py")}
    for name in sorted(modules.keys() | routes.keys() | set().union(*groups.values())):
        if name not in modules:
            yield f"{RUNTIME}: names the module {name}, which does not exist; remove it"
            continue
        if routes.get(name, {}).get("action_plugin") != DOOR:
            yield f"{RUNTIME}: does not route {name}; add it with action_plugin: {DOOR}"
        text = _text(modules[name]) or ""
        for group, fragments in GROUPS.items():
            if any(fragment in text for fragment in fragments) != (name in groups[group]):
                yield (
                    f"{RUNTIME}: the group {group} and {modules[name]} disagree; it holds the modules that name "
                    f"{' or '.join(fragments)}"
                )


def tarball(archive: Path, files: list[Path]) -> t.Iterator[str]:
    """A finding for each file of the built collection that git does not know, and for each that it lacks."""
    known = {path.as_posix() for path in files}
    with tarfile.open(archive) as opened:
        packed = {member.name for member in opened.getmembers() if not member.isdir()}
        pages = {name: _member(opened, name) for name in sorted(packed) if name.endswith(".md")}
    for name in sorted(packed - known - WRITTEN_BY_THE_BUILD):
        yield f"{archive.name}: holds {name}, which git does not know; narrow the whitelist in galaxy.yml"
    shipped = ("LICENSES/", "meta/", "playbooks/", "plugins/", "prefect/", "requirements/", "roles/")
    for name in sorted(name for name in known - packed if name.startswith(shipped)):
        yield f"{archive.name}: lacks {name}; widen the whitelist in galaxy.yml"
    directories = {parent.as_posix() for name in packed for parent in Path(name).parents}
    for page, text in pages.items():
        for target in PAGE_LINK.findall(text):
            name = os.path.normpath(f"{Path(page).parent}/{target}")
            if name not in packed | directories:
                yield f"{archive.name}: {page} links to {target}, which it lacks; widen the whitelist in galaxy.yml"


def _member(opened: tarfile.TarFile, name: str) -> str:
    file = opened.extractfile(name)
    return file.read().decode() if file else ""


def main(arguments: list[str]) -> int:
    """Print each finding; 1 if there is any, else 0."""
    parser = argparse.ArgumentParser(description="Checks on the files that git knows.")
    parser.add_argument("--tarball", type=Path, help="check this built collection instead of the tree")
    options = parser.parse_args(arguments)
    files = _known_to_git()
    if not files:
        raise SystemExit("git knows no file here; run this in the checkout")
    if options.tarball:
        findings = list(tarball(options.tarball, files))
    else:
        findings = [*isolation(files), *headers(files), *links(files), *routing(files)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
