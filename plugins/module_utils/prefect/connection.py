# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a task reaches a Prefect server: the options, once, for every module."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import urllib3

CONNECTION_SPEC = Spec(
    options={
        "api_url": {"type": "str", "required": True, "fallback": (env_fallback, ["PREFECT_API_URL"])},
        "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["PREFECT_API_KEY"])},
        "auth_string": {"type": "str", "no_log": True, "fallback": (env_fallback, ["PREFECT_API_AUTH_STRING"])},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["PREFECT_API_SSL_CERT_FILE"])},
        "custom_headers": {"type": "dict", "no_log": True},
        "timeout": {"type": "float", "default": 60.0},
        "retries": {"type": "int", "default": 6},
    },
)


@dataclasses.dataclass(frozen=True)
class Connection:
    """Where a Prefect API is, and how to be let in.

    :param api_url: ends in ``/api`` on a self-hosted server.
    :param api_key: sent as Bearer; excludes ``auth_string``.
    :param auth_string: ``user:password``, sent as Basic.
    :param timeout: seconds for one request.
    :param retries: how many times a request is sent again.
    """

    api_url: str
    api_key: str | None = dataclasses.field(default=None, repr=False)
    auth_string: str | None = dataclasses.field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    custom_headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    timeout: float = 60.0
    retries: int = 6

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Connection:
        """The connection that a task's validated arguments name.

        :raises CollectionError: when they contradict each other or cannot be an address.
        """
        url = str(params["api_url"]).strip().rstrip("/")
        scheme, separator, rest = url.partition("://")
        if scheme not in ("http", "https") or not separator or not rest:
            raise CollectionError(
                f"api_url is {url!r}; it must be an http or https address such as http://127.0.0.1:4200/api."
            )
        try:
            urllib3.util.parse_url(url)
            urllib.parse.urlsplit(url).port  # noqa: B018  Reading it is the check.
        except (urllib3.exceptions.LocationParseError, ValueError):
            raise CollectionError(
                "The host or the port in api_url cannot be one; it must be an http or https address such as "
                "http://127.0.0.1:4200/api."
            ) from None
        if "@" in rest.split("/", 1)[0]:
            raise CollectionError("api_url holds a user or password; pass them as auth_string instead.")
        if params.get("api_key") and params.get("auth_string"):
            raise CollectionError(
                "Both api_key (PREFECT_API_KEY) and auth_string (PREFECT_API_AUTH_STRING) are set; "
                "Prefect Cloud takes the first, a self-hosted server the second: set one."
            )
        if not params.get("timeout", 1) > 0:
            raise CollectionError(f"timeout is {params['timeout']}; it must be more than 0 seconds.")
        if not 0 <= params.get("retries", 0) <= 20:
            raise CollectionError(f"retries is {params['retries']}; allowed are 0 to 20.")
        headers = {str(name): str(value) for name, value in (params.get("custom_headers") or {}).items()}
        carried = {f"custom_headers.{name}": name + value for name, value in headers.items()}
        carried["api_key"] = params.get("api_key") or ""
        for option, text in carried.items():
            if text and not (text.isascii() and text.isprintable()):
                raise CollectionError(f"{option} holds a line break or a character that no HTTP header can carry.")
        return cls(
            api_url=url,
            api_key=params.get("api_key") or None,
            auth_string=params.get("auth_string") or None,
            validate_certs=params.get("validate_certs", True),
            ca_path=params.get("ca_path") or None,
            custom_headers=headers,
            timeout=params.get("timeout", cls.timeout),
            retries=params.get("retries", cls.retries),
        )
