# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of manifests, and what the loader says about it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import LoadedManifest, load_selection
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import ManifestErrors

VALID = "name: n\nflow: a.b:c\n"


class Prefect:
    """A ``prefect/`` directory under a temporary one."""

    def __init__(self, root: Path) -> None:
        self.root = root / "prefect"
        self.root.mkdir()

    def write(self, name: str, text: str | bytes = VALID) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, directory: str = "deployments", **options: t.Any) -> list[LoadedManifest]:
        return load_selection(self.root / directory, **options)

    def problems(self, directory: str = "deployments", **options: t.Any) -> list[str]:
        """The messages, with files named from ``prefect/`` on."""
        with pytest.raises(ManifestErrors) as caught:
            self.load(directory, **options)
        assert caught.value.message == "\n".join(problem.message for problem in caught.value.problems)
        return caught.value.message.replace(f"{self.root}/", "").replace(str(self.root), "prefect").splitlines()


@pytest.fixture
def prefect(tmp_path: Path) -> Prefect:
    return Prefect(tmp_path)
