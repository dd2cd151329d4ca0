# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shared directory as the place that bundles are uploaded to."""

from __future__ import annotations

import os
import secrets
import shutil
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import read_tree


class DirectoryTarget:
    """``<root>/<ring>/<kind>/<name>``, which appears whole or not at all.

    :param root: has to be there: a share that is not mounted must not become a directory beside it.
    :raises CollectionError: when it is not.
    """

    def __init__(self, root: Path, place: str) -> None:
        if not root.is_dir():
            raise CollectionError(f"there is no directory {root}; mount the share, or make it")
        self._final = root / place

    @property
    def location(self) -> str:
        """The directory of the bundle."""
        return str(self._final)

    def present(self) -> dict[str, bytes]:
        """The files that are there already.

        :raises CollectionError: when what is there is no bundle.
        """
        if not os.path.lexists(self._final):
            return {}
        files, strange = read_tree(self._final)
        if strange or not files:
            what = f"{strange[0][0]} {strange[0][1]}" if strange else "it is empty"
            raise CollectionError(f"{self._final} is there and is no bundle: {what}; nothing there is overwritten")
        return files

    def put(self, files: t.Mapping[str, bytes], order: t.Sequence[str]) -> None:
        """Write the bundle beside its place, bring it to the disk, and rename it.

        :raises CollectionError: when that cannot be done, or a part of a bundle is there.
        """
        if set(order) != set(files):
            raise CollectionError(
                f"{self._final} has only a part of the bundle, which no upload leaves behind; remove it"
            )
        fresh = self._final.with_name(f".{self._final.name}.{secrets.token_hex(8)}")
        try:
            for name in order:
                disk.write_file(fresh / name, files[name])
            disk.sync_tree(fresh)
            self._place(fresh)
            disk.sync_directory(self._final.parent)
        except OSError as error:
            raise CollectionError(f"{self._final} cannot be written ({error.strerror})") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _place(self, fresh: Path) -> None:
        try:
            os.rename(fresh, self._final)
        except OSError:
            # Somebody else may have been first. What is there is then compared, as it is after one's own rename.
            if not os.path.lexists(self._final):
                raise
