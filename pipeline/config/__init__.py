"""The config as typed models: one class for each section of the file, one field for each key.

A key's type, default and meaning stand here and nowhere else: the JSON Schema (`config-schema`) and the
table in the README are made from these classes. How a file becomes a `Config` is told in `file`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, model_validator

from pipeline.config.delivery import Section, StageConfig, SubmitConfig, TrackConfig
from pipeline.config.types import (
    Country,
    Encoding,
    Integer,
    MaxRejected,
    Names,
    OneAscii,
    OneAsciiOrNone,
    Pattern,
)
from pipeline.config.yamltext import Key, place
from pipeline.errors import ConfigError
from pipeline.handoffs import Step

__all__ = ["Config", "ContractConfig", "SourceConfig", "StageConfig", "SubmitConfig", "TrackConfig"]


class SourceConfig(Section):
    """Where the contacts come from and how their file is written."""

    path: str | None = Field(None, description="The file: .csv or .csv.gz, or - for standard input.")
    delimiter: OneAscii = Field(",", description="What stands between two cells.")
    quotechar: OneAsciiOrNone = Field('"', description='What encloses a cell; "" for no quoting.')
    escapechar: OneAscii | None = Field(
        None, description="What takes the next character as it is; a cell of it and N alone is empty."
    )
    encoding: Encoding | None = Field(None, description="Default: UTF-8, or what a byte order mark says.")
    skip_rows: Integer = Field(0, ge=0, description="Lines before the header that are not part of the table.")
    footer: Pattern | None = Field(
        None, description="A pattern of the first words of the line after the last record, such as Summe."
    )
    header_rows: Integer = Field(
        1, ge=0, le=10, description="Rows of the header, joined by a blank; 0: none, the contract's order."
    )
    columns: dict[str, str | None] = Field(
        {}, description='From header to attribute: {"E-mail address": EMAIL}; null leaves a column out.'
    )
    allow_empty: bool = Field(
        False, description="Whether a source may have no records: then nothing is sent, and that is no error."
    )
    max_record_bytes: Integer = Field(
        1 << 20, ge=64, le=64 << 20, description="A record longer than this is a reject."
    )

    @model_validator(mode="after")
    def _distinct_characters(self) -> Self:
        marks = [m for m in (self.delimiter, self.quotechar, self.escapechar) if m]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quotechar and escapechar must differ from each other")
        return self


class ContractConfig(Section):
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
    read: dict[str, str] = Field(
        {}, description='How a column\'s cells are read before they are checked: {DOB: "date DD.MM.YYYY"}.'
    )
    rejects: str = Field(
        "rejects", description="Folder for the rejects files; s3: in the bucket, beside the ledger."
    )

    def allows(self, rejected: int, records: int) -> bool:
        """Whether that many rejects among that many records may be put up with."""
        if self.max_rejected.endswith("%"):
            return rejected * 100 <= Decimal(self.max_rejected[:-1]) * records
        return rejected <= int(self.max_rejected)


class Config(Section):
    """A whole config file."""

    sandbox: bool = Field(
        False, description="Use an embedded S3 and a stand-in for the API: nothing leaves this machine."
    )
    ledger: Literal["on", "single_writer", "off"] = Field(
        "on",
        description="The record of runs in the bucket. single_writer: for a store that cannot keep two runs "
        "apart; off: no record, and nothing is promised.",
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
        self._require_set(sections, source_given=source_given)
        if not self.sandbox:
            self._require_keys(sections, until)

    def with_run_key(self, run_key: str | None) -> Config:
        """The config with that run key instead of its own, if there is one. Raises ConfigError."""
        if run_key is None:
            return self
        try:
            submit = SubmitConfig.model_validate({**dict(self.submit), "run_key": run_key})
        except ValidationError as error:
            raise ConfigError(
                f"The run key is not usable: {error.errors()[0]['msg'].removeprefix('Value error, ')}.",
                hint="A date, or the id of a scheduler's run, makes a good one.",
            ) from None
        return self._with_submit(submit, "run_key")

    def with_api_key(self, api_key: str) -> Config:
        """The config with that API key instead of whatever names one."""
        key = {"api_key": SecretStr(api_key), "api_key_file": None}
        return self._with_submit(self.submit.model_copy(update=key), "api_key")

    def _with_submit(self, submit: SubmitConfig, given: str) -> Config:
        """The config with that section, in which `given` needs no variable any more."""
        config = self.model_copy(update={"submit": submit})
        config._unset = {k: why for k, why in self._unset.items() if k != ("submit", given)}
        return config

    def require_sections(self, *sections: str) -> None:
        """Raise ConfigError unless these sections' values are there, and a bucket: for what is no run."""
        if self.sandbox:
            raise ConfigError(
                "The sandbox's bucket is gone when its run has ended, and all that was in it.",
                hint="Use a config without `sandbox: true`; `python -m pipeline sandbox` starts one to stay.",
            )
        self._require_set(sections)
        self._require_keys(["stage"], "stage")

    def require_values(self, *keys: Key) -> None:
        """Raise ConfigError where one of these keys names a variable that is not set."""
        for message in filter(None, map(self._unset.get, keys)):
            raise ConfigError(message, hint="Set the variable in the environment, or change the key.")

    def _require_set(self, sections: Sequence[str], *, source_given: bool = False) -> None:
        for key in self._unset:
            replaced = (self.sandbox and key[0] in ("stage", "submit", "track")) or (
                source_given and key == ("source", "path")
            )
            if key[0] in sections and not replaced:
                self.require_values(key)

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
