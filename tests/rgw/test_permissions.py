"""Who may do what: bucket policies by address and by TLS, the public-access block, users' own policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .server import Server

HOSTED, LEDGER = "hosted/a.csv", "runs/a.json"
OPEN = {
    "BlockPublicAcls": False,
    "IgnorePublicAcls": False,
    "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}


@pytest.fixture
def filled(s3: S3Client, bucket: str) -> str:
    """A bucket with a hosted file and a ledger entry."""
    for key in (HOSTED, LEDGER):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    return bucket


def readers(bucket: str, **condition: dict[str, Any]) -> dict[str, Any]:
    """A statement by which everybody who meets the condition reads hosted files."""
    return {
        "Sid": "hosted",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/hosted/*",
        "Condition": condition,
    }


def set_policy(s3: S3Client, bucket: str, *statements: dict[str, Any]) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def status(
    rgw: Server,
    bucket: str,
    key: str = HOSTED,
    *,
    address: str = "127.0.0.1",
    tls: bool = False,
    **headers: str,
) -> int:
    """What an anonymous GET from this address is answered with."""
    url = f"{rgw.tls_url if tls else rgw.endpoint_url}/{bucket}/{key}"
    return (
        rgw.visitor(address)
        .get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
        .status_code
    )


@pytest.mark.parametrize("listed", ["127.0.0.2/32", "127.0.0.2", ["10.0.0.0/8", "127.0.0.2/32"]])
def test_only_a_listed_address_reads_and_only_what_is_hosted(
    rgw: Server, s3: S3Client, filled: str, listed: object
) -> None:
    set_policy(s3, filled, readers(filled, IpAddress={"aws:SourceIp": listed}))
    assert status(rgw, filled, address="127.0.0.2") == 200
    assert status(rgw, filled, address="127.0.0.1") == 403
    assert status(rgw, filled, LEDGER, address="127.0.0.2") == 403
    assert status(rgw, filled, "", address="127.0.0.2") == 403
    assert status(rgw, filled, "hosted/none.csv", address="127.0.0.2") == 403


def test_the_address_is_that_of_the_connection_whatever_the_headers_say(
    rgw: Server, s3: S3Client, filled: str
) -> None:
    set_policy(s3, filled, readers(filled, IpAddress={"aws:SourceIp": "127.0.0.2/32"}))
    assert status(rgw, filled, X_Forwarded_For="127.0.0.2", X_Real_IP="127.0.0.2") == 403


def test_owner_and_signed_urls_are_not_bound_to_the_listed_address(
    rgw: Server, s3: S3Client, filled: str
) -> None:
    set_policy(s3, filled, readers(filled, IpAddress={"aws:SourceIp": "10.1.2.3/32"}))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": filled, "Key": HOSTED})
    assert rgw.visitor().get(url).status_code == 200


def test_tls_required_in_the_allowing_statement_holds(rgw: Server, s3: S3Client, filled: str) -> None:
    set_policy(s3, filled, readers(filled, Bool={"aws:SecureTransport": "true"}))
    assert status(rgw, filled, tls=True) == 200
    assert status(rgw, filled, tls=False) == 403
    assert status(rgw, filled, tls=False, X_Forwarded_Proto="https") == 403


def test_tls_required_by_a_denying_statement_is_not_seen_unlike_at_aws(
    rgw: Server, s3: S3Client, filled: str
) -> None:
    deny = readers(filled, Bool={"aws:SecureTransport": "false"}) | {"Sid": "tls", "Effect": "Deny"}
    set_policy(s3, filled, readers(filled), deny)
    assert status(rgw, filled, tls=False) == 200


def test_a_policy_comes_back_byte_for_byte_and_goes(s3: S3Client, bucket: str) -> None:
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)
    text = f' {{"Version":"2012-10-17",\n "Id": "theirs", "Statement": [{json.dumps(readers(bucket))}]}}'
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    for _ in range(2):
        s3.delete_bucket_policy(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


@pytest.mark.parametrize("policy", ["{", '{"Statement": [{"Effect": "Allow", "Action": "s3:Nonsense"}]}'])
def test_a_malformed_policy_is_refused(s3: S3Client, bucket: str, policy: str) -> None:
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_public_is_what_has_no_condition_on_the_address(s3: S3Client, bucket: str) -> None:
    for condition, public in [({}, True), ({"IpAddress": {"aws:SourceIp": "10.1.2.3/32"}}, False)]:
        set_policy(s3, bucket, readers(bucket, **condition))
        assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is public


def test_the_public_access_block_refuses_public_policies_and_acls_but_no_address_lists(
    rgw: Server, s3: S3Client, filled: str
) -> None:
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    assert s3.get_public_access_block(Bucket=filled)["PublicAccessBlockConfiguration"] == OPEN  # AWS: 404
    s3.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=block)  # type: ignore[arg-type]
    assert s3.get_public_access_block(Bucket=filled)["PublicAccessBlockConfiguration"] == block
    with pytest.raises(ClientError, match="AccessDenied"):
        set_policy(s3, filled, readers(filled))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_acl(Bucket=filled, Key=HOSTED, ACL="public-read")
    set_policy(s3, filled, readers(filled, IpAddress={"aws:SourceIp": "127.0.0.2/32"}))
    assert status(rgw, filled, address="127.0.0.2") == 200
    s3.delete_public_access_block(Bucket=filled)
    set_policy(s3, filled, readers(filled))
    assert status(rgw, filled) == 200


@pytest.mark.parametrize(
    ("setting", "by_acl", "by_policy"),
    [
        ("IgnorePublicAcls", 403, 200),
        ("RestrictPublicBuckets", 200, 200),
    ],  # AWS: the latter shuts the policy's door
)
def test_what_a_block_set_later_shuts(
    rgw: Server, s3: S3Client, filled: str, setting: str, by_acl: int, by_policy: int
) -> None:
    s3.put_object_acl(Bucket=filled, Key=LEDGER, ACL="public-read")
    set_policy(s3, filled, readers(filled))
    assert (status(rgw, filled, LEDGER), status(rgw, filled)) == (200, 200)
    s3.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=OPEN | {setting: True})  # type: ignore[arg-type]
    assert (status(rgw, filled, LEDGER), status(rgw, filled)) == (by_acl, by_policy)


def test_a_user_may_do_what_his_policy_says_and_no_more(rgw: Server, s3: S3Client, filled: str) -> None:
    guest = rgw.client(rgw.guest)
    arn = f"arn:aws:s3:::{filled}"
    rgw.allow(
        rgw.guest,
        {"Action": ["s3:PutObject"], "Resource": [f"{arn}/hosted/*"]},
        {"Action": ["s3:GetObject"], "Resource": [f"{arn}/runs/*"]},
    )
    guest.put_object(Bucket=filled, Key="hosted/b.csv", Body=b"1")
    assert guest.get_object(Bucket=filled, Key=LEDGER)["Body"].read() == b"1"
    refused: list[tuple[str, dict[str, str]]] = [
        ("get_object", {"Key": "hosted/b.csv"}),
        ("get_object", {"Key": HOSTED}),
        ("put_object", {"Key": LEDGER}),
        ("delete_object", {"Key": "hosted/b.csv"}),
        ("list_objects_v2", {}),
        ("list_multipart_uploads", {}),
        ("get_bucket_policy", {}),
        ("get_bucket_location", {}),
        ("create_bucket", {}),
    ]
    for operation, arguments in refused:
        bucket = filled if operation != "create_bucket" else f"{filled}-theirs"
        with pytest.raises(ClientError) as error:
            getattr(guest, operation)(Bucket=bucket, **arguments)
        assert error.value.response["Error"]["Code"] in ("AccessDenied", "TooManyBuckets"), operation
    rgw.allow(rgw.guest)
    with pytest.raises(ClientError, match="AccessDenied"):
        guest.put_object(Bucket=filled, Key="hosted/b.csv", Body=b"1")


def test_temporary_keys_carry_their_users_policy(rgw: Server, filled: str) -> None:
    rgw.allow(rgw.guest, {"Action": ["s3:PutObject"], "Resource": [f"arn:aws:s3:::{filled}/hosted/*"]})
    guest = rgw.client(rgw.temporary(rgw.guest))
    guest.put_object(Bucket=filled, Key=HOSTED, Body=b"2")
    with pytest.raises(ClientError, match="AccessDenied"):
        guest.put_object(Bucket=filled, Key=LEDGER, Body=b"2")


@pytest.mark.parametrize(("may_list", "answer"), [(False, "403"), (True, "404")])
def test_a_missing_object_is_404_only_to_who_may_list(
    rgw: Server, filled: str, *, may_list: bool, answer: str
) -> None:
    arn = f"arn:aws:s3:::{filled}"
    listing = [{"Action": ["s3:ListBucket"], "Resource": [arn]}] if may_list else []
    rgw.allow(rgw.guest, {"Action": ["s3:GetObject"], "Resource": [f"{arn}/*"]}, *listing)
    with pytest.raises(ClientError, match=answer):
        rgw.client(rgw.guest).head_object(Bucket=filled, Key="hosted/none.csv")
