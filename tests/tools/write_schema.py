# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes ``prefect/manifest.schema.json`` from the model of manifests. Run it after every change of the model."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(_ROOT / "collections"))

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schema import schema_text  # noqa: E402

if __name__ == "__main__":
    target = _ROOT / "prefect" / "manifest.schema.json"
    text = schema_text()
    changed = not target.exists() or target.read_text(encoding="utf-8") != text
    target.write_text(text, encoding="utf-8")
    print(f"{target.relative_to(_ROOT)}: {'written' if changed else 'already current'}")
