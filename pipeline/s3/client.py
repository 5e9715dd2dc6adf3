"""The bucket as the other modules see it: a boto3 client that is set up right, and errors with hints.

Right means: Signature Version 4, the bucket's own region, its regional host, path addressing for other
stores than AWS, time-outs on everything, and no proxy between us and this machine. Where the store is comes
from the config alone: AWS_ENDPOINT_URL, which boto3 would obey, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.config.types import is_loopback
from pipeline.errors import ConfigError, StageError
from pipeline.s3.answers import AGAIN, hint

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

    from pipeline.config import StageConfig


@dataclass(frozen=True)
class Store:
    """A bucket and the way to it; `keys` are credentials of its own (the sandbox's), else boto3's chain."""

    config: StageConfig
    keys: tuple[str, str] | None = field(default=None, repr=False)

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
        made = self._client(self.region, self.config.endpoint_url)
        made.meta.events.register_first("needs-retry.s3", self._refuse_elsewhere)
        return made

    def _refuse_elsewhere(self, response: Any = None, **_: Any) -> None:
        """Raise where the bucket is in another region. boto3 would follow, and then sign parts for ours."""
        if response is None:
            return
        parsed = response[1]
        error, meta = parsed.get("Error", {}), parsed.get("ResponseMetadata", {})
        region = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region") or error.get("Region")
        if meta.get("HTTPStatusCode") in (301, 307, 400) and region and region != self.region:
            raise StageError(
                f"Bucket {self.bucket} is in region {region}, and was looked for in {self.region}.",
                hint=f"Write `region: {region}` under stage:, or leave stage.region out.",
            )

    @cached_property
    def signer(self) -> S3Client:
        """A client that signs URLs for the name by which the store is reached from outside."""
        public = self.config.public_endpoint_url
        return self._client(self.region, public) if public else self.client

    def remove(self, key: str) -> None:
        """Nothing: the object is gone, and its URL of no use to anybody. Raises StageError."""
        with storage("removing a file that is not needed any more"):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def signed(self, key: str, seconds: int = 60) -> str:
        """A URL by which this machine may read that key for so many seconds."""
        with storage("signing a URL"):
            return self.client.generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=seconds
            )

    def location(self, key: str) -> str:
        """The plain URL of that key, without a signature, as it is reached from outside."""
        with storage("making the URL"):
            url = self.signer.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": key})
        return url.partition("?")[0]

    def _client(self, region: str, endpoint: str | None) -> S3Client:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        settings = Config(
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 5},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # not in its stubs
            proxies={} if endpoint and is_loopback(endpoint) else None,
            s3={
                "addressing_style": self.config.addressing
                or ("path" if endpoint or "." in self.bucket else "virtual"),
                "us_east_1_regional_endpoint": "regional",
            },
        )
        try:
            made: S3Client = self.session.client(
                "s3", region_name=region, endpoint_url=endpoint, config=settings
            )
        except ValueError as error:
            if isinstance(error, BotoCoreError):
                raise
            raise ConfigError(
                "stage.endpoint_url or stage.public_endpoint_url: boto3 takes no such host name.",
                hint="Letters, digits, - and . make a host name; an underscore does not.",
            ) from None
        return made

    def key(self, name: str) -> str:
        """The key of the object that may be hosted under that name."""
        return f"{self.config.prefix}hosted/{name}"


@contextmanager
def storage(doing: str) -> Iterator[None]:
    """Turns what boto3 raises within it into a StageError that says what was being done, without values."""
    from botocore import exceptions as boto

    try:
        yield
    except (boto.NoCredentialsError, boto.PartialCredentialsError):
        raise StageError(
            f"No AWS credentials were found while {doing}.",
            hint="Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role.",
        ) from None
    except boto.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise StageError(f"The store answered {code} while {doing}.", hint=hint(code)) from None
    except boto.BotoCoreError as error:
        kind = type(error).__name__
        raise StageError(f"The store failed ({kind}) while {doing}.", hint=_KINDS.get(kind, AGAIN)) from None


_ENDPOINT = "Check stage.endpoint_url: name, port, http or https, and that the store is up."
_CREDENTIALS = "The way to the credentials is broken: check AWS_PROFILE, or log in again (aws sso login)."
_KINDS = {
    "EndpointConnectionError": _ENDPOINT,
    "ConnectTimeoutError": _ENDPOINT,
    "ResponseParserError": "What answers there is no S3 store: check stage.endpoint_url.",
    "SSLError": "Its certificate is not trusted, or it speaks no TLS: check stage.endpoint_url; for a "
    "certificate of your own set AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE.",
    "ProfileNotFound": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "UnauthorizedSSOTokenError": _CREDENTIALS,
    "SSOTokenLoadError": _CREDENTIALS,
    "TokenRetrievalError": _CREDENTIALS,
    "InvalidRegionError": "Check stage.region.",
}
