# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading bundles to a shared directory, and to a live server that speaks S3."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shlex
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.upload_s3 import S3Target
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.bucket_server import REGION, BucketServer
from tests.support.doors import Doors
from tests.support.evidence_bundles import REGISTRY, Sealer, moment
from tests.support.server import free_port
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
NAME: t.Final = moment(1)
PLACE: t.Final = f"staging/backfill/{NAME}"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[BucketServer]:
    with BucketServer(tmp_path_factory.mktemp("moto")) as started:
        yield started


@pytest.fixture(autouse=True)
def _nothing_of_the_caller_and_claims_of_the_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bundles here claim little, and what is tested is where they go."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for kind, computed in REGISTRY.items():
        monkeypatch.setitem(t.cast("dict[str, t.Any]", recompute.RECOMPUTE), kind, computed)


@pytest.fixture
def bundle(tmp_path: Path, people: Cast) -> Path:
    return Sealer.of(tmp_path / "evidence", "hotpass", people).seal(None, NAME, live=False).path


class Uploads:
    """Uploads as the module does, with what the test changes."""

    def __init__(self, doors: Doors, bundle: Path, people: Cast) -> None:
        self._doors = doors
        self._given: Result = {"bundle": str(bundle), "trust": [people.alice.entry("promoter")]}

    def __call__(self, destination: str | Path, **options: t.Any) -> Result:
        given = {**self._given, "destination": str(destination), **options}
        return self._doors.room("hotpass_evidence", state="uploaded", **given)


@pytest.fixture
def upload(tmp_path: Path, bundle: Path, people: Cast) -> Uploads:
    return Uploads(Doors({}, tmp_path), bundle, people)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def _tree(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def _refused(answer: Result, bundle: Path, *said: str) -> None:
    """Insist on a refusal that says why, that the bundle is whole here, and what to run again."""
    assert answer["failed"], answer
    for text in said:
        assert text in answer["msg"], answer["msg"]
    assert (
        f"It is whole at {bundle}; mend that, and run: ansible-playbook playbooks/verify_evidence.yml" in answer["msg"]
    )
    assert answer["again"] in answer["msg"]
    assert str(bundle) in answer["again"]


def test_a_shared_directory_gets_the_bundle_whole_and_once(
    upload: Uploads, bundle: Path, share: Path, people: Cast
) -> None:
    foreseen = upload(share, check_mode=True)
    assert (foreseen["changed"], foreseen["evidence"]["uploaded"], list(share.iterdir())) == (True, False, [])
    answer = upload(share)
    assert answer["changed"], answer
    assert answer["evidence"]["location"] == str(share / PLACE)
    assert answer["evidence"]["written"] == sorted(_tree(bundle))
    assert _tree(share / PLACE) == _tree(bundle)
    assert verify(share / PLACE, people.trust, REGISTRY).good
    again = upload(share)
    assert (again["changed"], again["evidence"]["uploaded"], again["evidence"]["written"]) == (False, True, [])
    assert [path.name for path in (share / "staging/backfill").iterdir()] == [NAME]


def test_eight_uploads_at_once_leave_one_bundle(upload: Uploads, bundle: Path, share: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _number: upload(share), range(8)))
    assert [answer["failed"] for answer in answers] == [False] * 8, answers
    assert _tree(share / PLACE) == _tree(bundle)
    assert [path.name for path in (share / "staging/backfill").iterdir()] == [NAME]


def test_a_directory_that_has_something_else_is_left_alone(upload: Uploads, bundle: Path, share: Path) -> None:
    _refused(upload(share / "not-mounted"), bundle, f"there is no directory {share / 'not-mounted'}; mount the share")
    shutil.copytree(bundle, share / PLACE)
    (share / PLACE / "summary.json").write_text("{}", encoding="utf-8")
    _refused(upload(share), bundle, "has another summary.json already", "nothing there is overwritten")
    assert (share / PLACE / "summary.json").read_text() == "{}"
    shutil.copy(bundle / "summary.json", share / PLACE / "summary.json")
    (share / PLACE / "more.json").write_text("{}", encoding="utf-8")
    _refused(upload(share), bundle, "has more.json already, which the bundle has not")
    (share / PLACE / "more.json").unlink()
    (share / PLACE / "cli.sh").unlink()
    _refused(upload(share), bundle, "has only a part of the bundle")
    shutil.rmtree(share / PLACE)
    (share / PLACE).mkdir()
    _refused(upload(share), bundle, "is there and is no bundle: it is empty")


def test_a_full_or_forbidden_share_leaves_nothing_half_written(
    upload: Uploads, bundle: Path, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, left = os.fsync, [5]

    def full(opened: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise OSError(28, "No space left on device")
        fsync(opened)

    monkeypatch.setattr(os, "fsync", full)
    _refused(upload(share), bundle, "No space left on device")
    assert list((share / "staging/backfill").iterdir()) == []
    assert upload(share)["changed"]


def test_what_does_not_verify_is_not_uploaded(upload: Uploads, bundle: Path, share: Path, people: Cast) -> None:
    untrusted = upload(share, trust=[people.bob.entry("approver")])
    assert "does not verify: seal.dsse.json" in untrusted["msg"]
    (bundle / "runs.json").write_text("[]", encoding="utf-8")
    answer = upload(share)
    assert f"The bundle {bundle} does not verify: runs.json" in answer["msg"]
    assert answer["problems"]
    assert list(share.iterdir()) == []


class Bucket(t.NamedTuple):
    """A bucket of the test's own."""

    name: str
    server: BucketServer

    @property
    def options(self) -> Result:
        """What reaches it."""
        return {
            "s3_endpoint": self.server.endpoint,
            "s3_region": REGION,
            "s3_access_key": self.server.access_key,
            "s3_secret_key": self.server.secret_key,
        }

    @property
    def address(self) -> str:
        return f"s3://{self.name}/kept/here/"

    def objects(self) -> dict[str, bytes]:
        """What is in it, by name below the bundle's place."""
        client, prefix = self.server.client(), f"kept/here/{PLACE}/"
        rows = client.list_objects_v2(Bucket=self.name).get("Contents", [])
        assert all(row["Key"].startswith(prefix) for row in rows)
        return {
            row["Key"].removeprefix(prefix): client.get_object(Bucket=self.name, Key=row["Key"])["Body"].read()
            for row in rows
        }

    def put(self, name: str, data: bytes) -> None:
        self.server.client().put_object(Bucket=self.name, Key=f"kept/here/{PLACE}/{name}", Body=data)

    def delete(self, name: str) -> None:
        self.server.client().delete_object(Bucket=self.name, Key=f"kept/here/{PLACE}/{name}")


@pytest.fixture
def bucket(buckets: BucketServer, unique: t.Callable[[str], str]) -> Bucket:
    name = unique("evidence")
    buckets.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Bucket(name, buckets)


def test_a_bucket_gets_the_bundle_once(upload: Uploads, bundle: Path, bucket: Bucket) -> None:
    foreseen = upload(bucket.address, check_mode=True, **bucket.options)
    assert (foreseen["failed"], foreseen["changed"], bucket.objects()) == (False, True, {}), foreseen
    answer = upload(bucket.address, **bucket.options)
    assert answer["changed"], answer
    assert answer["evidence"]["location"] == f"s3://{bucket.name}/kept/here/{PLACE}/"
    assert bucket.objects() == _tree(bundle)
    again = upload(bucket.address, **bucket.options)
    assert (again["failed"], again["changed"], again["evidence"]["written"]) == (False, False, [])


def test_the_seal_goes_last_and_an_upload_that_was_interrupted_goes_on(
    upload: Uploads, bundle: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = S3Target._write
    written: list[str] = []

    def until_the_line_breaks(self: t.Any, key: str, data: bytes) -> None:
        if len(written) == 5:
            raise ConnectionResetError("the line broke")
        written.append(key)
        write(self, key, data)

    monkeypatch.setattr(S3Target, "_write", until_the_line_breaks)
    _refused(upload(bucket.address, **bucket.options), bundle, "cannot be reached at", "the line broke")
    partial = bucket.objects()
    assert len(partial) == 5
    assert "seal.dsse.json" not in partial
    written.clear()

    def noted(self: t.Any, key: str, data: bytes) -> None:
        written.append(key)
        write(self, key, data)

    monkeypatch.setattr(S3Target, "_write", noted)
    answer = upload(bucket.address, **bucket.options)
    assert (answer["failed"], answer["changed"]) == (False, True), answer
    assert written[-1].endswith("/seal.dsse.json")
    assert len(written) == len(_tree(bundle)) - 5
    assert bucket.objects() == _tree(bundle)


def test_what_the_bucket_changes_after_the_upload_is_found(
    upload: Uploads, bundle: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = S3Target.put

    def corrupted(self: t.Any, files: t.Mapping[str, bytes], order: t.Sequence[str]) -> None:
        put(self, files, order)
        bucket.put("runs.json", files["runs.json"].replace(b"a", b"b", 1))

    monkeypatch.setattr(S3Target, "put", corrupted)
    _refused(upload(bucket.address, **bucket.options), bundle, "has another runs.json after the upload")
    monkeypatch.undo()
    for kind, computed in REGISTRY.items():
        monkeypatch.setitem(t.cast("dict[str, t.Any]", recompute.RECOMPUTE), kind, computed)
    _refused(upload(bucket.address, **bucket.options), bundle, "has another runs.json already")
    bucket.delete("runs.json")
    assert upload(bucket.address, **bucket.options)["evidence"]["written"] == ["runs.json"]
    bucket.put("more.json", b"{}")
    _refused(upload(bucket.address, **bucket.options), bundle, "has more.json already, which the bundle has not")


def test_a_bucket_that_cannot_be_used_says_why_and_no_secret(upload: Uploads, bundle: Path, bucket: Bucket) -> None:
    secret = "wJalrXUtnFEMI-not-the-secret"
    missing = upload(f"s3://{bucket.name}-missing/kept", **bucket.options)
    _refused(missing, bundle, f"there is no bucket {bucket.name}-missing at {bucket.server.endpoint}")
    for wrong in ({"s3_access_key": "AKIAIOSFODNN7EXAMPLE"}, {}):
        refused = upload(bucket.address, **{**bucket.options, "s3_secret_key": secret, **wrong})
        _refused(refused, bundle, "the credentials may not use the bucket")
        assert secret not in str(refused)
    nowhere = f"http://127.0.0.1:{free_port()}"
    unreachable = upload(bucket.address, **{**bucket.options, "s3_endpoint": nowhere, "s3_timeout": 1.0})
    _refused(unreachable, bundle, f"cannot be reached at {nowhere}")
    none = upload(bucket.address, s3_endpoint=bucket.server.endpoint, s3_region=REGION)
    _refused(none, bundle, "Unable to locate credentials")
    _refused(upload("ftp://somewhere/else"), bundle, "allowed are a directory and s3://bucket/prefix")
    _refused(upload("s3://"), bundle, "allowed are a directory and s3://bucket/prefix")
    for secretive in (f"sftp://user:{secret}@host/kept", f"s3://user:{secret}@{bucket.name}/kept"):
        told = upload(secretive, **bucket.options)
        _refused(told, bundle, "The destination is '", "(secret)@", "allowed are a directory and s3://bucket/prefix")
        assert secret not in told["msg"]
        assert secret not in told["again"]
    hidden = upload(bucket.address, **{**bucket.options, "s3_endpoint": "http://user:pass-word-7@s3.example.com"})
    _refused(hidden, bundle, "s3_endpoint is no address")
    assert "pass-word-7" not in str(hidden)
    assert bucket.objects() == {}


def test_the_command_to_run_again_goes_to_the_same_server_also_from_a_path_with_a_space(
    people: Cast, bucket: Bucket, tmp_path: Path
) -> None:
    sealer = Sealer.of(tmp_path / "some evidence", "hotpass", people)
    kept = sealer.seal(None, NAME, live=False).path
    answer = Uploads(Doors({}, tmp_path), kept, people)(
        f"s3://{bucket.name}-missing/kept here",
        **{**bucket.options, "s3_ca_path": str(tmp_path / "authority's.pem")},
    )
    _refused(answer, kept, "there is no bucket")
    command = shlex.split(answer["again"])
    assert command[:4] == ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", "inventories/staging"]
    assert command[4] == "-e"
    assert command[5].startswith("{")  # which Ansible reads as JSON
    assert json.loads(command[5]) == {
        "bundle": str(kept),
        "upload": f"s3://{bucket.name}-missing/kept here",
        "s3_endpoint": bucket.server.endpoint,
        "s3_region": REGION,
        "s3_ca_path": str(tmp_path / "authority's.pem"),
    }
    assert bucket.server.secret_key not in answer["again"]


def test_the_command_to_run_again_begins_as_the_caller_says(upload: Uploads, bundle: Path, share: Path) -> None:
    begins = ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", "my hosts", "-e", '{"trust": "keys/a.pub"}']
    url = "http://somebody:pass-word-7@example.com/"
    answer = upload(share / "gone", command=[*begins, "-e", json.dumps({"other": url})])
    _refused(answer, bundle, "there is no directory")
    given = shlex.split(answer["again"])
    assert given[: len(begins)] == begins
    assert json.loads(given[-1]) == {"bundle": str(bundle), "upload": str(share / "gone")}
    assert "pass-word-7" not in answer["again"]


def test_boto3_s_own_sources_of_credentials_are_used(
    upload: Uploads, bundle: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.server.secret_key)
    monkeypatch.setenv("HOTPASS_EVIDENCE_S3_ENDPOINT", bucket.server.endpoint)
    answer = upload(bucket.address, s3_region=REGION)
    assert answer["changed"], answer
    assert bucket.objects() == _tree(bundle)


def test_a_host_without_boto3_says_so(upload: Uploads, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    _refused(upload("s3://evidence/kept"), bundle, "needs boto3 on the host where the task runs")
