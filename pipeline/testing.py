"""A contract in the tests of whoever wrote it: what it has against a record, without a file and a config.

from pipeline.testing import reasons

def test_addresses() -> None:
    assert reasons(CONTACT, EMAIL="anna@example.com") == []
    assert reasons(CONTACT, EMAIL="anna.example.com") == ["EMAIL:email"]
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from pandera.pandas import DataFrameModel, DataFrameSchema

    from pipeline.config import Config
    from pipeline.contract import Contract

__all__ = ["reasons"]


def reasons(contract: DataFrameSchema | type[DataFrameModel] | str | Config, /, **cells: Any) -> list[str]:
    """The reasons to reject a record with these cells, as a run names them; [] where it is accepted.

    `contract` is a schema or a model, a spec such as `schemas/contact.py:CONTACT` from the current folder, or
    a config (`pipeline.load_config`), with what it adds: primary key, region, readings. A cell is the text
    that a file would hold, or a value of a frame. Columns that are not named are blank, and nothing is said
    of them; nor is anything of `unique`, which takes several records. Raises ConfigError for a contract that
    cannot be used, SourceError for a cell that a frame could not have.
    """
    import pandas as pd

    from pipeline.config import SourceConfig
    from pipeline.contract import ContractSource
    from pipeline.handoffs import Plan
    from pipeline.read import open_source
    from pipeline.validation import examine

    loaded = _loaded(contract)
    columns = list(dict.fromkeys([*loaded.rules.names, *cells]))
    frame = pd.DataFrame({name: pd.Series([cells.get(name)], dtype=object) for name in columns})
    opened = open_source(
        frame,
        SourceConfig.model_validate({}),
        contract_names=loaded.rules.names,
        resolve=lambda found, _: tuple(range(len(found))),
        takes_days=loaded.takes_days,
    )
    with opened as source:
        plan = Plan(uuid4().hex, source.header, loaded.rules, ContractSource("", Path()), seed=0)
        (piece,) = source.slices()
        examined = examine(piece, plan, loaded)
    bound = loaded.rules.bind(columns)
    others = {reason for name in columns if name not in cells for reason in bound.own_reasons.get(name, ())}
    found = [reason for _, reason in examined.faults.pairs if reason not in others]
    malformed = [f"_record:{one.reason}" for one in examined.records.malformed]
    return found + malformed


def _loaded(contract: Any) -> Contract:
    from pandera.pandas import DataFrameSchema

    from pipeline.config import Config
    from pipeline.contract import Contract, ContractSource, load_contract, source_of
    from pipeline.contract.describe import describe

    if isinstance(contract, Config):
        return load_contract(source_of(contract))
    if isinstance(contract, str):
        return load_contract(ContractSource(contract, Path.cwd()))
    schema: DataFrameSchema = contract if isinstance(contract, DataFrameSchema) else contract.to_schema()
    return Contract(describe(schema), schema, "the contract")
