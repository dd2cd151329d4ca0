# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification templates: what each kind of notification has to be told."""

from __future__ import annotations

import typing as t

from tests.support.awx.problems import Refused
from tests.support.awx.surveys import HIDDEN

_NEEDED: t.Final = object()
# For each kind: the parameters, their types, and the default of those that may be left out.
_PARAMETERS: t.Final[dict[str, dict[str, tuple[str, t.Any]]]] = {
    "email": {
        "host": ("string", _NEEDED),
        "port": ("int", _NEEDED),
        "username": ("string", _NEEDED),
        "password": ("password", _NEEDED),
        "use_tls": ("bool", _NEEDED),
        "use_ssl": ("bool", _NEEDED),
        "sender": ("string", _NEEDED),
        "recipients": ("list", _NEEDED),
        "timeout": ("int", 30),
    },
    "webhook": {
        "url": ("string", _NEEDED),
        "http_method": ("string", "POST"),
        "disable_ssl_verification": ("bool", False),
        "username": ("string", ""),
        "password": ("password", ""),
        "headers": ("object", _NEEDED),
    },
    "slack": {"token": ("password", _NEEDED), "channels": ("list", _NEEDED), "hex_color": ("string", "")},
    "mattermost": {
        "mattermost_url": ("string", _NEEDED),
        "mattermost_no_verify_ssl": ("bool", _NEEDED),
        **{f"mattermost_{key}": ("string", "") for key in ("username", "channel", "icon_url")},
    },
    "rocketchat": {
        "rocketchat_url": ("string", _NEEDED),
        "rocketchat_no_verify_ssl": ("bool", _NEEDED),
        "rocketchat_username": ("string", ""),
        "rocketchat_icon_url": ("string", ""),
    },
    "pagerduty": {
        "subdomain": ("string", _NEEDED),
        "token": ("password", _NEEDED),
        "service_key": ("string", _NEEDED),
        "client_name": ("string", _NEEDED),
    },
    "grafana": {"grafana_url": ("string", _NEEDED), "grafana_key": ("password", _NEEDED)},
    "twilio": {
        "account_sid": ("string", _NEEDED),
        "account_token": ("password", _NEEDED),
        "from_number": ("string", _NEEDED),
        "to_numbers": ("list", _NEEDED),
    },
    "irc": {
        "server": ("string", _NEEDED),
        "port": ("int", _NEEDED),
        "nickname": ("string", _NEEDED),
        "password": ("password", _NEEDED),
        "use_ssl": ("bool", _NEEDED),
        "targets": ("list", _NEEDED),
    },
    "awssns": {
        "aws_region": ("string", _NEEDED),
        "aws_access_key_id": ("string", ""),
        "aws_secret_access_key": ("password", ""),
        "aws_session_token": ("password", ""),
        "sns_topic_arn": ("string", ""),
    },
}
_TYPES: t.Final[dict[str, type]] = {
    "string": str,
    "password": str,
    "int": int,
    "bool": bool,
    "list": list,
    "object": dict,
}
_EVENTS: t.Final = ("started", "success", "error", "workflow_approval")


def accepted(kind: str, given: dict[str, t.Any], before: dict[str, t.Any]) -> dict[str, t.Any]:
    """The configuration to keep, with the defaults of what was left out.

    :param before: the one kept so far, whose secrets ``$encrypted$`` stands for.
    :raises Refused: (400) with every problem.
    """
    parameters = _PARAMETERS[kind]
    problems = [f"'{key}' is not a parameter of {kind} notifications" for key in given if key not in parameters]
    kept, absent = {}, []
    for key, (word, default) in parameters.items():
        if key not in given and default is _NEEDED:
            absent.append(key)
            continue
        value: t.Any = given.get(key, default)
        # A bool is an int too, and AWX takes none for a number.
        if not isinstance(value, _TYPES[word]) or (isinstance(value, bool) and word != "bool"):
            problems.append(f"Configuration field '{key}' incorrect type, expected {word}.")
        elif word == "list" and not value:
            problems.append(f"No values specified for field '{key}'")
        elif key == "http_method" and str(value).lower() not in ("put", "post"):
            problems.append("HTTP method must be either 'POST' or 'PUT'.")
        kept[key] = before.get(key, "") if word == "password" and value == HIDDEN else value
    if absent:
        problems.append(f"Missing required fields for Notification Configuration: {absent}.")
    if problems:
        raise Refused(400, {"__all__": problems})
    return kept


def check_messages(messages: dict[str, t.Any] | None) -> None:
    """:raises Refused: (400) for events or parts that AWX does not know."""
    for event, parts in (messages or {}).items():
        if event not in _EVENTS:
            expected = ", ".join(_EVENTS)
            raise Refused(400, {"messages": [f"Event '{event}' invalid, must be one of {expected}"]})
        if parts is None:
            continue
        if not isinstance(parts, dict):
            raise Refused(400, {"messages": [f"Expected dict for event '{event}', found {type(parts).__name__}"]})
        inner = list(parts.values()) if event == "workflow_approval" else [parts]
        for each in inner:
            for part in each or {}:
                if part not in ("message", "body"):
                    raise Refused(400, {"messages": [f"Message type '{part}' invalid, must be 'message' or 'body'"]})


def shown(kind: str, kept: dict[str, t.Any]) -> dict[str, t.Any]:
    """The configuration as the API shows it."""
    parameters = _PARAMETERS[kind]
    return {key: HIDDEN if parameters[key][0] == "password" and value else value for key, value in kept.items()}
