# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a status and what a server said to one sentence."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import errors
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.Invalid),
        (400, errors.Invalid),
        (401, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.NotFound),
        (405, errors.Invalid),
        (408, errors.Unavailable),
        (409, errors.Conflict),
        (410, errors.Invalid),
        (422, errors.Invalid),
        (423, errors.Invalid),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
        (599, errors.Unavailable),
    ],
)
def test_each_status_has_its_kind(status: int, kind: type[errors.ApiError]) -> None:
    error = errors.error_for("GET", "/x", status, "because.")
    assert error.__class__ is kind
    assert isinstance(error, CollectionError)
    assert (error.status, error.said) == (status, "because.")
    assert error.message.startswith(f"GET /x was answered with {status}: because.")
    assert str(error) == error.message
    assert ".." not in error.message


@pytest.mark.parametrize(("said", "foreign"), [("Not Found", False), ("<html>", True), ("Flow not found", True)])
def test_a_404_that_is_not_about_an_object(said: str, foreign: bool) -> None:
    error = errors.error_for("GET", "/x", 404, said, foreign=foreign)
    assert isinstance(error, errors.NoSuchRoute)
    assert "It ends in /api." in error.message


def test_a_404_about_an_object() -> None:
    assert errors.error_for("GET", "/x", 404, "Flow not found").__class__ is errors.NotFound


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        (" https://prefect.example/api/ ", "https://prefect.example/api"),
        ("http://[::1]:4200/api//", "http://[::1]:4200/api"),
    ],
)
def test_addresses_that_are_taken(given: str, kept: str) -> None:
    assert Connection.from_params({"api_url": given}).api_url == kept


@pytest.mark.parametrize(
    "given", ["", "localhost:4200/api", "ftp://x/api", "http://", "https:/x", "file:///etc/passwd"]
)
def test_addresses_that_are_refused(given: str) -> None:
    with pytest.raises(CollectionError, match=r"api_url is .*; it must be an http or https address"):
        Connection.from_params({"api_url": given})


@pytest.mark.parametrize(
    "secret", [{"api_key": "zebra-77"}, {"auth_string": "me:zebra-77"}, {"custom_headers": {"X-Key": "zebra-77"}}]
)
def test_a_connection_does_not_print_its_secrets(secret: dict[str, t.Any]) -> None:
    assert "zebra-77" not in repr(Connection.from_params({"api_url": "http://h/api", **secret}))


def test_empty_credentials_are_none() -> None:
    connection = Connection.from_params({"api_url": "http://h/api", "api_key": "", "auth_string": "", "ca_path": ""})
    assert (connection.api_key, connection.auth_string, connection.ca_path) == (None, None, None)
