"""The config as typed models: one class for each section of the file, one field for each key.

A key's type, default and meaning stand here and nowhere else: the JSON Schema (`config-schema`) and the
table in the README are made from these classes. How a file becomes a `Config` is told in `file`.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from pipeline.config.types import (
    MAX_EXPIRES,
    Address,
    Bucket,
    Country,
    Duration,
    Email,
    Encoding,
    Encryption,
    GuardedAddress,
    HostPort,
    MaxRejected,
    Names,
    Networks,
    OneAscii,
    OneAsciiOrNone,
    Prefix,
    Region,
    Tags,
    Whole,
    is_loopback,
)
from pipeline.config.yamltext import Key, place
from pipeline.errors import ConfigError
from pipeline.handoffs import Step


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SourceConfig(_Section):
    """Where the contacts come from and how their file is written."""

    path: str | None = Field(None, description="The file: .csv or .csv.gz, or - for standard input.")
    delimiter: OneAscii = Field(",", description="What stands between two cells.")
    quotechar: OneAsciiOrNone = Field('"', description='What encloses a cell; "" for no quoting.')
    escapechar: OneAscii | None = Field(
        None, description="What takes the next character as it is; a cell of it and N alone is empty."
    )
    encoding: Encoding | None = Field(None, description="Default: UTF-8, or what a byte order mark says.")
    skip_rows: Whole = Field(0, ge=0, description="Lines before the header that are not part of the table.")
    header_rows: Whole = Field(
        1, ge=0, le=10, description="Rows of the header, joined by a blank; 0: none, the contract's order."
    )
    columns: dict[str, str | None] = Field(
        {}, description='From header to attribute: {"E-mail address": EMAIL}; null leaves a column out.'
    )
    max_record_bytes: Whole = Field(
        1 << 20, ge=64, le=64 << 20, description="A record longer than this is a reject."
    )

    @model_validator(mode="after")
    def _distinct_characters(self) -> Self:
        marks = [m for m in (self.delimiter, self.quotechar, self.escapechar) if m]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quotechar and escapechar must differ from each other")
        return self


class ContractConfig(_Section):
    """What a good contact is, and what happens to the others."""

    schema_: str = Field(
        alias="schema", description="A pandera schema: path.py:NAME, package.module:NAME, or a .yaml file."
    )
    primary_key: Names = Field(
        (), description="The attribute that identifies a contact; of several, one must be present."
    )
    max_rejected: MaxRejected = Field(
        "0", description='Rejects that are put up with: a count, or a percentage such as "2%".'
    )
    unknown_columns: Literal["keep", "drop", "refuse"] | None = Field(
        None, description="Columns that the contract does not name; default: as its `strict` says."
    )
    region: Country | None = Field(
        None, description="Where phone numbers without a country code are dialled, e.g. DE; default: nowhere."
    )
    rejects: str = Field("rejects", description="Folder for the rejects files.")

    def allows(self, rejected: int, records: int) -> bool:
        """Whether that many rejects among that many records may be put up with."""
        if self.max_rejected.endswith("%"):
            return rejected * 100 <= Decimal(self.max_rejected[:-1]) * records
        return rejected <= int(self.max_rejected)


class StageConfig(_Section):
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


class SubmitConfig(_Section):
    """The bulk-upload API and the account."""

    idc: Literal["us", "india", "eu"] = Field("us", description="The data centre that holds the account.")
    base_url: GuardedAddress | None = Field(
        None, description="Another address of the API than the data centre's."
    )
    api_key: SecretStr | None = Field(None, description="The account's key, as ${NAME}: never written out.")
    api_key_file: str | None = Field(None, description="A file that holds the key, instead of api_key.")
    listid: Whole | None = Field(None, ge=0, description="The list that the contacts are added to.")
    notifyemail: Email | None = Field(None, description="Who is mailed by the platform when the job is done.")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key and self.api_key_file:
            raise ValueError("api_key and api_key_file are both set: keep one")
        return self


class TrackConfig(_Section):
    """How the end of the job is learnt."""

    callback_url: GuardedAddress | None = Field(
        None,
        repr=False,  # its path may be a secret already
        description="Address by which the platform reaches this machine; a secret path is added.",
    )
    listen: HostPort | None = Field(
        None, description="host:port where a waiting run listens for callbacks sent to callback_url."
    )
    secret: SecretStr | None = Field(
        None, description="Makes the callback's path, as ${NAME}; default: random for each run."
    )
    wait: Duration = Field(0, ge=0, description="How long to wait for the callback; 0: do not wait.")


class Config(_Section):
    """A whole config file."""

    sandbox: bool = Field(
        False, description="Use an embedded S3 and a stand-in for the API: nothing leaves this machine."
    )
    source: SourceConfig = SourceConfig.model_construct()
    contract: ContractConfig
    stage: StageConfig = StageConfig.model_construct()
    submit: SubmitConfig = SubmitConfig.model_construct()
    track: TrackConfig = TrackConfig.model_construct()

    _base: Path = PrivateAttr(default_factory=Path.cwd)
    _file: str = PrivateAttr(default="config")
    _lines: dict[Key, int] = PrivateAttr(default_factory=dict)
    _unset: dict[Key, str] = PrivateAttr(default_factory=dict)

    @property
    def base(self) -> Path:
        """The folder that relative paths start from: the config file's."""
        return self._base

    def path(self, value: str) -> Path:
        """A path of the config, made absolute."""
        return self.base / os.path.expanduser(value)  # noqa: PTH111 - pathlib's raises for a user that is none

    def require(self, until: Step, *, source_given: bool = False) -> None:
        """Raise ConfigError unless all that a run up to `until` needs is there.

        What a step needs is asked for only when it is run: its `${NAME}`, its keys, what goes together.
        """
        sections = ["sandbox", "source", "contract"]
        if until != "validate":
            sections.append("stage")
        if until in ("submit", "track"):
            sections += ["submit", "track"]
        for key, message in self._unset.items():
            replaced = (self.sandbox and key[0] in ("stage", "submit", "track")) or (
                source_given and key == ("source", "path")
            )
            if key[0] in sections and not replaced:
                raise ConfigError(message, hint="Set the variable in the environment, or change the key.")
        if not self.sandbox:
            self._require_keys(sections, until)

    def _require_keys(self, sections: list[str], until: Step) -> None:
        if "stage" in sections and not self.stage.bucket:
            raise ConfigError(
                f"{self._place('stage', 'bucket')} is missing: no bucket to host the file in.",
                hint="Name the bucket, or try with `sandbox: true`, or stop before with --until validate.",
            )
        if "submit" in sections and not (self.submit.api_key or self.submit.api_key_file):
            raise ConfigError(
                f"{self._place('submit', 'api_key')} is missing.",
                hint="Write `api_key: ${NETCORE_API_KEY}` and set that variable, or use api_key_file.",
            )
        if until == "track" and self.track.wait and not (self.track.callback_url and self.track.listen):
            raise ConfigError(
                f"{self._place('track', 'wait')} needs track.callback_url and track.listen.",
                hint="Without them there is nothing to wait for: add them, or take wait away.",
            )

    def _place(self, *key: str) -> str:
        return place(self._file, self._lines, key)
