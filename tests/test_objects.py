"""How the hosted object is written: headers, tags, encryption, and a store that does otherwise than asked."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import StageConfig
from pipeline.errors import StageError
from pipeline.s3 import objects

ALWAYS = {"ContentType": "text/csv; charset=utf-8", "CacheControl": "private, no-store"}
PUBLIC: dict[str, Any] = {"url": "public", "public_access": "understood"}


@pytest.mark.parametrize(
    ("stage", "more"),
    [
        ({}, {}),
        ({"tags": {"app": "net core", "a/b": "ü=1"}}, {"Tagging": "app=net+core&a%2Fb=%C3%BC%3D1"}),
        ({"encryption": "SSE-S3"}, {"ServerSideEncryption": "AES256"}),
        ({"encryption": "SSE-KMS"}, {"ServerSideEncryption": "aws:kms"}),
        (
            {"encryption": "SSE-KMS:arn:aws:kms:eu-west-1:1:key/k"},
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:eu-west-1:1:key/k"},
        ),
    ],
)
def test_what_the_store_is_told(stage: dict[str, Any], more: dict[str, str]) -> None:
    assert objects.settings(StageConfig(**stage)) == ALWAYS | more


@pytest.mark.parametrize("stage", [{}, {"url": "allowlisted"}, PUBLIC])
def test_no_acl_is_set_in_any_mode(stage: dict[str, Any]) -> None:
    assert objects.settings(StageConfig(**stage)) == ALWAYS


@pytest.mark.parametrize(
    ("stage", "done", "said"),
    [
        ({"encryption": "SSE-S3"}, None, "did not confirm"),
        ({"encryption": "SSE-KMS:k"}, None, "did not confirm"),
        ({"url": "allowlisted"}, "aws:kms", "for signed requests only"),
        (PUBLIC, "aws:kms:dsse", "for signed requests only"),
    ],
)
def test_what_is_not_as_it_must_be(stage: dict[str, Any], done: str | None, said: str) -> None:
    with pytest.raises(StageError, match=said):
        objects.check_encryption(StageConfig(**stage), done)


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ({}, None),
        ({}, "aws:kms"),
        ({"encryption": "SSE-S3"}, "AES256"),
        ({"url": "allowlisted"}, "AES256"),
        (PUBLIC | {"public_base_url": "https://cdn.example.com"}, "aws:kms"),
    ],
)
def test_what_is_well(stage: dict[str, Any], done: str | None) -> None:
    objects.check_encryption(StageConfig(**stage), done)
