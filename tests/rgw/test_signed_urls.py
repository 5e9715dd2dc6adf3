"""What the store makes of signed URLs and of keys: the refusals that the product's errors are read from."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .server import Keys, Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from requests import Response, Session

CONTENT = b"EMAIL\na@example.com\n"
MIB = 1 << 20


@pytest.fixture
def stored(s3: S3Client, bucket: str) -> str:
    """A bucket with one private object, `hosted/a.csv`."""
    s3.put_object(Bucket=bucket, Key="hosted/a.csv", Body=CONTENT)
    return bucket


def signed(s3: S3Client, bucket: str, key: str = "hosted/a.csv", seconds: int = 60) -> str:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds)
    assert "X-Amz-Signature=" in url
    return url


def code(answer: Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_signed_url_is_fetched_whole_and_by_range_but_not_by_head(
    s3: S3Client, stored: str, visitor: Session
) -> None:
    url = signed(s3, stored)
    assert visitor.get(url).content == CONTENT
    ranged = visitor.get(url, headers={"Range": "bytes=0-4"})
    assert (ranged.status_code, ranged.content) == (206, b"EMAIL")
    assert ranged.headers["Content-Range"] == f"bytes 0-4/{len(CONTENT)}"
    assert visitor.head(url).status_code == 403


def test_an_expired_url_is_refused(s3: S3Client, stored: str, visitor: Session) -> None:
    url = signed(s3, stored, seconds=1)
    time.sleep(2.1)
    assert (visitor.get(url).status_code, code(visitor.get(url))) == (403, "AccessDenied")


@pytest.mark.parametrize("seconds", [0, -5, 604_801])
def test_what_boto3_signs_without_a_word_the_store_refuses(
    s3: S3Client, stored: str, visitor: Session, seconds: int
) -> None:
    assert visitor.get(signed(s3, stored, seconds=seconds)).status_code == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hosted/a.csv", "runs/a.json"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("//127.0.0.1", "//localhost"),
        ("X-Amz-SignedHeaders=host", "versionId=1&X-Amz-SignedHeaders=host"),
    ],
    ids=["key", "expiry", "signature", "host", "parameter"],
)
def test_a_tampered_url_is_refused(s3: S3Client, stored: str, visitor: Session, old: str, new: str) -> None:
    url = signed(s3, stored)
    assert old in url
    answer = visitor.get(url.replace(old, new))
    assert (answer.status_code, code(answer)) == (403, "SignatureDoesNotMatch")


def test_a_missing_object_is_404_to_its_signer_only(s3: S3Client, stored: str, visitor: Session) -> None:
    assert code(visitor.get(signed(s3, stored, key="hosted/none.csv"))) == "NoSuchKey"


def test_the_anonymous_may_nothing(rgw: Server, stored: str, visitor: Session) -> None:
    bucket = f"{rgw.endpoint_url}/{stored}"
    for method, path in [
        ("GET", "hosted/a.csv"),
        ("GET", "none"),
        ("GET", ""),
        ("PUT", "x"),
        ("DELETE", "hosted/a.csv"),
    ]:
        assert visitor.request(method, f"{bucket}/{path}").status_code == 403, (method, path)


@pytest.mark.parametrize(
    ("access_key", "secret", "answer"),
    [
        (Server.owner.access_key, "wrong", "SignatureDoesNotMatch"),
        ("NOBODYSKEY", "wrong", "InvalidAccessKeyId"),
        (Server.guest.access_key, Server.guest.secret_key, "AccessDenied"),
    ],
    ids=["wrong secret", "unknown key", "no permission"],
)
def test_the_store_says_which_way_keys_are_wrong(
    rgw: Server, stored: str, visitor: Session, access_key: str, secret: str, answer: str
) -> None:
    client = rgw.client(Keys("", access_key, secret))
    with pytest.raises(ClientError, match=rf"\({answer}\)"):
        client.list_objects_v2(Bucket=stored)
    assert code(visitor.get(signed(client, stored))) == answer


def test_temporary_keys_need_their_token(rgw: Server, stored: str, visitor: Session) -> None:
    keys = rgw.temporary(rgw.owner)
    url = signed(rgw.client(keys), stored)
    assert "X-Amz-Security-Token=" in url
    assert visitor.get(url).content == CONTENT
    token = keys.session_token or ""
    for wrong in (None, token[:-8] + "AAAAAAAA"):
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            rgw.client(Keys("", keys.access_key, keys.secret_key, wrong)).list_objects_v2(Bucket=stored)


@pytest.mark.parametrize("key", ["hosted/a b+c%.csv", "hosted/ünïcode/ü.csv", "hosted/20240229-0f.csv"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_bucket_names_with_dots_and_odd_keys(
    rgw: Server, bucket: str, visitor: Session, key: str, scheme: str
) -> None:
    endpoint = {"http": rgw.endpoint_url, "https": rgw.tls_url}[scheme]
    s3 = rgw.client(endpoint_url=endpoint, request_checksum_calculation="when_required")
    dotted = f"{bucket}.with.dots"
    s3.create_bucket(Bucket=dotted)
    s3.put_object(Bucket=dotted, Key=key, Body=CONTENT)
    assert visitor.get(signed(s3, dotted, key)).content == CONTENT


def test_by_https_the_store_takes_no_trailing_checksums_which_are_the_default_of_boto3(
    rgw: Server, bucket: str
) -> None:
    with pytest.raises(ClientError, match="MissingContentLength"):
        rgw.client(endpoint_url=rgw.tls_url).put_object(Bucket=bucket, Key="a", Body=CONTENT)


@pytest.mark.parametrize("in_signature", [True, False], ids=["signed", "unsigned"])
def test_a_part_is_verified_by_its_content_md5(
    s3: S3Client, bucket: str, visitor: Session, in_signature: bool
) -> None:
    upload: Any = s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="CRC32")
    assert "ChecksumAlgorithm" not in upload  # so that MD5 it is
    where: Any = {"Bucket": bucket, "Key": "a", "UploadId": upload["UploadId"]}
    data = bytes(5 * MIB)
    digest = hashlib.md5(data, usedforsecurity=False)

    def put(content_md5: bytes) -> Response:
        header = content_md5.decode()
        told = {"ContentMD5": header} if in_signature else {}
        url = s3.generate_presigned_url("upload_part", Params={**where, "PartNumber": 1, **told})
        return visitor.put(url, data=data, headers={"Content-MD5": header})

    assert code(put(base64.b64encode(bytes(16)))) == "BadDigest"
    assert code(put(b"no digest")) == "InvalidDigest"
    assert not s3.list_parts(Bucket=bucket, Key="a", UploadId=where["UploadId"]).get("Parts")
    right = put(base64.b64encode(digest.digest()))
    assert (right.status_code, right.headers["ETag"]) == (200, f'"{digest.hexdigest()}"')


def test_a_part_signed_ahead_is_verified_by_an_md5_that_nobody_signed(
    rgw: Server, s3: S3Client, bucket: str, visitor: Session
) -> None:
    """So workers put parts whose content nobody knew when their URLs were signed."""
    place = {"Bucket": bucket, "Key": "a"}
    upload = {**place, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]}
    wanted = {**upload, "PartNumber": 1}
    url = s3.generate_presigned_url("upload_part", Params=wanted, ExpiresIn=60)
    assert code(visitor.put(url, data=CONTENT, headers={"Content-MD5": md5(b"other")})) == "BadDigest"
    assert not s3.list_parts(**upload).get("Parts")  # type: ignore[arg-type]
    answer = visitor.put(url, data=CONTENT, headers={"Content-MD5": md5(CONTENT)})
    assert answer.status_code == 200
    parts = [{"PartNumber": 1, "ETag": answer.headers["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})  # type: ignore[arg-type,typeddict-item]
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == CONTENT


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
