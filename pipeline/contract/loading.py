"""A contract read from where its spec says: here, or in the judge's interpreter; by memory to begin with."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from pipeline.contract.contract import Contract
from pipeline.contract.judging import Interpreter, JudgeLost
from pipeline.contract.rules import ANY_FILLED, CheckRule, Rules, Unique
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.contract import Judging
    from pipeline.contract.judgement import Judgement


def load_contract(
    spec: str,
    *,
    base: Path,
    primary_key: Sequence[str] = (),
    unknown_columns: Literal["keep", "drop", "refuse"] | None = None,
) -> Contract:
    """The contract that `spec` names: `path.py:NAME`, `package.module:NAME` or a pandera YAML file.

    Paths are relative to `base`; NAME is a DataFrameSchema or a DataFrameModel. A single `primary_key` is
    required, filled and unique; of several, one must be there and filled, and together they are unique.
    `unknown_columns` overrides the schema's `strict`. The file is run: never take it from an untrusted
    config. Raises ConfigError for whatever is wrong with it, by name.
    """
    from pandera.config import CONFIG

    from pipeline.contract.describe import describe
    from pipeline.contract.find import find_schema

    if CONFIG.use_narwhals_backend:
        raise ConfigError(
            "pandera is switched to its narwhals backend, which reports wrong rows",
            hint="unset PANDERA_USE_NARWHALS_BACKEND",
        )
    schema, file = find_schema(spec, base)
    rules = _with_primary_key(describe(schema), tuple(primary_key))
    if unknown_columns is not None:
        rules = dataclasses.replace(rules, strict=unknown_columns)

    def judge(columns: Sequence[str]) -> Judging:
        from pipeline.contract.judge import Judge

        return Judge(schema, rules, columns, file)

    return Contract(rules, judge)


class ContractChangedError(Exception):
    """The contract is not what was remembered of it: what was done by these rules has to be done again."""


def load_contract_in(
    interpreter: Interpreter | None,
    spec: str,
    *,
    base: Path,
    from_memory: bool = False,
    may_rest: bool = False,
    **options: Any,
) -> Contract:
    """The contract as `load_contract` has it, its rows judged in `interpreter`.

    A module that the caller has imported is judged here, for the caller may have changed it; and so is a
    contract that cannot be had there (if here neither, the error is that of the caller's interpreter).
    `from_memory`: do not wait where its rules are remembered; then ask for `confirmed` in the end.
    `may_rest`: the interpreter gives its memory back, where there will hardly be a row to judge.
    """
    from pipeline.contract.memory import Memory

    here = partial(load_contract, spec, base=base, **options)
    if interpreter is None or spec.rpartition(":")[0] in sys.modules:
        return here()

    def loaded() -> Contract:
        try:
            rules = Rules.from_json(interpreter.load(spec=spec, base=str(base), **options))
        except (ConfigError, JudgeLost):
            return here()
        memory.keep(rules)
        contract = Contract(rules, lambda _: interpreter.ask)
        if may_rest and contract.asks_little:
            interpreter.rest()
        return contract

    memory = Memory(spec, base, options)
    rules = memory.recall() if from_memory else None
    if rules is None:
        return loaded()
    loading: Future[Contract] = Future()
    Thread(target=_settle, args=(loading, loaded), name="pipeline-contract").start()

    def ask(cells: pl.DataFrame) -> Judgement:
        if loading.result().rules != rules:
            raise ContractChangedError
        return loading.result().judge(cells)

    return Contract(rules, lambda _: ask, loading)


def _settle(future: Future[Contract], load: Callable[[], Contract]) -> None:
    try:
        future.set_result(load())
    except BaseException as error:  # noqa: BLE001 - who asks for the result is told
        future.set_exception(error)


def _with_primary_key(rules: Rules, names: tuple[str, ...]) -> Rules:
    """The rules with what a primary key adds; a column that is unique already keeps its own way of it."""
    known = [rule.name for rule in rules.columns if not rule.regex]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"contract.primary_key names {name}, which is no column of the contract",
                hint=f"its columns are {', '.join(known)}",
            )
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
