"""The sections of the config about where contacts go to: the bucket, the API, the callback."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from pipeline.config.addresses import Address, GuardedAddress, HostPort, Networks, is_loopback
from pipeline.config.types import (
    MAX_EXPIRES,
    Bucket,
    Duration,
    Email,
    Encryption,
    Integer,
    Name,
    Prefix,
    Region,
    Secrets,
    Tags,
)


class Section(BaseModel):
    """What all sections have in common: no unknown keys, frozen, no values in messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StageConfig(Section):
    """The S3 bucket that hosts the file, and the URL that it is fetched by."""

    bucket: Bucket | None = Field(None, description="The bucket's name.")
    prefix: Prefix = Field("", description="Put before every key, e.g. netcore/.")
    region: Region | None = Field(None, description="The bucket's region; default: asked of the bucket.")
    endpoint_url: Address | None = Field(None, description="Another S3 store than AWS, as reached from here.")
    public_endpoint_url: Address | None = Field(
        None, description="The same store as reached from outside; URLs are signed for it."
    )
    addressing: Literal["virtual", "path"] | None = Field(
        None, description="BUCKET.host or host/BUCKET; default: virtual on AWS unless the name has dots."
    )
    url: Literal["presigned", "allowlisted", "public"] = Field(
        "presigned", description="How the file is reached: docs/storage.md."
    )
    expires_in: Duration = Field(
        86400, ge=1, le=MAX_EXPIRES, description="Life of a presigned URL: 30m, 12h, at most 7d."
    )
    min_lifetime: Duration = Field(
        900, ge=0, description="Refuse a URL that dies sooner, with temporary credentials."
    )
    allowed_addresses: Networks = Field(
        (), description="Who fetches, with allowlisted: addresses or CIDRs; default: the data centre's."
    )
    public_access: Literal["understood"] | None = Field(
        None, description="With public: said twice, because whoever has the URL can read, for ever."
    )
    public_base_url: Address | None = Field(
        None, description="With public: CDN or website that serves the bucket; the key is added."
    )
    encryption: Encryption | None = Field(
        None, description="SSE-S3, SSE-KMS or SSE-KMS:key-id; default: the bucket's own."
    )
    url_profile: str | None = Field(
        None,
        description="An AWS profile that signs presigned URLs and does nothing else, for credentials that "
        "outlive the machine's own.",
    )
    workers_sign: bool = Field(
        False,
        description="Workers of a Spark or Dask cluster put by their own credentials, e.g. their machines' "
        "role, not by URLs that are signed here.",
    )
    keep: Duration = Field(
        3 * 86400, ge=3600, description="How long a file with a plain URL stays after the API's answer."
    )
    tags: Tags = Field({}, description="Tags of the hosted object, e.g. for a lifecycle rule.")
    allow_http: bool = Field(False, description="Let contacts travel by plain http to another machine.")

    @model_validator(mode="after")
    def _no_plain_http(self) -> Self:
        for key in ("endpoint_url", "public_endpoint_url", "public_base_url"):
            url = getattr(self, key)
            if url and url.startswith("http://") and not is_loopback(url) and not self.allow_http:
                raise ValueError(f"{key} is plain http: use https://, or set allow_http: true")
        return self

    @model_validator(mode="after")
    def _of_one_mode(self) -> Self:
        if self.url == "public" and not self.public_access:
            raise ValueError(
                "url: public lets anybody read who has the URL, for as long as the file is there: "
                "say so with `public_access: understood`"
            )
        for key, mode in (
            ("public_access", "public"),
            ("public_base_url", "public"),
            ("allowed_addresses", "allowlisted"),
        ):
            if getattr(self, key) and self.url != mode:
                raise ValueError(f"{key} has a meaning with `url: {mode}` only")
        unsigned = self.url != "presigned" and not self.public_base_url
        if unsigned and (self.encryption or "").startswith("SSE-KMS"):
            raise ValueError(f"url: {self.url} and SSE-KMS: to a reader without signature no key is given")
        return self


class SubmitConfig(Section):
    """The bulk-upload API and the account."""

    idc: Literal["us", "india", "eu"] = Field("us", description="The data centre that holds the account.")
    base_url: GuardedAddress | None = Field(
        None, description="Another address of the API than the data centre's."
    )
    api_key: SecretStr | None = Field(None, description="The account's key, as ${NAME}: never written out.")
    api_key_file: str | None = Field(None, description="A file that holds the key, instead of api_key.")
    listid: Integer | None = Field(None, ge=0, description="The list that the contacts are added to.")
    notifyemail: Email | None = Field(None, description="Who is mailed by the platform when the job is done.")
    account: Name | None = Field(
        None, description="Any name for the account; default: a hash by the API key, so a new key is another."
    )
    label: Name | None = Field(
        None,
        description="A name for what is sent, for `status`; with a run key, part of what is the same job.",
    )
    run_key: Name | None = Field(
        None,
        description="What the job is for, e.g. a date: one job for it, whatever the content; also --run-key.",
    )
    again_after: Duration = Field(
        12 * 3600,
        ge=60,
        description="Age of a job at which unchanged content is sent again, if it has no run key.",
    )

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key and self.api_key_file:
            raise ValueError("api_key and api_key_file are both set: keep one")
        return self


class TrackConfig(Section):
    """How the end of the job is learnt."""

    callback_url: GuardedAddress | None = Field(
        None,
        repr=False,  # its path may be a secret already
        description="Address by which the platform reaches this machine; a secret path is added.",
    )
    listen: HostPort | None = Field(
        None, description="host:port where a waiting run listens for callbacks sent to callback_url."
    )
    secret: Secrets = Field(
        (),
        description="Makes the callback's path, as ${NAME}, 32 characters or more; of several the first "
        "makes it and all are taken; default: random for each run.",
    )
    keep_bodies: Duration = Field(
        30 * 86400,
        ge=3600,
        description="How long bodies of callbacks and rejects are kept in the bucket.",
    )
    wait: Duration = Field(0, ge=0, description="How long to wait for the callback; 0: do not wait.")
