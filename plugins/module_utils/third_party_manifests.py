# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that only manifests need, guarded like those of :mod:`third_party`.

They stand apart because their imports cost more than most tasks take.
"""

from __future__ import annotations

import typing as t

try:
    import yaml
except ImportError:
    if not t.TYPE_CHECKING:
        yaml = None

try:
    from croniter import croniter
except ImportError:
    if not t.TYPE_CHECKING:
        croniter = None

try:
    from dateutil import rrule as dateutil_rrule
except ImportError:
    if not t.TYPE_CHECKING:
        dateutil_rrule = None

try:
    from pydantic import (
        BaseModel,
        ConfigDict,
        Field,
        StrictBool,
        StrictFloat,
        StrictInt,
        StrictStr,
        ValidationError,
        field_validator,
        model_validator,
    )
    from pydantic_core import PydanticCustomError
except ImportError:
    if not t.TYPE_CHECKING:

        def _inert(*_args: object, **_kwargs: object) -> None:
            return None

        def _keep(*_args: object, **_kwargs: object) -> t.Callable[[t.Any], t.Any]:
            return lambda function: function

        BaseModel = object
        ConfigDict = Field = _inert
        StrictBool, StrictFloat, StrictInt, StrictStr = bool, float, int, str
        ValidationError = PydanticCustomError = ValueError
        field_validator = model_validator = _keep

__all__ = [
    "BaseModel",
    "ConfigDict",
    "Field",
    "PydanticCustomError",
    "StrictBool",
    "StrictFloat",
    "StrictInt",
    "StrictStr",
    "ValidationError",
    "croniter",
    "dateutil_rrule",
    "field_validator",
    "model_validator",
    "yaml",
]
