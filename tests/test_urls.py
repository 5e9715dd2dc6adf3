"""One suite over the table of URL modes, and what makes an address: store, region, names, credentials."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes import answer, answering

from pipeline.config import StageConfig
from pipeline.config.file import load_config
from pipeline.errors import ConfigError, StageError
from pipeline.s3.client import Store
from pipeline.urls import MODES, link

KEYS = ("AKIAEXAMPLE", "an-example-secret")
STAGE: dict[str, dict[str, Any]] = {
    "presigned": {"url": "presigned"},
    "allowlisted": {"url": "allowlisted"},
    "public": {"url": "public", "public_access": "understood"},
}
mode = pytest.mark.parametrize("mode", STAGE)


def config(**stage: Any) -> Any:
    known = {"bucket": "my-bucket", "region": "eu-central-1", "prefix": "netcore/"}
    return load_config({"contract": {"schema": "s.py:S"}, "stage": known | stage})


def url(**stage: Any) -> str:
    store = Store(config(**stage).stage, KEYS)
    return link(store, store.key("a-0123.csv")).url.get_secret_value()


def test_the_table_is_the_config_and_this_suite() -> None:
    choices = get_args(StageConfig.model_fields["url"].annotation)
    assert set(MODES) == set(choices) == set(STAGE)


@mode
def test_a_mode_is_a_url_with_or_without_an_end(mode: str) -> None:
    store = Store(config(**STAGE[mode]).stage, KEYS)
    found = MODES[mode].link(store, store.key("a-0123.csv"))
    made, expires = found.url.get_secret_value(), found.expires_at
    assert made not in repr(found)
    parts = urlsplit(made)
    assert (parts.scheme, parts.path) == ("https", "/netcore/hosted/a-0123.csv")
    assert (expires is not None) == bool(parts.query) == (mode == "presigned")
    assert isinstance(MODES[mode].READABLE_HERE, bool)
    assert KEYS[1] not in made


@mode
@pytest.mark.parametrize(
    ("stage", "host", "path"),
    [
        ({}, "my-bucket.s3.eu-central-1.amazonaws.com", ""),
        ({"region": "us-east-1"}, "my-bucket.s3.us-east-1.amazonaws.com", ""),
        ({"region": "cn-north-1"}, "my-bucket.s3.cn-north-1.amazonaws.com.cn", ""),
        ({"bucket": "my.bucket.name"}, "s3.eu-central-1.amazonaws.com", "/my.bucket.name"),
        ({"addressing": "path"}, "s3.eu-central-1.amazonaws.com", "/my-bucket"),
        ({"endpoint_url": "https://minio.example.com:9000"}, "minio.example.com:9000", "/my-bucket"),
        (
            {"endpoint_url": "https://r2.example.com", "addressing": "virtual"},
            "my-bucket.r2.example.com",
            "",
        ),
        (
            {"endpoint_url": "http://127.0.0.1:9000", "public_endpoint_url": "https://files.example.com"},
            "files.example.com",
            "/my-bucket",
        ),
    ],
)
def test_where_a_url_leads(mode: str, stage: dict[str, Any], host: str, path: str) -> None:
    parts = urlsplit(url(**STAGE[mode], **stage))
    assert (parts.netloc, parts.path) == (host, f"{path}/netcore/hosted/a-0123.csv")
    query = parse_qs(parts.query)
    if mode == "presigned":
        assert query["X-Amz-Credential"][0].endswith(
            f"/{stage.get('region', 'eu-central-1')}/s3/aws4_request"
        )
        assert query["X-Amz-SignedHeaders"] == ["host"]
    else:
        assert not query


@mode
def test_an_endpoint_of_the_environment_is_not_taken(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example.com")
    assert "elsewhere" not in url(**STAGE[mode])


def test_a_cdn_serves_the_keys() -> None:
    base = {"public_base_url": "https://cdn.example.com/files/"}
    assert url(**STAGE["public"], **base) == "https://cdn.example.com/files/netcore/hosted/a-0123.csv"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"url": "public"}, "public_access: understood"),
        ({"url": "public", "public_access": "yes"}, "understood"),
        ({"public_access": "understood"}, "`url: public` only"),
        ({"public_base_url": "https://cdn.example.com"}, "`url: public` only"),
        ({"allowed_addresses": "10.0.0.1"}, "`url: allowlisted` only"),
        ({"url": "allowlisted", "allowed_addresses": "0.0.0.0/0"}, "as good as public"),
        ({"url": "allowlisted", "allowed_addresses": "10.0.0.0/7"}, "as good as public"),
        ({"url": "allowlisted", "allowed_addresses": "::/16"}, "as good as public"),
        ({"url": "allowlisted", "allowed_addresses": "10.0.0.1/8"}, "an IP address"),
        ({"url": "allowlisted", "allowed_addresses": "api.example.com"}, "an IP address"),
        ({"url": "allowlisted", "encryption": "SSE-KMS"}, "without signature no key"),
        ({**STAGE["public"], "encryption": "SSE-KMS:k"}, "without signature no key"),
        ({**STAGE["public"], "public_base_url": "http://cdn.example.com"}, "plain http"),
        ({"url": "website"}, "presigned"),
        ({"tags": {"aws:x": "1"}}, "store's own"),
        ({"tags": {str(n): "1" for n in range(11)}}, "ten tags"),
        ({"tags": {"a": "b#c"}}, "letters, digits"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_config(stage: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(**stage)


def test_what_makes_sense_is_taken() -> None:
    made = config(url="allowlisted", allowed_addresses=["203.0.113.7", "2001:db8::/32"]).stage
    assert made.allowed_addresses == ("203.0.113.7/32", "2001:db8::/32")
    assert config(**STAGE["public"], public_base_url="https://c.example.com", encryption="SSE-KMS:k")


ELSEWHERE = {
    "header": answer(
        301,
        b"<Error><Code>PermanentRedirect</Code></Error>",
        "x-amz-bucket-region: ap-south-1\r\n",
    ),
    "body": answer(
        400,
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>ap-south-1</Region></Error>",
    ),
}


@pytest.mark.parametrize("told", ELSEWHERE)
def test_a_bucket_of_another_region_is_said_and_not_followed(told: str) -> None:
    with answering(ELSEWHERE[told]) as server:
        store = Store(config(endpoint_url=server.url).stage, KEYS)
        with pytest.raises(
            StageError, match="is in region ap-south-1, and was looked for in eu-central-1"
        ) as e:
            store.remove("any")
    assert "region: ap-south-1" in e.value.hint
    assert len(server.arrived) == 1


def test_a_store_may_name_a_region_of_its_own_when_it_refuses() -> None:
    with answering(
        answer(403, b"<Error><Code>AccessDenied</Code></Error>", "x-amz-bucket-region: default\r\n")
    ) as s:
        store = Store(config(endpoint_url=s.url).stage, KEYS)
        with pytest.raises(StageError, match="AccessDenied"):
            store.remove("any")


@pytest.mark.parametrize("status", [200, 301, 403])
def test_the_region_is_asked_of_the_bucket_whatever_its_answer(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(answer(status, b"", "x-amz-bucket-region: ap-south-1\r\n")) as server:
        store = Store(config(region=None).stage, KEYS)
        real = Store._client
        monkeypatch.setattr(Store, "_client", lambda self, region, _: real(self, region, server.url))
        assert store.region == "ap-south-1"
