"""Against a real bucket of yours: what no local server shows. Skipped unless LIVE_BUCKET names one.

    LIVE_BUCKET=my-bucket python -m pytest -rs tests/live

Credentials come from where boto3 finds them; LIVE_ENDPOINT_URL points it at another store than AWS. All
objects lie under a prefix of their own and are removed, versions too; a statement for that prefix is put into
the bucket's policy and taken out again. The API is a stand-in on this machine.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import requests
from fakes import Wire, answer, answering

from pipeline import PipelineError, StageError, policy, run
from pipeline.config.file import load_config
from pipeline.policy.command import carry_out
from pipeline.s3.checksums import encoded_crc32
from pipeline.s3.client import Store
from pipeline.s3.multipart import begin

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, ENDPOINT = os.environ.get("LIVE_BUCKET"), os.environ.get("LIVE_ENDPOINT_URL")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not BUCKET, reason="needs a real bucket: LIVE_BUCKET=name, see docs/storage.md"),
]
CONTENT = b"EMAIL\n" + b"".join(b"asha%d@example.com\n" % number for number in range(100))
CONTRACT = "import pandera.pandas as pa\nCONTACT = pa.DataFrameSchema({'EMAIL': pa.Column(str)})\n"
NOBODY = "203.0.113.7"  # an address for documentation, from which no request comes
aws_only = pytest.mark.skipif(bool(ENDPOINT), reason="shown by AWS only")


@dataclass
class Live:
    """A prefix in the bucket, the product pointed at it, and what its stand-in of an API was told."""

    folder: Path
    prefix: str
    api: Wire

    def config(self, **stage: Any) -> Any:
        known = {"bucket": BUCKET, "prefix": self.prefix, "endpoint_url": ENDPOINT}
        return load_config(
            {
                "contract": {"schema": f"{self.folder}/contract.py:CONTACT", "rejects": str(self.folder)},
                "stage": {k: v for k, v in (known | stage).items() if v is not None},
                "submit": {"base_url": self.api.url, "api_key": "${LIVE_API_KEY}"},
            }
        )

    def run(self, content: bytes = CONTENT, **stage: Any) -> Any:
        source = self.folder / "contacts.csv"
        source.write_bytes(content)
        return run(source, self.config(**stage))

    @property
    def path(self) -> str:
        return parse_qs(self.api.arrived[-1].body.decode())["path"][0]

    @property
    def s3(self) -> S3Client:
        return Store(self.config().stage).client

    def left(self) -> list[str]:
        where: Any = {"Bucket": BUCKET, "Prefix": self.prefix}
        objects = self.s3.list_objects_v2(**where).get("Contents", [])
        uploads = self.s3.list_multipart_uploads(**where).get("Uploads", [])
        return [each["Key"] for each in (*objects, *uploads)]

    def clean(self) -> None:
        store, where = Store(self.config().stage), {"Bucket": BUCKET, "Prefix": self.prefix}
        policy.remove(store)
        for each in self.s3.list_multipart_uploads(**where).get("Uploads", []):  # type: ignore[arg-type]
            upload: Any = {"Bucket": BUCKET, "Key": each["Key"], "UploadId": each["UploadId"]}
            self.s3.abort_multipart_upload(**upload)
        found: Any = self.s3.list_object_versions(**where)  # type: ignore[arg-type]
        for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            version: Any = {"Bucket": BUCKET, "Key": each["Key"], "VersionId": each["VersionId"]}
            self.s3.delete_object(**version)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("LIVE_API_KEY", "0123456789abcdef")
    (tmp_path / "contract.py").write_text(CONTRACT)
    with answering(answer(200, b'{"requestid": "5ca1ab1e", "result": "Success"}')) as api:
        made = Live(tmp_path, f"live-test-{secrets.token_hex(4)}/", api)
        try:
            yield made
        finally:
            made.clean()


def status(url: str) -> int:
    return requests.get(url, timeout=30, allow_redirects=False).status_code


def test_a_presigned_url_shows_the_file_and_nothing_else_does(live: Live) -> None:
    result = live.run(tags={"app": "live-test"})
    assert requests.get(live.path, timeout=30).content == CONTENT
    assert status(live.path.partition("?")[0]) == 403
    assert status(live.path.replace("X-Amz-Signature=", "X-Amz-Signature=0")) == 403
    assert status(live.path.replace("hosted/", "runs/")) in (403, 404)
    head = live.s3.head_object(Bucket=str(BUCKET), Key=result.hosted.key)
    assert head["CacheControl"] == "private, no-store"
    assert head["ContentType"] == "text/csv; charset=utf-8"


@aws_only
def test_tags_and_encryption_are_as_asked(live: Live) -> None:
    result = live.run(tags={"app": "live-test"}, encryption="SSE-S3")
    tags = live.s3.get_object_tagging(Bucket=str(BUCKET), Key=result.hosted.key)["TagSet"]
    assert tags == [{"Key": "app", "Value": "live-test"}]
    head = live.s3.head_object(Bucket=str(BUCKET), Key=result.hosted.key)
    assert head["ServerSideEncryption"] == "AES256"


@aws_only
def test_each_part_is_verified_by_its_crc32(live: Live) -> None:
    two_parts = b"EMAIL\n" + b"".join(b"asha%07d@example.com\n" % number for number in range(400_000))
    result = live.run(two_parts)
    where: Any = {"Bucket": str(BUCKET), "Key": result.hosted.key}
    stored = live.s3.head_object(**where, ChecksumMode="ENABLED")["ChecksumCRC32"]
    assert stored == encoded_crc32(result.hosted.staged.crc32)
    begun = begin(Store(live.config().stage), result.hosted.key)
    assert begun.crc32 == "whole"
    wrong = encoded_crc32(zlib.crc32(b"meant"))
    with pytest.raises(live.s3.exceptions.ClientError, match="BadDigest"):
        live.s3.upload_part(
            **where, UploadId=begun.upload_id, PartNumber=1, Body=b"sent", ChecksumCRC32=wrong
        )


@aws_only
def test_the_bucket_of_another_region_is_recognised(live: Live) -> None:
    right = Store(live.config().stage).region
    wrong = "eu-west-1" if right != "eu-west-1" else "us-east-2"
    with pytest.raises(StageError, match=f"is in region {right}"):
        live.run(region=wrong)
    assert live.api.arrived == []


def test_an_expired_url_is_refused(live: Live) -> None:
    live.run(expires_in=10)
    assert status(live.path) == 200
    time.sleep(11)
    assert status(live.path) == 403


def test_rejected_rows_leave_nothing(live: Live) -> None:
    with pytest.raises(PipelineError, match="max_rejected"):
        live.run(CONTENT + b"a,b\n")
    assert live.left() == []


def test_allowlisted_needs_its_statement_and_leaves_the_policy_as_it_was(live: Live) -> None:
    stage: dict[str, Any] = {"url": "allowlisted", "allowed_addresses": NOBODY, "allow_http": True}
    before = policy.read(Store(live.config().stage))
    with pytest.raises(StageError, match="does not let the platform read"):
        live.run(**stage)
    carry_out(live.config(**stage), "apply")
    assert "as configured" in carry_out(live.config(**stage), "check")
    live.run(**stage)
    assert status(live.path) == 403
    carry_out(live.config(**stage), "remove")
    after = policy.read(Store(live.config().stage))
    assert json.dumps(after, sort_keys=True) == json.dumps(before, sort_keys=True)


@aws_only
def test_public_is_refused_while_the_bucket_is_shut(live: Live) -> None:
    with pytest.raises(StageError, match=r"public-access block is on|lets nobody read"):
        live.run(url="public", public_access="understood")
    assert live.left() == []
