"""The bucket as the other modules see it: a boto3 client that is set up right.

Right means: Signature Version 4, the bucket's own region, its regional host, path addressing for other
stores than AWS, time-outs on everything, no proxy between us and this machine, no redirect followed, and the
same certificates trusted as by the other half of the wire. Where the store is comes from the config alone:
AWS_ENDPOINT_URL, which boto3 would obey, is not looked at.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipeline.config.addresses import is_loopback
from pipeline.errors import ConfigError, StageError
from pipeline.s3.advice import CERTIFICATE
from pipeline.s3.answers import redirected_to
from pipeline.s3.credentials import session_with
from pipeline.s3.failures import storage
from pipeline.wire import bundle_fault, ca_bundle
from pipeline.wire import session as wire_session

if TYPE_CHECKING:
    import requests
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

    from pipeline.config import StageConfig

PATIENT = {"connect_timeout": 10, "read_timeout": 60, "attempts": 5}
HURRIED = {"connect_timeout": 2, "read_timeout": 3, "attempts": 1}  # to clean up after being stopped
_ONE_AT_A_TIME = Lock()  # a boto3 session is not for several threads, and a host may hand one to several runs


@dataclass(frozen=True)
class Store:
    """A bucket and the way to it.

    `keys` are credentials of its own (the sandbox's). Else `lent`, the host's own boto3 session, has them, or
    boto3's chain finds some. `http` is the host's requests session, for what boto3 does not send.
    """

    config: StageConfig
    keys: tuple[str, str] | None = field(default=None, repr=False)
    lent: Session | None = field(default=None, repr=False)
    http: requests.Session | None = field(default=None, repr=False)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return str(self.config.bucket)

    @cached_property
    def session(self) -> Session:
        """The boto3 session that makes the clients."""
        import boto3

        if self.lent and not self.keys:
            return self.lent
        return boto3.Session(botocore_session=session_with(self.keys))

    @cached_property
    def ca_bundle(self) -> str | None:
        """The file of authorities to trust, for boto3 and requests alike; None: the usual ones."""
        session: Any = self.session
        return session._session.get_config_variable("ca_bundle") or ca_bundle()

    def wire(self, url: str) -> requests.Session:
        """A session for calls to an address of the store's that boto3 does not make."""
        return wire_session(url, self.ca_bundle, self.http)

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
        client.meta.events.register_first("needs-retry.s3", partial(self._refuse_elsewhere, expected=None))
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
        return self._guarded(PATIENT)

    @cached_property
    def hurried(self) -> S3Client:
        """The same with short time-outs and no retries, for who was stopped and has seconds left."""
        return self._guarded(HURRIED)

    def _guarded(self, pace: dict[str, int]) -> S3Client:
        client = self._client(self.region, self.config.endpoint_url, pace)
        refuse = partial(self._refuse_elsewhere, expected=self.region)
        client.meta.events.register_first("needs-retry.s3", refuse)
        client.meta.events.register_last("before-call.s3.PutObject", _send_at_once)
        return client

    def _refuse_elsewhere(self, response: Any = None, *, expected: str | None, **_: Any) -> None:
        """Raise where the answer leads elsewhere: boto3 would follow, up to a RecursionError.

        Another region than the `expected` one (None: any) is refused too, because parts are signed for one.
        """
        if response is None:
            return
        parsed = response[1]
        error, meta = parsed.get("Error", {}), parsed.get("ResponseMetadata", {})
        status, headers = meta.get("HTTPStatusCode", 0), meta.get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or error.get("Region")
        if status in (301, 307, 400) and region:
            if expected and region != expected:
                raise StageError(
                    f"Bucket {self.bucket} is in region {region}, and was looked for in {expected}.",
                    hint=f"Write `region: {region}` under stage:, or leave stage.region out.",
                )
        elif 300 <= status < 400 and status != 304:
            to = redirected_to(headers.get("location", ""))
            raise StageError(
                f"The store redirects to {to} (HTTP {status}), which is not followed.",
                hint="Set stage.endpoint_url to the S3 store itself, with the right one of http and https.",
            )

    @cached_property
    def signer(self) -> S3Client:
        """A client that signs URLs for the name by which the store is reached from outside."""
        public = self.config.public_endpoint_url
        if self.signing is not self.session:
            return self._client(self.region, public or self.config.endpoint_url, session=self.signing)
        return self._client(self.region, public) if public else self.client

    @cached_property
    def signing(self) -> Session:
        """The session whose credentials sign URLs: that of stage.url_profile, if there is one."""
        import boto3

        if not self.config.url_profile or self.keys:
            return self.session
        return boto3.Session(botocore_session=session_with(None, self.config.url_profile))

    def remove(self, key: str, *, hurried: bool = False) -> None:
        """Remove the object: its URL is of no use to anybody any more. Raises StageError."""
        with storage("removing a file that is not needed any more"):
            (self.hurried if hurried else self.client).delete_object(Bucket=self.bucket, Key=key)

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

    def _client(
        self,
        region: str,
        endpoint: str | None,
        pace: dict[str, int] = PATIENT,
        session: Session | None = None,
    ) -> S3Client:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._check_bundle(endpoint)
        settings = Config(
            signature_version="s3v4",
            connect_timeout=pace["connect_timeout"],
            read_timeout=pace["read_timeout"],
            retries={"mode": "standard", "total_max_attempts": pace["attempts"]},
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
        with storage("setting up boto3"):
            try:
                with _ONE_AT_A_TIME if self.lent else nullcontext():
                    return (session or self.session).client(
                        "s3",
                        region_name=region,
                        endpoint_url=endpoint,
                        config=settings,
                        verify=self.ca_bundle,
                    )
            except ValueError as error:
                if isinstance(error, BotoCoreError):
                    raise
                raise ConfigError(
                    "stage.endpoint_url or stage.public_endpoint_url: boto3 takes no such host name.",
                    hint="Letters, digits, - and . make a host name; an underscore does not.",
                ) from None

    def _check_bundle(self, endpoint: str | None) -> None:
        """Raise StageError where TLS is spoken and the file of authorities is not usable."""
        if not (endpoint or "https:").startswith("https:"):
            return
        if fault := bundle_fault(self.ca_bundle):
            raise StageError(fault, hint=CERTIFICATE.fix)

    def key(self, name: str) -> str:
        """The key of the object that may be hosted under that name."""
        return f"{self.config.prefix}hosted/{name}"


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Send a body with its headers: to wait for a `100 Continue` is a round trip more for a few bytes."""
    params["headers"].pop("Expect", None)
