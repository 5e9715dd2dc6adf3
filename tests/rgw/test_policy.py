"""The command `policy` on a real store: what it changes, and what its printed permissions make possible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fakes import free_port

from pipeline import PipelineError, StageError, policy
from pipeline.policy.command import carry_out

from .product import CONTENT, MODES, PLATFORM, STRANGER, Product, by_action

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALLOWLISTED = MODES["allowlisted"]


def theirs(bucket: str) -> dict[str, Any]:
    """A policy as others leave it: odd spelling, a statement of their own for another folder."""
    statement = {
        "Sid": "website",
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/www/*"],
    }
    return {"Version": "2012-10-17", "Id": "theirs", "Statement": statement}


def current(s3: S3Client, bucket: str) -> Any:
    return json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])


def test_apply_check_and_remove_leave_the_statements_of_others(product: Product, s3: S3Client) -> None:
    s3.put_object(Bucket=product.bucket, Key="www/index.html", Body=b"hello")
    before = theirs(product.bucket)
    s3.put_bucket_policy(Bucket=product.bucket, Policy=json.dumps(before))
    config = product.config(**ALLOWLISTED)
    with pytest.raises(StageError, match="does not let the platform read"):
        carry_out(config, "check")
    assert "is now in" in carry_out(config, "apply")
    assert "is already in" in carry_out(config, "apply")
    assert "as configured" in carry_out(config, "check")
    assert current(s3, product.bucket) == before | {
        "Statement": [before["Statement"], policy.statement(config)]
    }
    website = f"{product.rgw.endpoint_url}/{product.bucket}/www/index.html"
    assert product.fetched(website, STRANGER) == (200, b"hello")
    assert "is out of" in carry_out(config, "remove")
    assert "was not in" in carry_out(config, "remove")
    assert current(s3, product.bucket) == before | {"Statement": [before["Statement"]]}
    assert product.fetched(website, STRANGER) == (200, b"hello")


def test_a_policy_of_ours_alone_goes_as_a_whole(product: Product, s3: S3Client) -> None:
    config = product.config(**ALLOWLISTED)
    carry_out(config, "apply")
    carry_out(config, "remove")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=product.bucket)


def test_two_configs_share_a_bucket(product: Product, s3: S3Client) -> None:
    one, other = (product.config(**ALLOWLISTED, prefix=prefix) for prefix in ("one/", "other/"))
    carry_out(one, "apply")
    carry_out(other, "apply")
    carry_out(one, "check")
    carry_out(other, "check")
    carry_out(one, "remove")
    assert current(s3, product.bucket)["Statement"] == [policy.statement(other)]


def test_another_address_takes_the_place_of_the_old_one(product: Product) -> None:
    product_stage = ALLOWLISTED | {"allowed_addresses": "127.0.0.3/32"}
    carry_out(product.config(**product_stage), "apply")
    with pytest.raises(StageError, match="not as configured"):
        carry_out(product.config(**ALLOWLISTED), "check")
    carry_out(product.config(**ALLOWLISTED), "apply")
    product.run(**ALLOWLISTED)
    assert product.fetched(product.path, PLATFORM) == (200, CONTENT)
    assert product.fetched(product.path, "127.0.0.3")[0] == 403


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Resource": "arn:aws:s3:::*"},
        {"Action": "s3:*"},
    ],
)
def test_what_else_opens_the_folder_is_found(product: Product, s3: S3Client, change: dict[str, Any]) -> None:
    config = product.config(**ALLOWLISTED)
    other = {
        "Sid": "open",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{product.bucket}/*",
    }
    document = policy.merged(None, policy.statement(config))
    document["Statement"].append(other | change)
    s3.put_bucket_policy(Bucket=product.bucket, Policy=json.dumps(document))
    with pytest.raises(StageError, match="lets others read hosted files"):
        product.run(**ALLOWLISTED)
    assert (product.left(), product.api.arrived) == ([], [])


def test_tls_is_required_where_plain_http_is_not_allowed(product: Product) -> None:
    stage = ALLOWLISTED | {"allow_http": False}
    carry_out(product.config(**stage), "apply")
    product.run(**stage)
    assert product.path.startswith(product.rgw.endpoint_url)
    assert product.fetched(product.path)[0] == 403
    by_tls = product.path.replace(product.rgw.endpoint_url, product.rgw.tls_url)
    assert product.fetched(by_tls) == (200, CONTENT)
    assert product.fetched(by_tls, STRANGER)[0] == 403


def test_public_access_block_and_the_modes(product: Product, s3: S3Client) -> None:
    carry_out(product.config(**MODES["allowlisted"]), "apply")
    # Without BlockPublicAcls: by that, Ceph 16 refuses every PUT, those without any ACL too. AWS does not.
    on = {"BlockPublicAcls": False, "IgnorePublicAcls": True}
    on |= {"BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=product.bucket, PublicAccessBlockConfiguration=on)  # type: ignore[arg-type]
    for mode in ("presigned", "allowlisted"):
        product.run(**MODES[mode])
        assert product.fetched(product.path) == (200, CONTENT)
    with pytest.raises(StageError, match="bucket's public-access block is on"):
        product.run(**MODES["public"])
    with pytest.raises(StageError, match="AccessDenied while changing the bucket's policy"):
        carry_out(product.config(**MODES["public"]), "apply")


CASES = {
    "presigned": MODES["presigned"],
    "allowlisted": MODES["allowlisted"],
    "public": MODES["public"],
    "encrypted": {"url": "presigned", "encryption": "SSE-KMS:contacts-key"},
    "tagged": {"url": "presigned", "tags": {"app": "netcore"}},
}


def granted(product: Product, stage: dict[str, Any], *, but: str = "") -> None:
    """Let the product run as the guest, who may do what --permissions says, except one thing."""
    document = json.loads(carry_out(product.config(**stage), "permissions"))
    product.rgw.allow(product.rgw.guest, *by_action(document, but=but))
    product.use(product.rgw.guest)


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_with_the_least_permissions(product: Product, case: str) -> None:
    stage = CASES[case]
    if stage["url"] != "presigned":
        carry_out(product.config(**stage), "apply")
    granted(product, stage)
    assert product.run(**stage).state == "submitted"
    assert product.fetched(product.path) == (200, CONTENT)
    before = product.left()
    product.source.write_bytes(b"EMAIL\na,b\n")
    with pytest.raises(PipelineError, match="max_rejected"):
        product.run(**stage)
    assert product.left() == before, "an aborted upload leaves nothing"


def clean(product: Product, stage: dict[str, Any], caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a run goes, and two that fail leave nothing and warn of nothing: bad rows, a URL of no use."""
    product.source.write_bytes(CONTENT)
    try:
        product.run(**stage)
    except PipelineError:
        return False
    before = product.left()
    product.source.write_bytes(CONTENT + b"zoe@example.com\n")
    with pytest.raises(PipelineError, match=r"cannot be (fetched|asked)"):
        product.run(**stage, public_endpoint_url=f"http://127.0.0.1:{free_port()}")
    product.source.write_bytes(b"EMAIL\na,b\n")
    with pytest.raises(PipelineError, match="max_rejected"):
        product.run(**stage)
    return product.left() == before and "left in bucket" not in caplog.text


# ListMultipartUploadParts shows at AWS that an abort left nothing; here a second abort does.
OBJECT = ["PutObject", "GetObject", "DeleteObject", "AbortMultipartUpload"]
ASKED = ["GetBucketPolicyStatus", "GetBucketPublicAccessBlock"]  # only to know earlier what the URL will show


@pytest.mark.parametrize(
    ("case", "action", "goes"),
    [
        *(("presigned", action, False) for action in OBJECT),
        ("allowlisted", "GetBucketPolicy", False),
        ("allowlisted", "GetObject", False),
        *(("allowlisted", action, True) for action in ASKED),
        *(("public", action, True) for action in ASKED),
        ("presigned", "", True),
    ],
)
def test_none_of_them_can_be_spared(
    product: Product, caplog: pytest.LogCaptureFixture, case: str, action: str, *, goes: bool
) -> None:
    stage = CASES[case]
    if case != "presigned":
        carry_out(product.config(**stage), "apply")
    granted(product, stage, but=f"s3:{action}")
    assert clean(product, stage, caplog) is goes
