# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live server that speaks S3 (moto), in a process of its own, which lets in who has an access key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
import urllib.request
from pathlib import Path

import boto3  # type: ignore[import-untyped]

from tests.support.server import free_port

REGION: t.Final = "eu-central-1"
_START_SECONDS = 60.0


class BucketServer:
    """Use it as a context manager.

    :ivar endpoint: its address.
    :ivar access_key: of a user who may do everything with S3; ``secret_key`` is its secret.
    """

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        # Without a proxy of the environment, and with nobody's own credentials.
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
        with (directory / "moto.log").open("wb") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        self.access_key, self.secret_key = "", ""

    def __enter__(self) -> BucketServer:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
        everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        iam = self._client("iam", "anybody", "anything")
        iam.create_user(UserName="keeper")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_user_policy(UserName="keeper", PolicyName="all", PolicyDocument=policy)
        made = iam.create_access_key(UserName="keeper")["AccessKey"]
        self.access_key, self.secret_key = made["AccessKeyId"], made["SecretAccessKey"]
        plain = {"Content-Type": "text/plain"}
        asked = urllib.request.Request(f"{self.endpoint}/moto-api/reset-auth", data=b"0", headers=plain, method="POST")
        urllib.request.urlopen(asked, timeout=5).close()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def client(self) -> t.Any:
        """Boto3's client for S3, of the user who may do everything."""
        return self._client("s3", self.access_key, self.secret_key)

    def _client(self, service: str, access_key: str, secret_key: str) -> t.Any:
        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )
