# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of what the fixtures hand out."""

from __future__ import annotations

import typing as t

Result = dict[str, t.Any]
# door("prefect_work_pool", name="etl", check_mode=True) -> the task's result
Door = t.Callable[..., Result]
# unique("pool") -> a name that nothing else on the server has
Unique = t.Callable[[str], str]
# make_deployment("flow", "name", work_pool_name=...) -> the server's row, with flow_name added
MakeDeployment = t.Callable[..., Result]
