# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps secrets out of output, diffs and errors."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

MASK = "(secret)"

_SECRET_KEY = re.compile(
    r"passwd|password|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth([_-]|$)"
    r"|authorization|dsn$|connection[_-]?(string|url)|(^|[_-])pass([_-]|$)|(db|pg|my|smtp|mail|ftp|ssh|redis)pass|pwd",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"^\s*\{\{.*\}\}\s*$")
_SHORTEST = 4
# The user information of an address. A reference in it may hold spaces and slashes; no text can be read in two ways,
# so that the search stays linear.
_PART = r"\{\{[^{}]*\}\}"
_USERINFO = re.compile(rf"(?<=://)(?:{_PART}|(?!{_PART})[^/?#\s])+(?=@)")
_PASSWORD = re.compile(rf"^(?:{_PART}|(?!{_PART})[^:])*:(.*)$")
_PARTS = re.compile(_PART)
# A JSON schema describes a secret: these words of it say nothing of the secret itself.
_SCHEMA_MARKS = frozenset({"type", "anyOf", "oneOf", "allOf", "$ref"})
_SCHEMA_WORDS = frozenset({"type", "title", "description", "format", "position", "$ref"})


def is_secret_key(key: object) -> bool:
    """Whether a value under this key has to stay hidden."""
    return isinstance(key, str) and bool(_SECRET_KEY.search(key))


def _hides(parent: dict[t.Any, t.Any], key: t.Any, hidden: bool) -> bool:
    """Whether the item of the mapping has to stay hidden, given that the mapping itself has to."""
    if hidden and key in _SCHEMA_WORDS and not parent.keys().isdisjoint(_SCHEMA_MARKS):
        return isinstance(parent[key], (dict, list))
    return hidden or is_secret_key(key)


def _guarded(userinfo: str) -> str:
    """The part of an address's user information that is secret: the password, else all; empty for references."""
    password = _PASSWORD.match(userinfo)
    secret = password[1] if password else userinfo
    return secret if _PARTS.sub("", secret) else ""


def mask_addresses(text: str) -> str:
    """The text with the user information of every address in it hidden, unless its secret is a reference."""
    if "://" not in text:
        return text
    return _USERINFO.sub(lambda found: MASK if _guarded(found[0]) else found[0], text)


def _passwords(text: str) -> set[str]:
    """The passwords of the addresses in the text, as they are written and as they are meant."""
    if "://" not in text:
        return set()
    found = {_guarded(userinfo) for userinfo in _USERINFO.findall(text) if _PASSWORD.match(userinfo)}
    return {form for secret in found for form in (secret, urllib.parse.unquote(secret)) if len(form) >= _SHORTEST}


def mask(value: t.Any, hidden: bool = False) -> t.Any:
    """The value with every scalar under a secret-looking key hidden, and the user information of every address.

    A template such as ``{{ prefect.blocks.secret.crm }}`` names a secret and holds none, so it stays readable.
    """
    if isinstance(value, dict):
        return {key: mask(item, _hides(value, key, hidden)) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item, hidden) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if not hidden:
        return mask_addresses(value) if isinstance(value, str) else value
    if isinstance(value, str) and (not value or _REFERENCE.match(value)):
        return value
    return MASK


def secrets_in(value: t.Any, hidden: bool = False) -> set[str]:
    """The texts that :func:`mask` hides, for scrubbing messages that may quote them.

    Texts of fewer than four characters are left out: scrubbing them would only destroy the message.
    """
    found: set[str] = set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= secrets_in(item, _hides(value, key, hidden))
    elif isinstance(value, list):
        for item in value:
            found |= secrets_in(item, hidden)
    elif hidden and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        text = str(value)
        if len(text) >= _SHORTEST and not _REFERENCE.match(text):
            found.add(text)
    elif isinstance(value, str) and not hidden:
        found |= _passwords(value)
    return found


def scrub(text: str, secrets: t.Iterable[str]) -> str:
    """The text without any of the secrets, the longest first."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
