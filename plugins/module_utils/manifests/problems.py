# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with manifests: every problem at once, each on one line that names its file, line and field."""

from __future__ import annotations

import dataclasses
import json
import math
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import MASK, is_secret_key, mask_addresses

Path = tuple[t.Union[str, int], ...]  # noqa: UP007  ansible-test's pylint refuses | outside annotations

_LONGEST_VALUE = 60


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing to mend.

    :param file: the file as it was named to the loader, or the directory for a problem of the selection itself.
    :param line: counted from 1; None where there is none to name.
    :param field: dotted, such as ``schedules[0].value``.
    :param found: what stands there, shortened, and hidden where the field looks like a secret.
    :param allowed: what may stand there.
    """

    file: str
    line: int | None
    field: str
    found: str
    allowed: str

    @property
    def message(self) -> str:
        """``file:line: field: found X; allowed: Y``."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.field}: found {self.found}; allowed: {self.allowed}"


class ManifestErrors(CollectionError):
    """Manifests that cannot be used, with all their problems in the order of files and lines.

    ``details["problems"]`` holds the same as plain mappings.
    """

    def __init__(self, problems: t.Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda p: (p.file, p.line or 0, p.field, p.found, p.allowed))
        super().__init__(
            "\n".join(problem.message for problem in self.problems),
            problems=[{**dataclasses.asdict(problem), "message": problem.message} for problem in self.problems],
        )


def dotted(path: Path) -> str:
    """``("schedules", 0, "value")`` as ``schedules[0].value``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = _shortened(step) if step else '""'
            text += f".{name}" if text else name
    return text


def shown(value: t.Any, path: Path = ()) -> str:
    """A found value for a message: short, without the contents of lists and mappings, and without secrets."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if any(is_secret_key(step) for step in path):
        return MASK
    if isinstance(value, str):
        return json.dumps(_shortened(mask_addresses(value)), ensure_ascii=not value.isprintable())
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, (int, float)):
        return _shortened(_number(value))
    return f"a {type(value).__name__}"


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write very long integers.
        return "a very long number"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
