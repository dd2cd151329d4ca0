# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container image for workers, made from a release by podman or docker where there is one.

The image is a convenience: what a worker runs is still fetched and proven by its digest.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import config
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, RunCommand

ENGINES: t.Final = ("podman", "docker")

_LABEL = "org.opencontainers.image"
# Says from what an image was made, so that one that is there already is known again.
_RECIPE_LABEL = "io.hotpass.recipe"
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
_HOME = "/opt/hotpass"
_CONTAINERFILE = f"""\
FROM {{base}}
WORKDIR {_HOME}
COPY requirements.txt ./
RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
{{fence}}COPY flows/ flows/
ENV PYTHONPATH={_HOME}/flows{{fence_path}} HOTPASS_FLOWS={_HOME}/flows HOTPASS_ENABLE_PREFECT_RUNTIME=1 \\
    PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
"""
_FENCE = "COPY fence/ fence/\n"


@dataclasses.dataclass(frozen=True)
class Image:
    """What is asked for.

    :param name: the image's name with its tag.
    :param base: an image with a Python, for the Containerfile that is made here.
    :param containerfile: a Containerfile of the user's own, in place of that; it finds ``flows/``,
        ``requirements.txt``, ``manifests/`` and, when there is one, ``fence/`` in its context.
    :param fence: the directory that holds the package of the fence, which workers import.
    :param push: whether it is pushed to the registry that its name says.
    """

    name: str
    base: str | None = None
    containerfile: str | None = None
    fence: str | None = None
    push: bool = False

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Image:
        """The image that a task's option describes.

        :raises CollectionError: when a name is none.
        """
        image = cls(**{key: params[key] for key in ("name", "base", "containerfile", "fence", "push")})
        for what, name in (("image.name", image.name), ("image.base", image.base)):
            if name is not None and not _REFERENCE.fullmatch(name):
                raise CollectionError(f"{what} is {name[:100]!r}, which cannot name an image.")
        return image


@dataclasses.dataclass(frozen=True)
class Built:
    """The image that is there.

    :param id: as the engine names it; None in check mode, when it is not there yet.
    :param changed: whether it was built or pushed now, or in check mode would be.
    :param pushed: the digest it has in the registry; None when it was not pushed.
    """

    engine: str
    name: str
    id: str | None
    changed: bool
    pushed: str | None


def ensure(
    image: Image, release: str, release_config: ReleaseConfig, members: t.Sequence[Member], run: RunCommand, check: bool
) -> Built:
    """Bring the image of a release to where it is wanted; one that was made of the same is not built again.

    :param release: the digest of the release.
    :raises CollectionError: when there is no engine that runs, and when a file, the build or the push fails.
    """
    fence = _directory_members(image.fence) if image.fence else []
    recipe = containerfile(image, bool(fence))
    labels = _labels(image, release, release_config, recipe, fence)
    engine = find_engine(run)
    there = _there(engine, image.name, labels, run)
    if check:
        return Built(
            engine,
            image.name,
            there[0] if there else None,
            there is None or (image.push and _digest_in(there[1], image.name) is None),
            None,
        )
    changed = there is None
    if there is None:
        _build(engine, image, recipe, labels, [*members, *fence], run)
        there = _there(engine, image.name, labels, run)
    if there is None:
        raise CollectionError(f"{engine} says that it built {image.name}, but has no image of that name and recipe.")
    pushed = None
    if image.push:
        before = _digest_in(there[1], image.name)
        _done(run([engine, "push", image.name]), f"{engine} could not push {image.name}")
        there = _there(engine, image.name, labels, run) or there
        pushed = _digest_in(there[1], image.name)
        changed = changed or pushed != before
    return Built(engine, image.name, there[0], changed, pushed)


def check_sources(image: Image) -> None:
    """Read what the image is made of, beside the release.

    :raises CollectionError: as :func:`containerfile`, and when the fence's directory cannot be read.
    """
    containerfile(image, bool(_directory_members(image.fence)) if image.fence else False)


def containerfile(image: Image, with_fence: bool) -> str:
    """The Containerfile: the user's own, else one that installs the locked requirements by their hashes.

    :raises CollectionError: when the user's cannot be read, and when there is neither one nor a base.
    """
    if image.containerfile is not None:
        try:
            return Path(image.containerfile).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CollectionError(f"The Containerfile {image.containerfile} cannot be read: {error}.") from None
    if image.base is None:
        raise CollectionError("An image needs image.base, an image with a Python, or image.containerfile.")
    return _CONTAINERFILE.format(
        base=image.base, fence=_FENCE if with_fence else "", fence_path=f":{_HOME}/fence" if with_fence else ""
    )


def find_engine(run: RunCommand) -> str:
    """The first engine that is installed and runs.

    :raises CollectionError: when none does, saying what each one said.
    """
    refusals = []
    for engine in ENGINES:
        path = shutil.which(engine)
        if path is None:
            continue
        done = _run(run, [engine, "version"])
        if done.rc == 0:
            return engine
        refusals.append(f"{path} says: {_last_line(done)}")
    if refusals:
        raise CollectionError(
            f"No image was built: no container engine runs here. {'; '.join(refusals)}. Start it, or build without an "
            "image; the release itself needs none."
        )
    raise CollectionError(
        f"No image was built: neither {' nor '.join(ENGINES)} is installed where the release is built. Install one, or "
        "build without an image; the release itself needs none."
    )


def _labels(
    image: Image, release: str, release_config: ReleaseConfig, recipe: str, fence: t.Sequence[Member]
) -> dict[str, str]:
    labels = {
        f"{_LABEL}.title": release_config.solution,
        f"{_LABEL}.version": release,
        f"{_LABEL}.revision": release_config.commit,
        f"{_LABEL}.created": release_config.commit_time,
    }
    if image.base is not None:
        labels[f"{_LABEL}.base.name"] = image.base
    made_of = [labels, recipe, [[member.path, digest_of(member.data)] for member in fence]]
    return {**labels, _RECIPE_LABEL: digest_of(config.to_bytes(made_of))}


def _there(engine: str, name: str, labels: t.Mapping[str, str], run: RunCommand) -> tuple[str, t.Sequence[str]] | None:
    """Id and digests in registries of the image of that name, if it was made by the same recipe."""
    done = _run(run, [engine, "image", "inspect", name])
    if done.rc != 0:
        return None
    try:
        [found] = json.loads(done.stdout)
        has = (found.get("Config") or {}).get("Labels") or found.get("Labels") or {}
        same = has.get(_RECIPE_LABEL) == labels[_RECIPE_LABEL]
        return (str(found["Id"]), found.get("RepoDigests") or []) if same else None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise CollectionError(f"{engine} describes the image {name} in a way that is not understood.") from None


def _build(
    engine: str, image: Image, recipe: str, labels: t.Mapping[str, str], members: t.Sequence[Member], run: RunCommand
) -> None:
    with tempfile.TemporaryDirectory(prefix="hotpass-image-") as temporary:
        context = Path(temporary, "context")
        for member in members:
            file = context / member.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(member.data)
            # The user of the image is another than the one who builds it.
            file.chmod(0o755 if member.executable else 0o644)
        for directory, _names, _files in os.walk(context):
            Path(directory).chmod(0o755)
        written = Path(temporary, "Containerfile")
        written.write_text(recipe, encoding="utf-8")
        options = [part for name, value in labels.items() for part in ("--label", f"{name}={value}")]
        command = [engine, "build", "--file", str(written), "--tag", image.name, *options, str(context)]
        _done(run(command), f"{engine} could not build {image.name}")


def _directory_members(directory: str) -> list[Member]:
    """The Python files of the fence's package, to be below ``fence/``."""
    root = Path(directory)
    files = sorted(root.rglob("*.py"))
    if not files:
        raise CollectionError(f"image.fence names {directory}, which has no Python files in it.")
    return [Member(f"fence/{file.relative_to(root).as_posix()}", file.read_bytes(), False) for file in files]


def _digest_in(digests: t.Sequence[str], name: str) -> str | None:
    repository = name.split("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return next((one.partition("@")[2] for one in digests if one.partition("@")[0] == repository), None)


def _run(run: RunCommand, argv: t.Sequence[str]) -> CommandResult:
    try:
        return run(argv)
    except OSError as error:
        return CommandResult(126, "", str(error))


def _done(done: CommandResult, failed: str) -> None:
    if done.rc != 0:
        raise CollectionError(f"{failed}: {_last_line(done)}.")


def _last_line(done: CommandResult) -> str:
    return ((done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"])[-1].strip().rstrip(".?! ")
