# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a task and a Prefect server, each in one sentence."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError


class ApiError(CollectionError):
    """The server answered with an error.

    :param method: of the request.
    :param path: of the request, below the API's address.
    :param status: the HTTP status.
    :param said: what the server said, without the request it echoes.
    """

    advice = ""

    def __init__(self, method: str, path: str, status: int, said: str) -> None:
        sentence = f"{method} {path} was answered with {status}: {said.rstrip('.')}."
        super().__init__(f"{sentence} {self.advice}".rstrip())
        self.status = status
        self.said = said


class Unauthorized(ApiError):
    """401 or 403."""

    advice = "Check api_key (PREFECT_API_KEY) or auth_string (PREFECT_API_AUTH_STRING)."


class NotFound(ApiError):
    """404: there is no such thing."""


class NoSuchRoute(NotFound):
    """404 for the path itself, which no Prefect API lacks."""

    advice = "Is api_url (PREFECT_API_URL) the address of a Prefect API? It ends in /api."


class Conflict(ApiError):
    """409: the write contradicts what the server has."""


class Invalid(ApiError):
    """422, or another 4xx: the server does not take the request."""


class Unavailable(ApiError):
    """408, 429 or 5xx, still there after as many retries as there may be."""

    advice = "Look at the server's log, or raise retries."


class Unreachable(CollectionError):
    """No answer at all: refused, timed out, dropped, or a certificate that is not trusted."""


class NoServer(Unreachable):
    """Nobody listens at the address, or its host has no address; a server that is only slow is not told like this.

    The details say ``no_server``, for a playbook that has only the failed task.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, no_server=True)


def error_for(method: str, path: str, status: int, said: str, foreign: bool = False) -> ApiError:
    """The error class that fits an HTTP status of 300 or more.

    :param foreign: the answer does not have the form of Prefect's own errors. A 404 then says nothing about an object.
    """
    kinds: dict[int, type[ApiError]] = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 409: Conflict}
    if status == 404 and (foreign or said == "Not Found"):
        return NoSuchRoute(method, path, status, said)
    if status in kinds:
        return kinds[status](method, path, status, said)
    if status in (408, 429) or status >= 500:
        return Unavailable(method, path, status, said)
    return Invalid(method, path, status, said)
