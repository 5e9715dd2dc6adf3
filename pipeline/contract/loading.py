"""Load a contract from where its spec says, once for each run, in the process that runs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from threading import RLock
from typing import TYPE_CHECKING

from pipeline.contract.contract import Contract
from pipeline.contract.rules import ANY_FILLED, CheckRule, Rules, Unique
from pipeline.contract.source import ContractSource
from pipeline.errors import ConfigError
from pipeline.readings import Reading, parse

if TYPE_CHECKING:
    from pipeline.config import Config


_one_at_a_time = RLock()


def source_of(config: Config) -> ContractSource:
    """Where the contract of a config comes from, with what the config adds to it."""
    wanted = config.contract
    return ContractSource(
        wanted.schema_,
        config.base,
        tuple(wanted.primary_key),
        wanted.unknown_columns,
        wanted.region,
        tuple(wanted.read.items()),
    )


def load_contract(source: ContractSource) -> Contract:
    """The contract that `source.spec` names: `path.py:NAME`, `package.module:NAME` or a pandera YAML file.

    Paths are relative to `source.base`; NAME is a DataFrameSchema or a DataFrameModel. A single primary key
    is required, filled and unique; of several, one must be there and filled, and together they are unique.
    `unknown_columns` overrides the schema's `strict`, `region` is where phone numbers are dialled, for checks
    that name none, and `read` the readings of columns, in words, instead of the schema's; `text` is run in
    the file's place where there is any. The file is run: never take it from an untrusted config. Raises
    ConfigError for whatever is wrong with it, by name.
    """
    from pandera.config import CONFIG

    from pipeline.contract.describe import describe
    from pipeline.contract.find import dialled_in, find_schema

    if CONFIG.use_narwhals_backend:
        raise ConfigError(
            "pandera is switched to its narwhals backend, which reports wrong rows",
            hint="unset PANDERA_USE_NARWHALS_BACKEND",
        )
    with _one_at_a_time:  # pandera keeps one register of checks for the process
        schema, file = find_schema(source.spec, source.base, source.text)
        schema = dialled_in(schema, source.region)
        rules = _with_primary_key(describe(schema), source.primary_key)
    rules = _with_readings(rules, source.read, source.region)
    if source.unknown_columns is not None:
        rules = dataclasses.replace(rules, strict=source.unknown_columns)
    return Contract(rules, schema, file)


def _with_readings(rules: Rules, words: tuple[tuple[str, str], ...], region: str | None) -> Rules:
    """The rules with these readings of columns; phone numbers are dialled in `region` unless they say."""
    _must_know(rules, [name for name, _ in words], "contract.read")
    asked = dict(words)
    columns = []
    for rule in rules.columns:
        read = rule.read
        if rule.name in asked and not rule.regex:
            try:
                read = parse(asked[rule.name])
            except ValueError as error:
                raise ConfigError(
                    f"contract.read, {rule.name}: {error}", hint="docs/readings.md has every reading."
                ) from None
        here = (Reading("phone", region) if region and one == Reading("phone") else one for one in read)
        columns.append(dataclasses.replace(rule, read=tuple(here)))
    return dataclasses.replace(rules, columns=tuple(columns))


def _must_know(rules: Rules, names: Sequence[str], key: str) -> None:
    """Raise ConfigError where that key of the config names what is no column of the contract."""
    known = [rule.name for rule in rules.columns if not rule.regex]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{key} names {name}, which is no column of the contract",
                hint=f"its columns are {', '.join(known)}",
            )


def _with_primary_key(rules: Rules, names: tuple[str, ...]) -> Rules:
    """The rules with what a primary key adds; a column that is unique already keeps its own way of it."""
    _must_know(rules, names, "contract.primary_key")
    if not names:
        return rules
    if len(names) == 1:
        columns = tuple(
            dataclasses.replace(rule, required=True, nullable=False, unique=rule.unique or "first")
            if rule.name == names[0] and not rule.regex
            else rule
            for rule in rules.columns
        )
        return dataclasses.replace(rules, columns=columns)
    filled = CheckRule("primary_key", ANY_FILLED, {"columns": names})
    known_sets = [set(unique.columns) for unique in rules.uniques]
    added = () if set(names) in known_sets else (Unique(names, "first"),)
    return dataclasses.replace(rules, rows=(filled, *rules.rows), uniques=(*added, *rules.uniques))
