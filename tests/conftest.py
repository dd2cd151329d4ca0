# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as the collection, and the flows and the fence as the packages that workers import."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

for _entry in (ROOT, ROOT / "collections", ROOT / "prefect" / "flows", ROOT / "prefect" / "fence"):
    if str(_entry) not in sys.path:
        sys.path.insert(0, str(_entry))
