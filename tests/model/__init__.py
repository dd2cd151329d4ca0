# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of one ring, small enough that every interleaving of it can be tried.

``ledger.py`` is the fold of the ring's records over the real transition table, ``fences.py`` the fence's decision,
``world.py`` the actors and the runs, ``search.py`` the search, ``bounds.py`` the worlds that CI looks at and the bugs
that it plants. ``python -m tests.model`` prints the table of ``docs/model.md``, which says what is and is not modelled.
"""

from __future__ import annotations

import tests.conftest  # noqa: F401  - makes the collection and the fence importable, for python -m tests.model too
