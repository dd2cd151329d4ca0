# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the archive of a window lies below the archive root.

A pattern is a relative path with the fields ``{date}`` (or ``{date:%Y%m%d}``, any format of strftime), which it has to
have, and ``{version}``. It is never handed to ``str.format``, which would reach attributes. The flow's own copy is
``hotpass.archive_pattern``.
"""

from __future__ import annotations

import re
import string

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import Window
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

DEFAULT_PATTERN = "hotpass-inputs-{date:%Y%m%d}-v{version}.zip"
MAX_PATH_BYTES = 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def archive_path(pattern: str, window: Window) -> str:
    """The path of the window's archive, relative to the archive root, with slashes.

    :raises CollectionError: when the pattern has another field or no date, or the path would not lie below the root.
    """
    path = "".join(text + _value(pattern, field, form, window) for text, field, form in _pieces(pattern))
    fault = _fault(path)
    if fault:
        raise CollectionError(
            f"archive_pattern {pattern!r} makes {path!r} of {window}, which {fault}; allowed is one relative path "
            "below the archive root."
        )
    return path


def _pieces(pattern: str) -> list[tuple[str, str | None, str]]:
    try:
        parsed = [(text, field, form or "", mark) for text, field, form, mark in string.Formatter().parse(pattern)]
    except ValueError as error:
        raise CollectionError(
            f"archive_pattern {pattern!r} cannot be read ({error}); a brace of the name itself is written twice."
        ) from None
    for _text, field, form, mark in parsed:
        if field is None:
            continue
        if field not in ("date", "version") or mark or "{" in form or "}" in form or (field == "version" and form):
            shown = field + (f"!{mark}" if mark else "") + (f":{form}" if form else "")
            raise CollectionError(
                f"archive_pattern {pattern!r} has the field {{{shown}}}; allowed are {{date}}, {{date:%Y%m%d}} (any "
                "format of strftime) and {version}."
            )
    if "date" not in (field for _text, field, _form, _mark in parsed):
        raise CollectionError(f"archive_pattern {pattern!r} has no {{date}}, so every day would have the same archive.")
    return [(text, field, form) for text, field, form, _mark in parsed]


def _value(pattern: str, field: str | None, form: str, window: Window) -> str:
    if field != "date":
        return window.version if field else ""
    try:
        return window.run_date.strftime(form) if form else window.date
    except ValueError as error:
        raise CollectionError(f"archive_pattern {pattern!r} has a date format that is wrong: {error}.") from None


def _fault(path: str) -> str | None:
    """What is wrong with a relative path, or None."""
    if _CONTROL.search(path):
        return "holds a control character"
    if "\\" in path:
        return "holds a backslash"
    if re.match("[A-Za-z]:", path):
        return "begins with a drive letter"
    bad = next((step for step in path.split("/") if step in ("", ".", "..")), None)
    if bad is not None:
        return f"has the step {bad!r}"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "holds half of a character"
    return f"is longer than {MAX_PATH_BYTES} bytes" if size > MAX_PATH_BYTES else None
