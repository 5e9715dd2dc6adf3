"""How the hosted object is written: its headers, its tags, its encryption, and what the store makes of that.

No ACL is ever set: who may read is the bucket's policy's business, or the signature's.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from pipeline.config import StageConfig
from pipeline.errors import StageError


def settings(config: StageConfig) -> dict[str, Any]:
    """What CreateMultipartUpload is told of the object, apart from where it is."""
    told = {"ContentType": "text/csv; charset=utf-8", "CacheControl": "private, no-store"}
    if config.tags:
        told["Tagging"] = urlencode(config.tags)
    return told | encryption(config)


def encryption(config: StageConfig) -> dict[str, Any]:
    """What the store is told of the encryption of anything that is put into the bucket."""
    if config.encryption == "SSE-S3":
        return {"ServerSideEncryption": "AES256"}
    if not config.encryption:
        return {}
    key = config.encryption.removeprefix("SSE-KMS").removeprefix(":")
    return {"ServerSideEncryption": "aws:kms"} | ({"SSEKMSKeyId": key} if key else {})


def check_encryption(config: StageConfig, done: str | None) -> None:
    """Raise StageError where what the store said it does is not as asked, or locks the reader out."""
    if config.encryption and not done:
        raise StageError(
            f"The store did not confirm that it encrypts by {config.encryption}.",
            hint="Not every store can: take stage.encryption away, or set it up there.",
        )
    if (done or "").startswith("aws:kms") and config.url != "presigned" and not config.public_base_url:
        raise StageError(
            f"Bucket {config.bucket} encrypts by a KMS key, which is used for signed requests only, and "
            f"a URL of the mode {config.url} has no signature.",
            hint="Use `url: presigned`, or write `encryption: SSE-S3` under stage:.",
        )
