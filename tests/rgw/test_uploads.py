"""What the store makes of multipart uploads, conditional writes, headers and encryption."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from requests import Session

    from .server import Server

PART = bytes(5 << 20)


class Upload:
    """One multipart upload of an object `a`."""

    def __init__(self, s3: S3Client, bucket: str, **settings: Any) -> None:
        self.s3 = s3
        self.place = {"Bucket": bucket, "Key": "a"}
        self.place["UploadId"] = s3.create_multipart_upload(Bucket=bucket, Key="a", **settings)["UploadId"]
        self.tags: dict[int, str] = {}

    def put(self, number: int, data: bytes) -> None:
        self.tags[number] = self._call("upload_part", PartNumber=number, Body=data)["ETag"]

    def complete(self, numbers: Iterable[int] | None = None, **settings: Any) -> None:
        parts = [{"PartNumber": n, "ETag": self.tags[n]} for n in (self.tags if numbers is None else numbers)]
        self._call("complete_multipart_upload", MultipartUpload={"Parts": parts}, **settings)

    def abort(self) -> None:
        self._call("abort_multipart_upload")

    def numbers(self) -> list[int]:
        return [part["PartNumber"] for part in self._call("list_parts").get("Parts", [])]

    def _call(self, operation: str, **arguments: Any) -> Any:
        return getattr(self.s3, operation)(**self.place, **arguments)


def test_an_upload_is_invisible_until_complete(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.put(1, PART)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="a")
    assert not s3.list_objects_v2(Bucket=bucket).get("Contents")
    upload.put(2, b"end")
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == PART + b"end"
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_numbers_may_have_gaps_and_a_part_may_be_sent_again(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    for number, data in ((7, b"x" * len(PART)), (10_000, b"end"), (3, b"old"), (3, PART)):
        upload.put(number, data)
    upload.complete([3, 7, 10_000])
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == PART + b"x" * len(PART) + b"end"


def test_small_parts_are_refused_and_the_upload_lives_on(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.put(1, PART[1:])
    upload.put(2, b"end")
    with pytest.raises(ClientError, match="EntityTooSmall"):
        upload.complete()
    upload.put(1, PART)
    upload.complete()


@pytest.mark.parametrize("named", [[1, 2], [1, 3]])
def test_a_part_that_complete_leaves_out_is_an_error_here_unlike_at_aws(
    s3: S3Client, bucket: str, named: list[int]
) -> None:
    upload = Upload(s3, bucket)
    for number in (1, 2, 3):
        upload.put(number, PART)
    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete(named)


def test_a_wrong_etag_is_refused(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.put(1, b"end")
    upload.tags[1] = '"00000000000000000000000000000000"'
    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete()


def test_complete_may_be_repeated_and_abort_may_not(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.put(1, b"end")
    upload.complete()
    upload.complete()
    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.abort()
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"end"


def test_an_abort_leaves_nothing_and_closes_the_upload(s3: S3Client, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.put(1, PART)
    assert upload.numbers() == [1]
    assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [
        upload.place["UploadId"]
    ]
    upload.abort()
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    with pytest.raises(ClientError, match="NoSuch"):
        upload.numbers()
    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.put(2, b"late")
    with pytest.raises(ClientError, match=r"InternalError.*already in progress"):  # AWS: NoSuchUpload
        upload.complete()


def test_of_many_conditional_puts_one_wins(rgw: Server, s3: S3Client, bucket: str) -> None:
    clients = [rgw.client() for _ in range(8)]

    def claim(who: int) -> str:
        try:
            clients[who].put_object(Bucket=bucket, Key="claim", Body=str(who).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return f"won by {who}"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(claim, range(8)))
    winner = answers.pop()
    assert answers == ["PreconditionFailed"] * 7
    assert winner == f"won by {s3.get_object(Bucket=bucket, Key='claim')['Body'].read().decode()}"


def test_complete_ignores_its_condition_unlike_at_aws(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"first")
    upload = Upload(s3, bucket)
    upload.put(1, b"second")
    upload.complete(IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"second"


HEADERS = {"CacheControl": "private, no-store", "ContentType": "text/csv; charset=utf-8"}


def test_headers_are_kept_and_served(s3: S3Client, bucket: str, visitor: Session) -> None:
    upload = Upload(s3, bucket, **HEADERS)
    upload.put(1, b"end")
    upload.complete()
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    served = visitor.get(url).headers
    assert (served["Cache-Control"], served["Content-Type"]) == (
        "private, no-store",
        "text/csv; charset=utf-8",
    )


def test_tags_are_kept_except_those_of_a_multipart_upload(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="b", Body=b"", Tagging="run=1")
    assert s3.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == [{"Key": "run", "Value": "1"}]
    upload = Upload(s3, bucket, Tagging="run=1")
    upload.put(1, b"end")
    upload.complete()
    assert "TagSet" not in s3.get_object_tagging(Bucket=bucket, Key="a")
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "run", "Value": "1"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "run", "Value": "1"}]


def test_md5_is_verified_and_newer_checksums_are_not(s3: S3Client, bucket: str) -> None:
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", ChecksumCRC32="AAAAAA==")


def test_encryption_with_a_key_service(s3: S3Client, bucket: str, visitor: Session) -> None:
    upload = Upload(s3, bucket, ServerSideEncryption="aws:kms", SSEKMSKeyId="contacts-key")
    upload.put(1, b"secret")
    upload.complete()
    head = s3.head_object(Bucket=bucket, Key="a")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "contacts-key")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    assert visitor.get(url).content == b"secret"


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "no-such-key"},
            "InvalidAccessKeyId.*no-such-key",
        ),
        ({"ServerSideEncryption": "aws:kms"}, "InvalidArgument.*key-id"),
        ({"ServerSideEncryption": "rot13"}, "InvalidArgument"),
    ],
    ids=["unknown key", "no key", "unknown kind"],
)
def test_wrong_encryption_is_refused_at_the_start(
    s3: S3Client, bucket: str, settings: dict[str, Any], answer: str
) -> None:
    with pytest.raises(ClientError, match=answer):
        Upload(s3, bucket, **settings)


def test_encryption_with_the_stores_own_key_is_taken_and_not_done(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", ServerSideEncryption="AES256")
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="a")
    assert not s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"].get("Rules")
