# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library that only uploads to buckets need, imported when one is asked for: its import costs half a second."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError


class Missing(CollectionError):
    """A library is not there."""


def boto3() -> t.Any:
    """The module boto3.

    :raises Missing: when it cannot be imported.
    """
    try:
        import boto3 as found  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise Missing(
            f"An upload to a bucket needs boto3 on the host where the task runs ({error}); install it, or name a "
            "shared directory as the destination."
        ) from None
    return found


def botocore_config(**settings: t.Any) -> t.Any:
    """The settings of a client, as boto3 takes them.

    :raises Missing: when botocore cannot be imported.
    """
    boto3()
    from botocore.config import Config  # type: ignore[import-untyped,unused-ignore]

    return Config(**settings)


def boto_errors() -> tuple[type[Exception], type[Exception]]:
    """What boto3 raises when a server answers with an error, and when anything else goes wrong."""
    boto3()
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped,unused-ignore]

    return ClientError, BotoCoreError
