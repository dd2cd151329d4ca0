# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library that draws, guarded like those of :mod:`third_party`.

It stands apart because its import costs more than most tasks take, and because only a rehearsal draws.
"""

from __future__ import annotations

import typing as t

try:
    import matplotlib
    import matplotlib.dates as matplotlib_dates
    import matplotlib.ticker as matplotlib_ticker
    from matplotlib import ft2font
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ImportError:
    if not t.TYPE_CHECKING:
        matplotlib = matplotlib_dates = matplotlib_ticker = ft2font = Figure = Line2D = Patch = None

__all__ = ["Figure", "Line2D", "Patch", "ft2font", "matplotlib", "matplotlib_dates", "matplotlib_ticker"]
