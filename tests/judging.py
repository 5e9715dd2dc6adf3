"""What a contract says of rows, for tests: by the pipeline's way, and by pandera alone."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pandera.pandas as pa
import polars as pl
from reading import pairs

from pipeline.config import SourceConfig
from pipeline.contract import Contract, ContractSource
from pipeline.contract.describe import describe
from pipeline.contract.pandera_judge import Judge, Judgement
from pipeline.contract.rules import Rules
from pipeline.handoffs import Examined, Plan
from pipeline.read import open_source
from pipeline.unique import Repeats
from pipeline.validation import examine


def source_config(**config: object) -> SourceConfig:
    return SourceConfig.model_validate(config)


def judge(schema: pa.DataFrameSchema, cells: pl.DataFrame) -> Judgement:
    """What pandera says of all the rows, over the typed view."""
    return Judge(Contract(describe(schema), schema, "contract.py"), cells.columns)(cells)


def verdict(contract: Contract, cells: pl.DataFrame) -> tuple[tuple[int, str], ...]:
    """(row, reason) of all that a loaded contract has against the rows, repetitions left out."""
    return _examined(contract, cells, contract).faults.pairs


def repeated(contract: Contract, cells: pl.DataFrame) -> tuple[tuple[int, str], ...]:
    """(row, reason) of the rows that repeat others."""
    repeats = Repeats(contract.rules.bind(cells.columns).uniques)
    found = repeats.observe(_examined(contract, cells, contract).keys)
    return pairs(found + ([] if repeats.streams else repeats.settle(0)))


def examined(schema: pa.DataFrameSchema, cells: pl.DataFrame, rules: Rules | None = None) -> Examined:
    """What `examine` says of the rows as one slice; `rules` where they are more than the schema's."""
    contract = Contract(rules or describe(schema), schema, "contract.py")
    return _examined(contract, cells, contract)


def without_pandera(
    schema: pa.DataFrameSchema, source: pl.DataFrame | Path, rules: Rules | None = None
) -> Examined:
    """The same; a ConfigError where pandera would have to be asked, for there is no contract to ask it of."""
    return _examined(Contract(rules or describe(schema), schema, "contract.py"), source, None)


def _examined(contract: Contract, source: pl.DataFrame | Path, executed: Contract | None) -> Examined:
    with open_source(
        source, source_config(), contract_names=contract.rules.names, resolve=contract.resolve
    ) as opened:
        (piece,) = opened.slices()
        origin = ContractSource("no_such_file.py:SCHEMA", Path())
        plan = Plan(uuid4().hex, opened.header, contract.rules, origin, seed=7)
        return examine(piece, plan, executed)
