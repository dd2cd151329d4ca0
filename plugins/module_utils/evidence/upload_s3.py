# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket that speaks S3 as the place that bundles are uploaded to."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_evidence as library
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import LARGEST
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import scrub

_DENIED = frozenset(
    {"403", "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch"}
)


class S3Target:
    """``s3://<bucket>/<prefix>/<ring>/<kind>/<name>/``: one object for each file.

    :param rest: the bucket, and the prefix in it.
    :param params: the task's arguments; without ``s3_access_key`` boto3 looks for credentials itself, in its
        environment variables, its files, and the machine's role.
    :raises CollectionError: when boto3 is missing, or the endpoint is no address.
    """

    def __init__(self, rest: str, place: str, params: t.Mapping[str, t.Any]) -> None:
        self._bucket, _slash, prefix = rest.partition("/")
        self._prefix = "/".join(part for part in (*prefix.split("/"), place) if part) + "/"
        self._endpoint = params.get("s3_endpoint") or None
        if self._endpoint is not None:
            _check_endpoint(self._endpoint)
        names = ("s3_access_key", "s3_secret_key", "s3_session_token")
        self._secrets = {str(params[name]) for name in names if params.get(name)}
        self._client = self._open(params)

    @property
    def location(self) -> str:
        """The address of the bundle."""
        return f"s3://{self._bucket}/{self._prefix}"

    def present(self) -> dict[str, bytes]:
        """The files that are there already, every byte of them read."""
        found: dict[str, bytes] = {}
        room = LARGEST
        for key, size in self._asked(self._listed):
            room -= size
            if room < 0:
                raise CollectionError(f"{self.location} has more than {LARGEST} bytes, which no bundle has")
            name = key.removeprefix(self._prefix)
            data = self._asked(self._read, key)
            if data is not None:
                found[name] = data
        return found

    def put(self, files: t.Mapping[str, bytes], order: t.Sequence[str]) -> None:
        """Write the files, one after the other."""
        for name in order:
            self._asked(self._write, self._prefix + name, files[name])

    def _open(self, params: t.Mapping[str, t.Any]) -> t.Any:
        timeout = params.get("s3_timeout") or 60.0
        config = library.botocore_config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "max_attempts": 3},
            # Not every server knows the newer check sums, and every byte is read back anyway.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        # A session of its own: boto3's default one would be shared with other uses in the process.
        return self._asked(
            lambda: (
                library.boto3()
                .session.Session()
                .client(
                    "s3",
                    endpoint_url=self._endpoint,
                    region_name=params.get("s3_region") or None,
                    verify=params.get("s3_ca_path") or None,
                    aws_access_key_id=params.get("s3_access_key") or None,
                    aws_secret_access_key=params.get("s3_secret_key") or None,
                    aws_session_token=params.get("s3_session_token") or None,
                    config=config,
                )
            )
        )

    def _listed(self) -> list[tuple[str, int]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        return [(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", ())]

    def _read(self, key: str) -> bytes | None:
        """The object; None when it went away since it was listed."""
        client_error, _other = library.boto_errors()
        try:
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except client_error as error:
            if _code(error) == "NoSuchKey":
                return None
            raise
        return data

    def _write(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def _asked(self, ask: t.Callable[..., t.Any], *given: t.Any) -> t.Any:
        """The answer.

        :raises CollectionError: when there is none, in one sentence, without a secret.
        """
        client_error, other = library.boto_errors()
        try:
            return ask(*given)
        except client_error as error:
            raise CollectionError(self._refused(_code(error), error)) from None
        except (other, ValueError, OSError) as error:
            said = scrub(" ".join(str(error).split())[:300], self._secrets).rstrip(".")
            where = self._endpoint or "the bucket's server"
            raise CollectionError(f"{self.location} cannot be reached at {where}: {said}") from None

    def _refused(self, code: str, error: Exception) -> str:
        where = f" at {self._endpoint}" if self._endpoint else ""
        if code == "NoSuchBucket":
            return f"there is no bucket {self._bucket}{where}; make it, or mend the destination"
        if code in _DENIED:
            return (
                f"the credentials may not use the bucket {self._bucket}{where} ({code}); set s3_access_key and "
                "s3_secret_key, or what boto3 reads itself (AWS_ACCESS_KEY_ID, AWS_PROFILE)"
            )
        said = scrub(" ".join(str(error).split())[:300], self._secrets).rstrip(".")
        return f"the bucket {self._bucket}{where} refused: {said}"


def _check_endpoint(endpoint: str) -> None:
    parts = urllib.parse.urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise CollectionError(
            "s3_endpoint is no address such as https://s3.example.com:9000, which holds no user and no password"
        )


def _code(error: t.Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
