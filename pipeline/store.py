"""The bucket as the other modules see it: a boto3 client that is set up right, and errors with hints.

Right means: Signature Version 4, the bucket's own region, its regional host, path addressing for other
stores than AWS, time-outs on everything, and no proxy between us and this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.configtypes import is_loopback
from pipeline.errors import StageError

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

    from pipeline.config import StageConfig

_HINTS = {
    "NoSuchBucket": "Check stage.bucket; buckets are not created for you.",
    "AccessDenied": "The AWS credentials lack a permission on this bucket; see docs/storage.md.",
    "403": "The AWS credentials lack a permission on this bucket; see docs/storage.md.",
    "InvalidAccessKeyId": "The store does not know this access key: check AWS_PROFILE or AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "The secret key does not belong to this access key.",
    "ExpiredToken": "The temporary credentials have ended: fetch new ones and run again.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it, then run again.",
    "PermanentRedirect": "The bucket is in another region: set stage.region, or leave it out.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: set stage.region, or leave it out.",
    "IllegalLocationConstraintException": "The bucket is in another region: set stage.region.",
    "404": "Check stage.bucket and stage.endpoint_url.",
}
_AGAIN = "Nothing is visible in the bucket; run again, and if it stays so check the network and the store."


@dataclass(frozen=True)
class Store:
    """A bucket and the way to it; `keys` are credentials of its own (the sandbox's), else boto3's chain."""

    config: StageConfig
    keys: tuple[str, str] | None = None

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return str(self.config.bucket)

    @cached_property
    def session(self) -> Session:
        """The boto3 session; its credentials come from boto3's own chain unless `keys` are given."""
        import boto3

        access, secret = self.keys or (None, None)
        return boto3.Session(aws_access_key_id=access, aws_secret_access_key=secret)

    @cached_property
    def region(self) -> str:
        """The bucket's real region: as configured, else as the bucket itself says."""
        if self.config.region:
            return self.config.region
        if self.config.endpoint_url:
            return self.session.region_name or "us-east-1"
        return self._ask_region()

    def _ask_region(self) -> str:
        from botocore.exceptions import ClientError

        client = self._client(self.session.region_name or "us-east-1", None)
        with storage(f"finding the region of bucket {self.bucket}"):
            try:
                answer: Any = client.head_bucket(Bucket=self.bucket)
            except ClientError as error:
                answer = error.response
                if not answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region"):
                    raise
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return str(headers.get("x-amz-bucket-region", client.meta.region_name))

    @cached_property
    def client(self) -> S3Client:
        """A client for calls from here."""
        return self._client(self.region, self.config.endpoint_url)

    @cached_property
    def signer(self) -> S3Client:
        """A client that signs URLs for the name by which the store is reached from outside."""
        public = self.config.public_endpoint_url
        return self._client(self.region, public) if public else self.client

    def _client(self, region: str, endpoint: str | None) -> S3Client:
        from botocore.config import Config

        made: S3Client = self.session.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                signature_version="s3v4",
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 5},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                proxies={} if endpoint and is_loopback(endpoint) else None,
                s3={
                    "addressing_style": "path" if endpoint or "." in self.bucket else "virtual",
                    "us_east_1_regional_endpoint": "regional",
                },
            ),
        )
        return made

    def key(self, name: str) -> str:
        """The key of the object that may be hosted under that name."""
        return f"{self.config.prefix}hosted/{name}"


@contextmanager
def storage(doing: str) -> Iterator[None]:
    """Turns what boto3 raises within it into a StageError that says what was being done, without values."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise StageError(
            f"No AWS credentials were found while {doing}.",
            hint="Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role.",
        ) from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise StageError(f"The store answered {code} while {doing}.", hint=_HINTS.get(code, _AGAIN)) from None
    except BotoCoreError as error:
        raise StageError(f"The store failed ({type(error).__name__}) while {doing}.", hint=_AGAIN) from None
