# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the archive of a window lies: a template that cannot leave the archive root nor look into objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from string import Formatter

from hotpass.errors import HotpassError

DEFAULT_PATTERN = "hotpass-inputs-{date:%Y%m%d}-v{version}.zip"
MAX_PATH_BYTES = 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class ArchivePattern:
    """A checked template for relative paths.

    It may hold `{date}` (YYYY-MM-DD) or `{date:<strftime format>}`, which it has to, `{version}`, and `{{` and `}}`
    for literal braces. Nothing else is looked up, so no attribute or item of an object can be reached.
    """

    text: str
    _parts: tuple[tuple[str, str | None, str], ...]

    @classmethod
    def parse(cls, text: str) -> ArchivePattern:
        """Return the template that `text` is.

        Raises:
            HotpassError: it is no template, has a field, conversion or format that is not allowed, or no `{date}`.
        """
        if not isinstance(text, str) or not text:
            raise HotpassError(f"archive_pattern must be text that is not empty, found {text!r}.")
        try:
            parsed = [(literal, field, spec or "", mark) for literal, field, spec, mark in Formatter().parse(text)]
        except ValueError as error:
            raise HotpassError(f"archive_pattern {text!r} is no template: {error}.") from None
        for _literal, field, spec, mark in parsed:
            if field is not None and field not in ("date", "version"):
                raise HotpassError(
                    f"archive_pattern {text!r} has the field {{{field}}}; allowed are {{date}}, {{date:%Y%m%d}} (any "
                    "strftime format) and {version}."
                )
            if mark or "{" in spec or "}" in spec or (field == "version" and spec):
                raise HotpassError(
                    f"archive_pattern {text!r} formats {{{field}}} in a way that is not allowed; only {{date}} takes "
                    "a format, which is one of strftime."
                )
        if "date" not in (field for _literal, field, _spec, _mark in parsed):
            raise HotpassError(f"archive_pattern {text!r} has no {{date}}, so every day would have the same archive.")
        return cls(text, tuple((literal, field, spec) for literal, field, spec, _mark in parsed))

    def path_of(self, day: date, version: str) -> str:
        """Return the path of a window's archive, relative to the archive root, with `/` between its parts.

        Raises:
            HotpassError: the path would be absolute, leave the root, or hold what a path must not.
        """
        path = "".join(literal + self._value(field, spec, day, version) for literal, field, spec in self._parts)
        if reason := _fault(path):
            raise HotpassError(
                f"archive_pattern {self.text!r} gives {path!r} for {day.isoformat()}, version {version!r}, which "
                f"{reason}; it has to be one relative path below archive_root."
            )
        return path

    def _value(self, field: str | None, spec: str, day: date, version: str) -> str:
        if field is None:
            return ""
        if field == "version":
            return version
        try:
            return day.strftime(spec) if spec else day.isoformat()
        except ValueError as error:
            raise HotpassError(
                f"archive_pattern {self.text!r}: the date's format {spec!r} is wrong: {error}."
            ) from None


def _fault(path: str) -> str | None:
    """Return what is wrong with a relative path, or None."""
    if _CONTROL.search(path):
        return "holds a control character"
    if "\\" in path:
        return "holds a backslash"
    if path.startswith("/"):
        return "is absolute"
    if re.match("[A-Za-z]:", path):
        return "begins with a drive letter"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f"has the part {part!r}"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return f"is longer than {MAX_PATH_BYTES} bytes" if size > MAX_PATH_BYTES else None
