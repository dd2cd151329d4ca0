# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: lets a flow run start only with the bytes of its ring's Active release."""

from __future__ import annotations

__version__ = "0.1.0"
