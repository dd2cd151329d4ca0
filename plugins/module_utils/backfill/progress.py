# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what goes on: to the person who waits, and to a log for those who come later."""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError


class Progress:
    """Lines of progress.

    :param tell: shows one line.
    :param log_path: a file to which each line is appended with its time in UTC; its directories are made.
    :ivar lines: all lines so far, each with its time.
    """

    def __init__(self, tell: t.Callable[[str], None], log_path: str | None = None) -> None:
        self.lines: list[str] = []
        self._tell = tell
        self._log_path = log_path
        if log_path:
            try:
                os.makedirs(os.path.dirname(os.path.abspath(log_path)), exist_ok=True)
                with open(log_path, "a", encoding="utf-8"):
                    pass
            except OSError as error:
                raise CollectionError(f"log_path {log_path!r} cannot be written ({error.strerror}).") from None

    def say(self, line: str) -> None:
        """Show a line, and append it to the log.

        :raises CollectionError: when the log cannot be written any more.
        """
        moment = datetime.datetime.now(datetime.UTC)
        stamped = f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03d}Z {line}"
        self.lines.append(stamped)
        self._tell(line)
        if self._log_path:
            try:
                with open(self._log_path, "a", encoding="utf-8") as file:
                    file.write(f"{stamped}\n")
            except OSError as error:
                raise CollectionError(
                    f"log_path {self._log_path!r} cannot be written ({error.strerror}); runs that were started go on."
                ) from None
