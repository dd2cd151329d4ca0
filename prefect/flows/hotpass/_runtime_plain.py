# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime without Prefect: decorators that change nothing, and ordinary logging."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def flow(*, name: str) -> Callable[[_Function], _Function]:
    """Leave a function as it is."""
    del name
    return lambda function: function


def task(*, name: str) -> Callable[[_Function], _Function]:
    """Leave a function as it is."""
    del name
    return lambda function: function


def get_logger() -> logging.Logger:
    """Return the `hotpass` logger; whoever runs the code decides where it writes."""
    return logging.getLogger("hotpass")


def publish(kind: str, summary: dict[str, Any], report: str) -> None:
    """Log the report (Markdown text). The summary is what the flow returns, so nothing else has to keep it."""
    del kind, summary
    get_logger().info("%s", report)


@contextmanager
def slot(name: str, *, at_most: int, timeout_seconds: float, lease_seconds: float) -> Iterator[None]:
    """Take nothing: without a server there is no limit, and whoever runs the code runs one after another."""
    del name, at_most, timeout_seconds, lease_seconds
    yield
