"""The embedded S3, asked by the real boto3 and by plain requests: what is signed goes in, nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import quote, urlsplit

import boto3
import pytest
import requests
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import create_environ

import pipeline.sandbox
from pipeline.errors import ConfigError
from pipeline.sandbox import Sandbox, start
from pipeline.sandbox.gate import Gate
from pipeline.sandbox.sigv4 import Keys, Refused, Request, verify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

KEY = "hosted/a file, ünï+c=d&é~(1)%20.csv"
BODY = b"EMAIL\nasha@example.com\n"
MIB = 1 << 20


def client(sandbox: Sandbox, **changed: Any) -> S3Client:
    options = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "retries": {"total_max_attempts": 1},
    }
    config = Config(**(options | changed.pop("config", {})))
    made: S3Client = boto3.client(
        "s3",
        **{
            "endpoint_url": sandbox.endpoint_url,
            "region_name": sandbox.region,
            "aws_access_key_id": sandbox.access_key,
            "aws_secret_access_key": sandbox.secret_key,
            **changed,
        },
        config=config,
    )
    return made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def s3(sandbox: Sandbox) -> S3Client:
    made = client(sandbox)
    made.put_object(Bucket="contacts", Key=KEY, Body=BODY)
    return made


def presign(s3: S3Client, operation: str = "get_object", *, expires: int = 60, **parameters: Any) -> str:
    parameters = {"Bucket": "contacts", "Key": KEY} | parameters
    return s3.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires)


def presign_at(sandbox: Sandbox, moment: datetime, expires: int = 60) -> str:
    """A URL signed at another time, by botocore's own signer with its clock moved."""
    signer = S3SigV4QueryAuth(
        Credentials(sandbox.access_key, sandbox.secret_key), "s3", sandbox.region, expires
    )
    request = AWSRequest("GET", f"{sandbox.endpoint_url}/contacts/{KEY_ON_WIRE}")
    sign_at(moment, signer, request)
    return str(request.url)


def sign_at(moment: datetime, signer: Any, request: AWSRequest) -> None:
    """What `add_auth` does, at another time: whence it has its own differs between botocore's versions."""
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


KEY_ON_WIRE = "hosted/a%20file%2C%20%C3%BCn%C3%AF%2Bc%3Dd%26%C3%A9~%281%29%2520.csv"


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def error(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    return (
        caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
        caught.value.response["Error"]["Code"],
    )


# What is signed rightly


@pytest.mark.slow
def test_boto3_reads_what_it_wrote(s3: S3Client) -> None:
    assert s3.get_object(Bucket="contacts", Key=KEY)["Body"].read() == BODY
    assert s3.head_object(Bucket="contacts", Key=KEY)["ContentLength"] == len(BODY)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="contacts", Prefix="hosted/a f")["Contents"]] == [KEY]


def test_metadata_tags_and_headers_with_odd_spacing_are_signed_right(s3: S3Client) -> None:
    s3.put_object(
        Bucket="contacts",
        Key="meta",
        Body=b"",
        Metadata={"note": "two  blanks"},
        Tagging="a=b&c=d%20e",
        ContentType="text/csv",
    )
    assert s3.head_object(Bucket="contacts", Key="meta")["ContentType"] == "text/csv"
    assert {t["Key"] for t in s3.get_object_tagging(Bucket="contacts", Key="meta")["TagSet"]} == {"a", "c"}


def test_a_trailing_checksum_in_aws_chunks_is_taken(sandbox: Sandbox, s3: S3Client) -> None:
    """What boto3 sends over https: the checksum behind the body, in aws-chunked encoding."""
    chunked = AwsChunkedWrapper(io.BytesIO(BODY * 1000), Crc32Checksum, "x-amz-checksum-crc32").read()
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": str(len(BODY * 1000)),
    }
    request = AWSRequest("PUT", f"{sandbox.endpoint_url}/contacts/chunked", headers, chunked)
    request.context["checksum"] = {"request_algorithm": {"algorithm": "crc32", "in": "trailer"}}
    S3SigV4Auth(Credentials(sandbox.access_key, sandbox.secret_key), "s3", sandbox.region).add_auth(request)
    assert request.headers["X-Amz-Content-SHA256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert requests.put(str(request.url), data=chunked, headers=dict(request.headers)).status_code == 200
    assert s3.get_object(Bucket="contacts", Key="chunked")["Body"].read() == BODY * 1000


def test_presigned_urls_work_with_plain_requests(s3: S3Client) -> None:
    assert requests.get(presign(s3)).content == BODY
    assert (
        requests.get(presign(s3).replace("%281%29", "(1)")).content == BODY
    )  # the same path, spelt otherwise
    ranged = requests.get(presign(s3), headers={"Range": "bytes=0-4"})
    assert (ranged.status_code, ranged.content) == (206, b"EMAIL")
    assert requests.put(presign(s3, "put_object", Key="put"), data=b"new").status_code == 200
    assert s3.get_object(Bucket="contacts", Key="put")["Body"].read() == b"new"
    assert requests.head(presign(s3, "head_object")).headers["Content-Length"] == str(len(BODY))
    assert requests.delete(presign(s3, "delete_object", Key="put")).status_code == 204
    assert code(requests.get(presign(s3, Key="put"))) == (404, "NoSuchKey")


def test_virtual_host_addressing(sandbox: Sandbox, s3: S3Client) -> None:
    virtual = client(
        sandbox,
        endpoint_url=sandbox.endpoint_url.replace("127.0.0.1", "localhost"),
        config={"s3": {"addressing_style": "virtual"}},
    )
    url = urlsplit(presign(virtual))
    assert url.hostname == "contacts.localhost"
    here = f"{sandbox.endpoint_url}{url.path}?{url.query}"  # so that nobody has to resolve *.localhost
    assert requests.get(here, headers={"Host": url.netloc}).content == BODY
    assert code(requests.get(here)) == (403, "SignatureDoesNotMatch")
    assert code(requests.get(here, headers={"Host": url.netloc.replace("contacts", "other")}))[0] == 403


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30))
def test_any_key_that_botocore_signs_is_recognised(key: str) -> None:
    keys = Keys("AKID", "secret", "us-east-1")
    signer = S3SigV4QueryAuth(Credentials("AKID", "secret"), "s3", "us-east-1", 60)
    aws = AWSRequest("GET", "http://127.0.0.1:1/b/" + quote(key, safe="/~"), params={"partNumber": key})
    signer.add_auth(aws)
    path, _, query = str(aws.url).removeprefix("http://127.0.0.1:1").partition("?")
    request = Request("GET", path, query, {"host": "127.0.0.1:1"}, b"")
    assert verify(request, keys, datetime.now(UTC))
    broken = Request("GET", path + "x", query, {"host": "127.0.0.1:1"}, b"")
    with pytest.raises(Refused, match="SignatureDoesNotMatch"):
        verify(broken, keys, datetime.now(UTC))


# What is not


def swap(old: str, new: str) -> Callable[[str], str]:
    def change(url: str) -> str:
        assert old in url
        return url.replace(old, new, 1)

    return change


def flip(url: str) -> str:
    return url[:-1] + ("0" if url[-1] != "0" else "1")


BAD_SIGNATURE = (403, "SignatureDoesNotMatch")
BAD_QUERY = (400, "AuthorizationQueryParametersError")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(swap("/contacts/hosted", "/contacts/runs"), BAD_SIGNATURE, id="other key"),
        pytest.param(swap("/contacts/", "/others/"), BAD_SIGNATURE, id="other bucket"),
        pytest.param(swap("Expires=60", "Expires=600"), BAD_SIGNATURE, id="longer expiry"),
        pytest.param(swap("Expires=60", "Expires=691200"), BAD_QUERY, id="eight days"),
        pytest.param(swap("Expires=60", "Expires=0"), BAD_QUERY, id="no time at all"),
        pytest.param(swap("Expires=60", "Expires=-5"), BAD_QUERY, id="negative expiry"),
        pytest.param(swap("Expires=60", "Expires=soon"), BAD_QUERY, id="expiry in words"),
        pytest.param(swap("&X-Amz-Expires=60", ""), BAD_QUERY, id="no expiry"),
        pytest.param(lambda url: url + "&X-Amz-Expires=600", BAD_QUERY, id="expiry twice"),
        pytest.param(lambda url: url.partition("&X-Amz-Signature")[0], BAD_QUERY, id="signature dropped"),
        pytest.param(lambda url: url[:-1], BAD_SIGNATURE, id="signature cut"),
        pytest.param(flip, BAD_SIGNATURE, id="signature changed"),
        pytest.param(lambda url: url.partition("&")[0], BAD_QUERY, id="cut at the first ampersand"),
        pytest.param(lambda url: url.partition("?")[0], (403, "AccessDenied"), id="no query"),
        pytest.param(swap("%20file", "%2520file"), BAD_SIGNATURE, id="encoded twice"),
        pytest.param(swap("/hosted", "//hosted"), BAD_SIGNATURE, id="doubled slash"),
        pytest.param(lambda url: url + "&versionId=1", BAD_SIGNATURE, id="parameter added"),
        pytest.param(
            lambda url: url + "&response-content-type=text/html", BAD_SIGNATURE, id="override added"
        ),
        pytest.param(
            swap("SignedHeaders=host", "SignedHeaders=host%3Bx-amz-a"), BAD_SIGNATURE, id="header not sent"
        ),
        pytest.param(
            swap("SignedHeaders=host", "SignedHeaders=date"), (403, "AccessDenied"), id="host not signed"
        ),
        pytest.param(swap("us-east-1", "eu-west-1"), BAD_QUERY, id="other region"),
        pytest.param(swap("%2Fs3%2F", "%2Fsqs%2F"), BAD_QUERY, id="other service"),
        pytest.param(swap("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), BAD_QUERY, id="other algorithm"),
        pytest.param(swap("127.0.0.1", "localhost"), BAD_SIGNATURE, id="other host name"),
        pytest.param(lambda url: url + "&X-Amz-Security-Token=t", (400, "InvalidToken"), id="foreign token"),
    ],
)
def test_a_url_broken_on_its_way_is_refused(
    s3: S3Client, change: Callable[[str], str], expected: tuple[int, str]
) -> None:
    url = presign(s3)
    assert requests.get(url).content == BODY
    assert code(requests.get(change(url))) == expected


@pytest.mark.parametrize(
    ("age", "expires", "message"),
    [
        (timedelta(minutes=2), 60, "Request has expired"),
        (timedelta(days=7, seconds=5), 604_800, "Request has expired"),
        (timedelta(minutes=-20), 60, "Request is not valid yet"),
    ],
)
def test_a_url_outside_its_time_is_refused(
    sandbox: Sandbox, s3: S3Client, age: timedelta, expires: int, message: str
) -> None:
    answer = requests.get(presign_at(sandbox, datetime.now(UTC) - age, expires))
    assert code(answer) == (403, "AccessDenied")
    assert message in answer.text


def test_a_url_within_its_time_is_taken(sandbox: Sandbox, s3: S3Client) -> None:
    assert requests.get(presign_at(sandbox, datetime.now(UTC) - timedelta(days=6), 604_800)).content == BODY


@pytest.mark.slow
def test_a_url_expires_by_itself(s3: S3Client) -> None:
    url = presign(s3, expires=3)  # from the beginning of this second on
    assert requests.get(url).status_code == 200
    time.sleep(3)
    assert "Request has expired" in requests.get(url).text


def test_a_url_is_for_one_method(s3: S3Client) -> None:
    assert requests.head(presign(s3)).status_code == 403
    assert code(requests.put(presign(s3), data=b"x")) == BAD_SIGNATURE
    assert code(requests.delete(presign(s3))) == BAD_SIGNATURE
    assert requests.get(presign(s3)).content == BODY


def test_headers_of_a_url_count(s3: S3Client) -> None:
    assert code(requests.get(presign(s3), headers={"Host": "example.com"})) == BAD_SIGNATURE
    assert code(
        requests.put(presign(s3, "put_object", Key="h"), data=b"", headers={"x-amz-acl": "public-read"})
    ) == (403, "AccessDenied")
    typed = presign(s3, "put_object", Key="h", ContentType="text/csv")
    assert code(requests.put(typed, data=b"")) == BAD_SIGNATURE
    assert code(requests.put(typed, data=b"", headers={"Content-Type": "text/html"})) == BAD_SIGNATURE
    assert requests.put(typed, data=b"", headers={"Content-Type": "text/csv"}).status_code == 200
    both = {"Authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b"}
    assert code(requests.get(presign(s3), headers=both)) == (400, "InvalidArgument")


def test_other_credentials_are_refused(sandbox: Sandbox, s3: S3Client) -> None:
    wrong_secret, wrong_key = (
        client(sandbox, aws_secret_access_key="x" * 40),
        client(sandbox, aws_access_key_id="AKIAEXAMPLE"),
    )
    assert error(lambda: wrong_secret.list_buckets()) == BAD_SIGNATURE
    assert code(requests.get(presign(wrong_secret))) == BAD_SIGNATURE
    assert error(lambda: wrong_key.list_buckets()) == (403, "InvalidAccessKeyId")
    assert code(requests.get(presign(wrong_key))) == (403, "InvalidAccessKeyId")
    token = client(sandbox, aws_session_token="t")
    assert error(lambda: token.list_buckets()) == (400, "InvalidToken")
    elsewhere = client(sandbox, region_name="eu-west-1")
    assert error(lambda: elsewhere.list_objects_v2(Bucket="contacts")) == (
        400,
        "AuthorizationHeaderMalformed",
    )


def test_signature_version_2_is_refused(sandbox: Sandbox, s3: S3Client) -> None:
    old = client(sandbox, config={"signature_version": "s3"})
    assert code(requests.get(presign(old))) == (400, "InvalidRequest")
    assert error(lambda: old.list_objects_v2(Bucket="contacts")) == (400, "InvalidRequest")


def test_a_clock_that_is_wrong_is_told(sandbox: Sandbox) -> None:
    signer = S3SigV4Auth(Credentials(sandbox.access_key, sandbox.secret_key), "s3", sandbox.region)
    request = AWSRequest("GET", f"{sandbox.endpoint_url}/contacts?list-type=2")
    sign_at(datetime(2020, 1, 1), signer, request)
    answer = requests.get(str(request.url), headers=dict(request.headers))
    assert code(answer) == (403, "RequestTimeTooSkewed")


def test_a_changed_body_is_refused(sandbox: Sandbox, s3: S3Client) -> None:
    def change(request: Any, **_: object) -> None:
        request.body = b"changed"

    liar = client(sandbox)
    liar.meta.events.register("before-send.s3.PutObject", change)
    assert error(lambda: liar.put_object(Bucket="contacts", Key="liar", Body=b"as sent")) == (
        400,
        "XAmzContentSHA256Mismatch",
    )
    assert error(lambda: s3.head_object(Bucket="contacts", Key="liar")) == (404, "404")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/contacts"),
        ("GET", f"/contacts/{KEY_ON_WIRE}"),
        ("HEAD", f"/contacts/{KEY_ON_WIRE}"),
        ("PUT", "/contacts/new"),
        ("PUT", "/new-bucket"),
        ("DELETE", f"/contacts/{KEY_ON_WIRE}"),
        ("DELETE", "/contacts"),
        ("POST", "/contacts/new?uploads"),
        ("POST", "/contacts?delete"),
        ("OPTIONS", "/contacts"),
        ("POST", "/moto-api/reset"),
        ("GET", "/moto-api/data.json"),
    ],
)
def test_nobody_gets_in_without_a_signature(sandbox: Sandbox, s3: S3Client, method: str, path: str) -> None:
    answer = requests.request(
        method, sandbox.endpoint_url + path, data=b"x" if method in ("PUT", "POST") else None
    )
    assert answer.status_code == 403
    assert s3.get_object(Bucket="contacts", Key=KEY)["Body"].read() == BODY


# What S3 promises beyond signatures


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324


def test_a_wrong_content_md5_is_refused(s3: S3Client) -> None:
    url = presign(s3, "put_object", Key="md5")
    assert code(requests.put(url, data=b"sent", headers={"Content-MD5": md5(b"meant")})) == (400, "BadDigest")
    assert code(requests.put(url, data=b"sent", headers={"Content-MD5": "nonsense"})) == (
        400,
        "InvalidDigest",
    )
    assert error(lambda: s3.head_object(Bucket="contacts", Key="md5"))[0] == 404
    assert requests.put(url, data=b"sent", headers={"Content-MD5": md5(b"sent")}).status_code == 200


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_an_upload_is_held_to_the_checksum_it_was_created_with(s3: S3Client) -> None:
    where: Any = {"Bucket": "contacts", "Key": "held"}
    made = s3.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")
    assert made["ChecksumAlgorithm"] == "CRC32"
    where["UploadId"] = made["UploadId"]

    def put(checksum: str, body: bytes) -> requests.Response:
        url = presign(s3, "upload_part", **where, PartNumber=1, ChecksumCRC32=checksum)
        return requests.put(url, data=body, headers={"x-amz-checksum-crc32": checksum})

    assert code(put(crc32(b"meant"), b"sent")) == (400, "BadDigest")
    assert code(put("short", b"sent")) == (400, "InvalidRequest")
    without = presign(s3, "upload_part", **where, PartNumber=1)
    assert code(requests.put(without, data=b"sent")) == (400, "InvalidRequest")
    assert "Parts" not in s3.list_parts(**where)
    part = {"PartNumber": 1, "ETag": put(crc32(b"sent"), b"sent").headers["ETag"]}

    def complete(part: Any) -> Any:
        return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]})

    assert error(lambda: complete(part)) == (400, "InvalidRequest")
    complete(part | {"ChecksumCRC32": crc32(b"sent")})
    assert s3.get_object(Bucket="contacts", Key="held")["Body"].read() == b"sent"


def test_parts_put_by_signed_urls_become_one_object(s3: S3Client) -> None:
    upload = s3.create_multipart_upload(Bucket="contacts", Key="ä b.csv")["UploadId"]
    bodies = {2: b"a" * (5 * MIB), 7: b"b" * (5 * MIB), 9: b"c"}
    parts: list[CompletedPartTypeDef] = []
    for number, body in bodies.items():
        url = presign(s3, "upload_part", Key="ä b.csv", UploadId=upload, PartNumber=number)
        answer = requests.put(url, data=body, headers={"Content-MD5": md5(body)})
        assert answer.headers["ETag"].strip('"') == hashlib.md5(body).hexdigest()  # noqa: S324
        parts.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
        other = url.replace(f"partNumber={number}", "partNumber=3")
        assert code(requests.put(other, data=b"")) == BAD_SIGNATURE
    assert error(lambda: s3.head_object(Bucket="contacts", Key="ä b.csv"))[0] == 404
    where: Any = {"Bucket": "contacts", "Key": "ä b.csv", "UploadId": upload}
    first = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})["ETag"] == first["ETag"]
    assert s3.get_object(Bucket="contacts", Key="ä b.csv")["Body"].read() == b"".join(bodies.values())
    late = presign(s3, "upload_part", Key="ä b.csv", UploadId=upload, PartNumber=10)
    assert code(requests.put(late, data=b"")) == (404, "NoSuchUpload")


def test_a_small_part_before_the_last_is_refused_and_abort_leaves_nothing(s3: S3Client) -> None:
    upload = s3.create_multipart_upload(Bucket="contacts", Key="small")["UploadId"]
    where: Any = {"Bucket": "contacts", "Key": "small", "UploadId": upload}
    parts: list[CompletedPartTypeDef] = [
        {"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=body)["ETag"]}
        for n, body in [(1, b"a" * (5 * MIB - 1)), (2, b"b")]
    ]
    end: Any = {"MultipartUpload": {"Parts": parts}}
    assert error(lambda: s3.complete_multipart_upload(**where, **end)) == (400, "EntityTooSmall")
    assert len(s3.list_multipart_uploads(Bucket="contacts")["Uploads"]) == 1
    s3.abort_multipart_upload(**where)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="contacts")
    for call in (
        lambda: s3.upload_part(**where, PartNumber=3, Body=b""),
        lambda: s3.complete_multipart_upload(**where, **end),
        lambda: s3.abort_multipart_upload(**where),
        lambda: s3.list_parts(**where),
    ):
        assert error(call) == (404, "NoSuchUpload")


def test_of_many_conditional_writes_one_wins(sandbox: Sandbox, s3: S3Client) -> None:
    def write(n: int) -> int:
        url = presign(s3, "put_object", Key="claim", IfNoneMatch="*")
        return requests.put(url, data=str(n), headers={"If-None-Match": "*"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(16))) == [200] + [412] * 15
    assert error(lambda: s3.put_object(Bucket="contacts", Key="claim", Body=b"", IfNoneMatch="*")) == (
        412,
        "PreconditionFailed",
    )


def test_conditional_writes_go_one_by_one_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sandbox.gate.verify", lambda *_: True)
    inside, most = [0], [0]

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        start_response("200 OK", [])
        return []

    def put(headers: dict[str, str]) -> int:
        gate, most[0] = Gate(slow, Keys("a", "b", "c"), {}), 0
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda _: gate(create_environ("/b/k", method="PUT", headers=headers), mock.Mock()),
                    range(8),
                )
            )
        return most[0]

    assert put({"If-None-Match": "*"}) == 1
    assert put({}) > 1


def test_a_policy_lets_anyone_read_what_it_names_and_no_more(sandbox: Sandbox, s3: S3Client) -> None:
    s3.put_object(Bucket="contacts", Key="public/a.csv", Body=BODY)
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::contacts/public/*",
    }
    public, private = (
        f"{sandbox.endpoint_url}/contacts/public/a.csv",
        f"{sandbox.endpoint_url}/contacts/{KEY_ON_WIRE}",
    )

    def read(**more: Any) -> int:
        policy = {"Version": "2012-10-17", "Statement": [statement | more]}
        s3.put_bucket_policy(Bucket="contacts", Policy=json.dumps(policy))
        assert requests.get(private).status_code == 403
        assert requests.put(public, data=b"x").status_code == 403
        assert requests.get(public + "?acl").status_code == 403
        return requests.get(public).status_code

    try:
        assert read() == 200
        assert requests.head(public).status_code == 200
        assert read(Condition={"IpAddress": {"aws:SourceIp": ["127.0.0.0/8"]}}) == 200
        assert read(Condition={"IpAddress": {"aws:SourceIp": "44.199.15.1/32"}}) == 403
        assert read(Condition={"Bool": {"aws:SecureTransport": "true"}}) == 403
        assert read(Principal={"AWS": "arn:aws:iam::1:root"}) == 403
        assert read(Effect="Deny") == 403
    finally:
        s3.delete_bucket_policy(Bucket="contacts")
    assert requests.get(public).status_code == 403


# A sandbox of its own, and nothing left of it


@pytest.mark.slow
def test_two_sandboxes_share_nothing(sandbox: Sandbox, s3: S3Client) -> None:
    with start(bucket="contacts") as other:
        assert {other.access_key, other.secret_key, other.api_key}.isdisjoint(
            {sandbox.access_key, sandbox.secret_key, sandbox.api_key}
        )
        theirs = client(other)
        assert [b["Name"] for b in theirs.list_buckets()["Buckets"]] == ["contacts"]
        assert "Contents" not in theirs.list_objects_v2(Bucket="contacts")
        theirs.put_object(Bucket="contacts", Key="only-there", Body=b"x")
        assert error(lambda: s3.head_object(Bucket="contacts", Key="only-there"))[0] == 404
        foreign = client(
            other, aws_access_key_id=sandbox.access_key, aws_secret_access_key=sandbox.secret_key
        )
        assert error(lambda: foreign.list_buckets()) == (403, "InvalidAccessKeyId")
    other.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(other.endpoint_url.rpartition(":")[2])), 5).close()


@pytest.mark.slow
def test_the_store_ends_with_the_process_that_started_it() -> None:
    program = (
        "import os; from pipeline.sandbox import start; print(start().endpoint_url, flush=True); os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    port = int(done.stdout.rpartition(":")[2])
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail("the store was still listening")


@pytest.mark.slow
def test_settings_of_the_host_do_not_reach_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_UPLOAD_PART_MIN_SIZE", "1")
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "1")
    with start() as running:
        monkeypatch.delenv("AWS_PROFILE")
        test_a_small_part_before_the_last_is_refused_and_abort_leaves_nothing(client(running))


def test_neither_logs_nor_reprs_hold_a_secret(
    s3: S3Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with start() as running:
        url = presign(client(running), Key="none")
        with caplog.at_level(logging.DEBUG):
            for address in (url, flip(url)):
                plain = urlsplit(address)  # a client that logs nothing itself
                with socket.create_connection((plain.hostname or "", plain.port or 0), 10) as connection:
                    connection.sendall(
                        f"GET {plain.path}?{plain.query} HTTP/1.1\r\nHost: {plain.netloc}\r\n\r\n".encode()
                    )
                    assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 40")
        printed = "".join(capfd.readouterr()) + caplog.text + repr(running) + repr(vars(running))
    assert printed
    assert "X-Amz-Signature" not in printed


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.sandbox, "find_spec", lambda name: None if name == "moto" else object())
    with pytest.raises(ConfigError) as caught:
        start()
    assert "moto" in caught.value.message
    assert caught.value.hint == "pip install 'netcore-bulk-upload[sandbox]'"
