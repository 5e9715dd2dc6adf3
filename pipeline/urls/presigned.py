"""A URL that is itself the permission: signed, for this one object, and dead after `stage.expires_in`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from pipeline.config import Config
from pipeline.errors import StageError
from pipeline.handoffs import Link
from pipeline.s3.client import Store
from pipeline.s3.failures import storage

READABLE_HERE = True


def check(store: Store, config: Config) -> None:
    """Nothing to check: `link` looks at the credentials, and the upload needs more of the bucket."""


def link(store: Store, key: str) -> Link:
    """The presigned GET URL and when it really expires: the sooner of its own and its credentials' end.

    Raises StageError where the credentials end before `stage.min_lifetime` is over.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    seconds = store.config.expires_in
    with storage("signing the URL"):
        url = store.signer.generate_presigned_url(
            "get_object", Params={"Bucket": store.bucket, "Key": key}, ExpiresIn=seconds
        )
    if "X-Amz-Signature=" not in url:
        raise StageError(
            "The URL was not signed by Signature Version 4.",
            hint="A setting of boto3 (the s3 section of AWS_CONFIG_FILE) overrides it: remove it.",
        )
    expires: datetime | None = now + timedelta(seconds=seconds)
    credentials: Any = store.signing.get_credentials()
    if credentials is not None and credentials.token:
        expires = _sooner(expires, getattr(credentials, "_expiry_time", None))
    end = expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if expires else None
    if expires is not None and (expires - now).total_seconds() < min(seconds, store.config.min_lifetime):
        raise StageError(
            f"The URL would live until {end} only: the AWS credentials are temporary.",
            hint="Fetch fresh credentials, or use a role with longer sessions, or lower stage.min_lifetime.",
        )
    return Link(SecretStr(url), end)


def _sooner(expires: datetime | None, credentials_end: datetime | None) -> datetime | None:
    if credentials_end is None:
        return None  # the pre-flight warns of it
    return min(expires, credentials_end) if expires else credentials_end
