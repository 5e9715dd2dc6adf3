"""The config as typed models: one class for each section of the file, one field for each key.

A key's type, default and meaning stand here and nowhere else: the JSON Schema (`config-schema`) and the
table in the README are made from these classes. How a file becomes a `Config` is told in `configfile`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from pipeline.configtypes import (
    MAX_EXPIRES,
    Duration,
    MaxRejected,
    Names,
    OneAscii,
    OneAsciiOrNone,
    is_loopback,
    web_address,
)
from pipeline.errors import ConfigError
from pipeline.handoffs import Step


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SourceConfig(_Section):
    """Where the contacts come from and how their file is written."""

    path: str | None = Field(None, description="The file: .csv or .csv.gz, or - for standard input.")
    delimiter: OneAscii = Field(",", description="What stands between two cells.")
    quotechar: OneAsciiOrNone = Field('"', description='What encloses a cell; "" for no quoting.')
    escapechar: OneAscii | None = Field(None, description="What takes the next character as it is.")
    encoding: str | None = Field(None, description="Default: UTF-8, or what a byte order mark says.")
    skip_rows: int = Field(0, ge=0, description="Lines before the header that are not part of the table.")
    header_rows: int = Field(
        1, ge=0, le=10, description="Rows of the header, joined by a blank; 0: none, the contract's order."
    )
    columns: dict[str, str] = Field({}, description='From header to attribute: {"E-mail address": EMAIL}.')
    max_record_bytes: int = Field(
        1 << 20, ge=64, le=64 << 20, description="A record longer than this is a reject."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        import codecs

        try:
            known = value is None or codecs.lookup(value)._is_text_encoding
        except LookupError:
            known = False
        if not known:
            raise ValueError("Python knows no such encoding; try utf-8, cp1252, latin-1 or utf-16")
        return value

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
    rejects: str = Field("rejects", description="Folder for the rejects files.")

    def allows(self, rejected: int, records: int) -> bool:
        """Whether that many rejects among that many records may be put up with."""
        if self.max_rejected.endswith("%"):
            return rejected * 100 <= float(self.max_rejected[:-1]) * records
        return rejected <= int(self.max_rejected)


class StageConfig(_Section):
    """The S3 bucket that hosts the file, and the URL that it is fetched by."""

    bucket: str | None = Field(None, min_length=3, max_length=255, description="The bucket's name.")
    prefix: str = Field("", description="Put before every key, e.g. netcore/.")
    region: str | None = Field(None, description="The bucket's region; default: asked of the bucket.")
    endpoint_url: str | None = Field(None, description="Another S3 store than AWS, as reached from here.")
    public_endpoint_url: str | None = Field(
        None, description="The same store as reached from outside; URLs are signed for it."
    )
    url: Literal["presigned"] = Field("presigned", description="How the file is reached.")
    expires_in: Duration = Field(
        86400, ge=1, le=MAX_EXPIRES, description="Life of a presigned URL: 30m, 12h, at most 7d."
    )
    min_lifetime: Duration = Field(
        900, ge=0, description="Refuse a URL that dies sooner, with temporary credentials."
    )
    encryption: str | None = Field(
        None, description="SSE-S3, SSE-KMS or SSE-KMS:key-id; default: the bucket's own."
    )
    allow_http: bool = Field(False, description="Let contacts travel by plain http to another machine.")

    @field_validator("endpoint_url", "public_endpoint_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return value and web_address(value, loopback_http=False)

    @field_validator("encryption")
    @classmethod
    def _is_encryption(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"SSE-S3|SSE-KMS(:[\w:/.-]{1,256})?", value):
            raise ValueError("one of SSE-S3, SSE-KMS, SSE-KMS:key-id")
        return value

    @field_validator("prefix")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"(?:[A-Za-z0-9_=-][A-Za-z0-9._=-]*/?)*", value):
            raise ValueError("letters, digits and - _ = . between single slashes, not starting with one")
        return value if not value or value.endswith("/") else value + "/"

    @model_validator(mode="after")
    def _no_plain_http(self) -> Self:
        for key in ("endpoint_url", "public_endpoint_url"):
            url = getattr(self, key)
            if url and url.startswith("http://") and not is_loopback(url) and not self.allow_http:
                raise ValueError(f"{key} is plain http: use https://, or set allow_http: true")
        return self


class SubmitConfig(_Section):
    """The bulk-upload API and the account."""

    idc: Literal["us", "india", "eu"] = Field("us", description="The data centre that holds the account.")
    base_url: str | None = Field(None, description="Another address of the API than the data centre's.")
    api_key: SecretStr | None = Field(None, description="The account's key, as ${NAME}: never written out.")
    api_key_file: str | None = Field(None, description="A file that holds the key, instead of api_key.")
    listid: int | None = Field(None, ge=0, description="The list that the contacts are added to.")
    notifyemail: str | None = Field(None, description="Who is mailed by the platform when the job is done.")

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value and urlsplit(value).query:
            raise ValueError("the address of the API has no query: type, activity and apikey are added")
        return value and web_address(value, loopback_http=True)

    @field_validator("notifyemail")
    @classmethod
    def _is_email(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
            raise ValueError("not an e-mail address")
        return value

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key and self.api_key_file:
            raise ValueError("api_key and api_key_file are both set: keep one")
        return self


class TrackConfig(_Section):
    """How the end of the job is learnt."""

    callback_url: str | None = Field(
        None, description="Address by which the platform reaches this machine; a secret path is added."
    )
    listen: str | None = Field(
        None, description="host:port where a waiting run listens for callbacks sent to callback_url."
    )
    secret: SecretStr | None = Field(
        None, description="Makes the callback's path, as ${NAME}; default: random for each run."
    )
    wait: Duration = Field(0, ge=0, description="How long to wait for the callback; 0: do not wait.")

    @field_validator("callback_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return value and web_address(value, loopback_http=True)

    @field_validator("listen")
    @classmethod
    def _is_host_port(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^\s/]+:[0-9]{1,5}", value):
            raise ValueError("host:port, e.g. 127.0.0.1:8080")
        return value

    @model_validator(mode="after")
    def _wait_needs_ears(self) -> Self:
        if self.wait and not (self.callback_url and self.listen):
            raise ValueError("wait needs callback_url and listen: there is nothing else to wait for")
        return self


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
    _unset: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def base(self) -> Path:
        """The folder that relative paths start from: the config file's."""
        return self._base

    def path(self, value: str) -> Path:
        """A path of the config, made absolute."""
        return self.base / Path(value).expanduser()

    def require(self, until: Step, *, source_given: bool = False) -> None:
        """Raise ConfigError unless all that a run up to `until` needs is there.

        A section's `${NAME}` that the environment lacks is an error only when its step is run.
        """
        sections = ["source", "contract"]
        if until != "validate":
            sections.append("stage")
        if until in ("submit", "track"):
            sections += ["submit", "track"]
        for key, message in self._unset.items():
            section = key.split(".")[0]
            replaced = (self.sandbox and section in sections[2:]) or (source_given and key == "source.path")
            if section in sections and not replaced:
                raise ConfigError(message, hint="Set the variable in the environment, or change the key.")
        if self.sandbox:
            return
        if "stage" in sections and not self.stage.bucket:
            raise ConfigError(
                f"{self._file}: stage.bucket is missing: no bucket to host the file in.",
                hint="Name the bucket, or try with `sandbox: true`, or stop before with --until validate.",
            )
        if "submit" in sections and not (self.submit.api_key or self.submit.api_key_file):
            raise ConfigError(
                f"{self._file}: submit.api_key is missing.",
                hint="Write `api_key: ${NETCORE_API_KEY}` and set that variable, or use api_key_file.",
            )
