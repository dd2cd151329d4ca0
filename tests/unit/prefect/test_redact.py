# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a secret, and that it stays hidden."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import (
    MASK,
    is_secret_key,
    mask,
    scrub,
    secrets_in,
)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "DB_PASSWORD",
        "passphrase",
        "client_secret",
        "CRM_API_KEY",
        "apikey",
        "api-key",
        "aws_access_key_id",
        "private_key",
        "Authorization",
        "auth_string",
        "credentials",
        "sentry_dsn",
        "connection_string",
        "DATABASE_CONNECTION_URL",
        "slack-token",
        "DB_PASS",
        "pass",
        "PGPASS",
        "SMTP_PWD",
    ],
)
def test_names_of_secrets(key: str) -> None:
    assert is_secret_key(key)
    assert mask({key: "zebra"}) == {key: MASK}
    assert mask({key: {"deep": ["zebra", 5]}}) == {key: {"deep": [MASK, MASK]}}


@pytest.mark.parametrize(
    "key", ["author", "key", "concurrency_key", "keyboard", "path", "monkey", "name", "url", "bypass", "passenger", 5]
)
def test_names_of_other_things(key: object) -> None:
    assert not is_secret_key(key)
    assert mask({key: "zebra"}) == {key: "zebra"}


@pytest.mark.parametrize("value", [None, True, False, "", "{{ prefect.blocks.secret.crm }}", " {{ x }} "])
def test_what_holds_no_secret_stays_readable(value: t.Any) -> None:
    assert mask({"password": value}) == {"password": value}
    assert secrets_in({"password": value}) == set()


def test_a_template_inside_a_text_does_not_unlock_it() -> None:
    assert mask({"password": "zebra{{ x }}"}) == {"password": MASK}
    assert mask({"password": "{{ x }}zebra"}) == {"password": MASK}


def test_the_schema_of_a_secret_is_readable_and_its_default_is_not() -> None:
    schema = {
        "properties": {
            "api_token": {
                "type": "string",
                "title": "Token",
                "description": "Of the CRM",
                "default": "zebra",
                "position": 0,
            },
            "credentials": {"anyOf": [{"type": "string", "const": "zebra"}, {"type": "null"}], "enum": ["zebra"]},
        }
    }
    assert mask(schema) == {
        "properties": {
            "api_token": {
                "type": "string",
                "title": "Token",
                "description": "Of the CRM",
                "default": MASK,
                "position": 0,
            },
            "credentials": {"anyOf": [{"type": "string", "const": MASK}, {"type": "null"}], "enum": [MASK]},
        }
    }
    assert secrets_in(schema) == {"zebra"}


def test_a_mapping_that_only_looks_like_a_schema_keeps_its_secrets() -> None:
    account = {
        "credentials": {"type": "service_account", "private_key": "zebra", "client_id": "12345", "title": {"a": "yak"}}
    }
    assert mask(account) == {
        "credentials": {"type": "service_account", "private_key": MASK, "client_id": MASK, "title": {"a": MASK}}
    }


def test_masking_leaves_its_argument_alone() -> None:
    value = {"password": "zebra", "list": [{"token": "yak"}]}
    mask(value)
    assert value == {"password": "zebra", "list": [{"token": "yak"}]}


def test_short_texts_are_masked_but_not_searched_for() -> None:
    assert mask({"password": "abc"}) == {"password": MASK}
    assert secrets_in({"password": "abc", "token": 12345, "secret": 1.25}) == {"12345", "1.25"}


def test_scrubbing_takes_the_longest_first() -> None:
    assert scrub("a zebra-77 and a zebra", {"zebra", "zebra-77", ""}) == f"a {MASK} and a {MASK}"
    assert scrub("nothing here", []) == "nothing here"


@pytest.mark.parametrize(
    ("text", "shown", "secrets"),
    [
        ("postgresql://u:zebra@h/d", f"postgresql://{MASK}@h/d", {"zebra"}),
        ("see http://a/b, amqp://u:ze@bra@h", f"see http://a/b, amqp://{MASK}@h", {"ze@bra"}),
        ("redis://:z%C3%A9bra@h", f"redis://{MASK}@h", {"z%C3%A9bra", "zébra"}),
        ("https://token-of-mine@h/x.git", f"https://{MASK}@h/x.git", set()),
        ("x://{{ user }}:zebra@h", f"x://{MASK}@h", {"zebra"}),
        ("x://{{ user }}:{{ prefect.blocks.secret.db }}@h", None, set()),
        ("x://u:{{ prefect.blocks.secret.db }}@h", None, set()),
        ("https://h/a@b", None, set()),
        ("https://h?mail=a@b", None, set()),
        ("a@b", None, set()),
    ],
)
def test_the_user_of_an_address_stays_hidden(text: str, shown: str | None, secrets: set[str]) -> None:
    value = {"DATABASE_URL": [text]}
    assert mask(value) == {"DATABASE_URL": [text if shown is None else shown]}
    assert mask(mask(value)) == mask(value)
    assert secrets_in(value) == secrets
