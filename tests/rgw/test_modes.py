"""The three URL modes on a real store: who can fetch what, before and after the file is complete."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import pipeline.stage
from pipeline import StageError
from pipeline.policy.command import carry_out
from pipeline.s3.client import Store
from pipeline.s3.multipart import put_part
from pipeline.stage import Upload
from pipeline.urls import link

from .product import CONTENT, MODES, PLATFORM, STRANGER, Product, resolve_test_names

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


SEEN_BY_STRANGERS = {"presigned": 200, "allowlisted": 403, "public": 200}
mode = pytest.mark.parametrize("mode", MODES)


def opened(product: Product, mode: str) -> dict[str, Any]:
    """The mode's keys for `stage`; the bucket's policy is as the mode needs it."""
    if mode != "presigned":
        carry_out(product.config(**MODES[mode]), "apply")
    return MODES[mode]


@mode
def test_the_platform_fetches_the_file_and_strangers_only_what_the_mode_lets_them(
    product: Product, mode: str
) -> None:
    result = product.run(**opened(product, mode))
    assert (result.state, len(product.api.arrived)) == ("submitted", 1)
    assert result.hosted
    assert result.hosted.url_mode == mode
    assert (result.hosted.expires_at is not None) == (mode == "presigned")
    assert product.fetched(product.path) == (200, CONTENT)
    assert product.fetched(product.path, STRANGER)[0] == SEEN_BY_STRANGERS[mode]
    assert ("X-Amz-Signature" in product.path) == (mode == "presigned")


@mode
def test_strangers_and_the_platform_see_nothing_else_in_the_bucket(
    product: Product, s3: S3Client, mode: str
) -> None:
    others = [
        "netcore/runs/r/started.json",
        "netcore/runs/r/rejects.csv",
        "netcore/claims/f/1",
        "hosted/a.csv",
    ]
    for key in others:
        s3.put_object(Bucket=product.bucket, Key=key, Body=b"private")
    result = product.run(**opened(product, mode))
    assert result.hosted
    base = f"{product.rgw.endpoint_url}/{product.bucket}"
    for address in (PLATFORM, STRANGER):
        for path in [
            *others,
            "",
            "?list-type=2",
            "?uploads",
            "?policy",
            "netcore/hosted/",
            "netcore/hosted/no.csv",
        ]:
            assert product.fetched(f"{base}/{path}", address)[0] in (403, 404), path
        plain = product.fetched(f"{base}/{result.hosted.key}", address)[0]
        assert plain == {"presigned": 403, "public": 200}.get(mode, 200 if address == PLATFORM else 403)
        for method in ("PUT", "DELETE"):
            answer = product.rgw.visitor(address).request(method, f"{base}/{result.hosted.key}")
            assert answer.status_code == 403


@mode
def test_nothing_is_visible_before_the_file_is_complete(product: Product, mode: str) -> None:
    config = product.config(**opened(product, mode))
    store = Store(config.stage)
    with Upload(store, "run") as upload:
        upload.write(bytes(pipeline.stage.PART_BYTES + 1))
        upload._collect(until_left=0)
        for url in (store.location(upload.key), store.signed(upload.key)):
            assert product.fetched(url)[0] in (403, 404)
        upload.complete(link(store, upload.key))
        assert product.fetched(store.signed(upload.key))[0] == 200


@mode
def test_no_acl_is_set(product: Product, s3: S3Client, mode: str) -> None:
    result = product.run(**opened(product, mode))
    assert result.hosted
    grants = s3.get_object_acl(Bucket=product.bucket, Key=result.hosted.key)["Grants"]
    assert [grant["Grantee"].get("ID") for grant in grants] == ["owner"]


def test_headers_that_keep_the_file_out_of_caches(product: Product) -> None:
    product.run()
    headers = product.rgw.visitor().get(product.path).headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Cache-Control"] == "private, no-store"


def test_a_key_services_key_encrypts_and_a_signed_url_reads(product: Product, s3: S3Client) -> None:
    result = product.run(encryption="SSE-KMS:contacts-key", tags={"app": "netcore"})
    assert result.hosted
    head = s3.head_object(Bucket=product.bucket, Key=result.hosted.key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "contacts-key")
    assert product.fetched(product.path) == (200, CONTENT)


def test_encryption_that_the_store_takes_and_does_not_do_is_told(product: Product) -> None:
    with pytest.raises(StageError, match="did not confirm that it encrypts by SSE-S3"):
        product.run(encryption="SSE-S3")
    assert product.left() == []


@pytest.mark.parametrize("addressing", ["path", "virtual"])
@mode
def test_the_store_is_reached_by_another_name_from_outside(
    product: Product, monkeypatch: pytest.MonkeyPatch, mode: str, addressing: str
) -> None:
    resolve_test_names(monkeypatch)
    outside = f"{product.rgw.host}:{product.rgw.port}"
    stage = opened(product, mode) | {"allow_http": True, "addressing": addressing}
    inside = f"localhost:{product.rgw.port}"  # both names are the store's own, each in its own signature
    product.run(endpoint_url=f"http://{inside}", public_endpoint_url=f"http://{outside}", **stage)
    host = f"{product.bucket}.{outside}" if addressing == "virtual" else outside
    assert product.path.startswith(f"http://{host}/")
    assert product.fetched(product.path) == (200, CONTENT)
    if mode == "presigned":
        assert product.fetched(product.path.replace(outside, inside))[0] == 403


@mode
def test_a_bucket_with_dots_in_its_name(product: Product, s3: S3Client, mode: str) -> None:
    product.bucket = f"{product.bucket}.with.dots"
    s3.create_bucket(Bucket=product.bucket)
    product.run(**opened(product, mode))
    assert product.fetched(product.path) == (200, CONTENT)


def test_temporary_credentials_end_the_url_with_them(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.use(product.rgw.temporary(product.rgw.owner))
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=55)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    result = product.run()
    assert result.hosted
    assert result.hosted.expires_at == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert product.fetched(product.path) == (200, CONTENT)


def test_temporary_credentials_of_unknown_end_are_warned_of(product: Product) -> None:
    product.use(product.rgw.temporary(product.rgw.owner))
    result = product.run()
    assert result.hosted
    assert result.hosted.expires_at is None
    assert "do not say when they end" in " ".join(result.warnings)


@pytest.mark.parametrize("down", [0.3, 8.0])
def test_a_restart_of_the_store_in_mid_upload_leaves_a_whole_file_or_nothing(
    product: Product, monkeypatch: pytest.MonkeyPatch, down: float
) -> None:
    monkeypatch.setattr(pipeline.stage, "PART_BYTES", 5 << 20)
    product.source.write_bytes(b"EMAIL\n" + b"asha.of.a.long.name@example.com\n" * 1_200_000)
    sent, real = threading.Event(), put_part

    def noted(url: str, *more: Any) -> str:
        if "partNumber=3" in url:
            sent.set()
        return real(url, *more)

    monkeypatch.setattr("pipeline.stage.put_part", noted)
    with ThreadPoolExecutor(1) as pool:  # the store is this thread's child, so the product goes elsewhere
        running = pool.submit(product.run)
        assert sent.wait(60)
        product.rgw.stop_gateway()
        time.sleep(down)
        product.rgw.start_gateway()
        error = running.exception()
    assert isinstance(error, StageError | None)
    assert (error is None) or down > 1, "a short pause is bridged"
    assert len(product.left()) == len(product.api.arrived) == (error is None)
    if error is None:
        assert product.fetched(product.path) == (200, product.source.read_bytes())


def test_an_upload_that_ends_early_leaves_no_part(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.stage, "PART_BYTES", 5 << 20)
    product.source.write_bytes(b"EMAIL\n" + b"asha.of.a.long.name@example.com\n" * 400_000 + b"a,b\n")
    with pytest.raises(Exception, match="max_rejected"):
        product.run()
    assert product.left() == []
    assert product.api.arrived == []
