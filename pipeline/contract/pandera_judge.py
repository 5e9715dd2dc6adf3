"""pandera's own verdict on rows: it alone rejects, and names column and check.

pandera is given the typed view (typed.py) of the cells, on a fresh index, lazily, with its switches forced
on, and a copy of the schema without what is decided elsewhere: columns by the header, dtypes by the view,
`unique` over the whole source. Its error texts hold contact values, so none of them goes any further: only
row numbers do, and the reasons' names from the rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors
from pandera.pandas import Column, DataFrameSchema

from pipeline.arrays import NO_ROWS, Offsets
from pipeline.contract import text, typed
from pipeline.contract.contract import Contract
from pipeline.contract.faults import Faults, Found
from pipeline.contract.frames import Refused, code_error, judged, keeping_rows, to_pandas
from pipeline.contract.rules import ANY_FILLED, NOT_NULLABLE, PARSER, ROW, CellType, coercion
from pipeline.errors import ConfigError, PipelineError
from pipeline.names import LEFT_OUT

_ONE_AT_A_TIME = Lock()  # pandera's switches and registries belong to the whole process


def _enabled() -> AbstractContextManager[Any]:
    """Force pandera's switches on, whatever the host has set."""
    return config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA)


with _ONE_AT_A_TIME, _enabled():  # a parser asked before pandera's first own validation finds no backend
    DataFrameSchema().validate(pd.DataFrame())


class Judgement(NamedTuple):
    """What pandera says of rows: their faults, and the columns whose text the contract asked to change.

    `changed` holds whole String columns, null where empty.
    """

    faults: Faults
    changed: dict[str, pl.Series]


class Judge:
    """The judge of rows with these `columns`, all of a source's or some.

    Some only where no check and no parser is about whole rows.
    """

    def __init__(self, contract: Contract, columns: Sequence[str]) -> None:
        schema, rules, bound = contract.schema, contract.rules, contract.rules.bind(columns)
        self._file = contract.file
        self._bound = bound.columns
        self._reasons = bound.reasons
        self._row_checks = [rule.name for rule in rules.rows if rule.kind != ANY_FILLED]
        own = {name: schema.columns[rule.name] for name, rule in bound.columns.items()}
        # As in pandera, a parser stands before coercion: with coerce it sees text, without it values.
        self._early = {
            name: column
            for name, column in own.items()
            if column.parsers and (column.coerce or schema.coerce) and bound.columns[name].type.kind != "text"
        }
        self._schema = judged(schema, bound.columns, self._early, self._file)
        self._dtypes = {name: schema.dtype or column.dtype for name, column in own.items()}
        self._types = {name: rule.type for name, rule in bound.columns.items()}
        if schema.checks or schema.parsers:  # code about whole rows sees every column, as in pandera
            others = (name for name in columns if not name.startswith(LEFT_OUT))
            self._types |= {name: CellType() for name in others if name not in self._types}
        self._may_change = [
            name
            for name in self._types
            if schema.parsers or (name in self._schema.columns and _changes(self._schema.columns[name]))
        ]

    def __call__(self, cells: pl.DataFrame) -> Judgement:
        """The judgement on all rows of `cells` (String columns, one for each of the source's columns).

        A filled cell that a parser turns into nothing is a fault, `COLUMN:parser`. Raises ConfigError for a
        failure that names no row and for code of the contract that raises.
        """
        if cells.is_empty():
            return Judgement(Faults(), {})
        with _ONE_AT_A_TIME:
            return self._judge(cells)

    def _judge(self, cells: pl.DataFrame) -> Judgement:
        source = cells
        changed = dict(self._parsed_as_text(cells))
        lost = {name: source[name].is_not_null() & new.is_null() for name, new in changed.items()}
        cells = cells.with_columns(changed.values())
        values, faults = typed.view(cells, self._types)
        before = {name: to_pandas(values[name], self._dtypes.get(name)) for name in self._types}
        after, errors = self._validate(pd.DataFrame(before))
        for name in self._may_change:
            new = self._changed(cells[name], before[name], after[name], faults[name].to_numpy())
            if not new.equals(cells[name]):
                changed[name] = new
                lost[name] = source[name].is_not_null() & new.is_null()
        found = [(_where(faults[name]), self._unreadable(name)) for name in self._bound]
        found += [(_where(rows), self._lost(name)) for name, rows in lost.items()]
        silent = faults.with_columns((faults[name] | rows).alias(name) for name, rows in lost.items())
        found += [self._failure(error, silent) for error in errors]
        return Judgement(Faults.collect(found, self._reasons), changed)

    def _unreadable(self, name: str) -> str:
        return f"{name}:{coercion(self._bound[name].dtype_name)}"

    def _lost(self, name: str) -> str:
        return f"{name if name in self._bound else ROW}:{PARSER}"

    def _validate(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Sequence[SchemaError]]:
        """The frame as the contract's parsers and defaults leave it, and what pandera has against it."""
        index, columns = frame.index, set(frame.columns)
        errors: Sequence[SchemaError] = ()
        with _enabled(), self._code("code of the contract"):
            try:
                after = self._schema.validate(frame, lazy=True, inplace=True)
            except SchemaErrors as found:
                after, errors = found.data, found.schema_errors
            except Refused as refused:
                raise refused.error from None
        if not after.index.equals(index) or not columns <= set(after.columns):
            raise ConfigError(
                "a parser of the contract takes rows or columns out or puts them in another order",
                hint="a parser may change values, nothing else",
            )
        if added := [str(name) for name in after.columns if name not in columns]:
            raise ConfigError(
                f"a parser of the contract adds {', '.join(added)}, which the source does not have",
                hint="a parser may change values, nothing else: add the column to the source",
            )
        return after, errors

    def _failure(self, error: SchemaError, silent: pl.DataFrame) -> Found:
        """The rows that one of pandera's errors is about, but for cells that have failed already."""
        in_column = isinstance(error.schema, Column)
        column = str(error.schema.name) if in_column else ROW
        if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
            name = NOT_NULLABLE
        elif error.check_index is None:
            name = str(error.check)
        else:
            checks = [check.name for check in self._bound[column].checks] if in_column else self._row_checks
            name = checks[error.check_index]
        rows = _rows(error)
        if not rows.size:
            raise ConfigError(
                f"the contract's check {column}:{name} fails and names no row",
                hint="a check must answer True or False for each row, whichever rows it is given",
            ) from None
        return rows[~silent[column].to_numpy()[rows]] if in_column else rows, f"{column}:{name}"

    def _parsed_as_text(self, cells: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
        """The columns whose parsers see text, where these change it."""
        for name, column in self._early.items():
            old = cells.select(typed.filled(pl.col(name)).alias(name)).to_series()
            series = to_pandas(old, None)
            default = self._bound[name].default
            series = series if default is None else series.fillna(default)
            with self._code(f"a parser of column {name}"):
                for parser in keeping_rows(column.parsers, name):
                    series = parser(series).parser_output
                days = self._types[name].kind == "date"  # for which pandera takes the day of a midnight
                values = (_day(value) if days else value for value in series)
                new = pl.Series(name, [text.write(value) or None for value in values], dtype=pl.String)
            if not new.equals(old):
                yield name, new

    def _changed(
        self, cells: pl.Series, before: pd.Series[Any], after: pd.Series[Any], faults: npt.NDArray[np.bool_]
    ) -> pl.Series:
        """The text of a column as the contract leaves it: the cell's own wherever its value is the same."""
        texts = cells.to_list()
        new = after.astype(object).to_numpy()
        with self._code(f"a parser of column {cells.name}"):
            for row, old in enumerate(before.astype(object).to_numpy()):
                if not faults[row] and not _same(old, new[row]):
                    texts[row] = text.write(new[row]) or None
        return pl.Series(cells.name, texts, dtype=pl.String)

    @contextmanager
    def _code(self, what: str) -> Iterator[None]:
        """The contract's code runs in here; what it raises is told without its text: that may hold values."""
        try:
            yield
        except PipelineError:
            raise
        except Exception as fault:  # noqa: BLE001 - it is not our code, it may raise anything
            raise code_error(what, fault, self._file) from None


def _day(value: Any) -> Any:
    """The day of a midnight without a zone; any other value as it is."""
    if not isinstance(value, dt.datetime) or pd.isna(value):
        return value
    return value if value.tzinfo or value.time() != dt.time() else value.date()


def _where(true: pl.Series) -> Offsets:
    return true.arg_true().to_numpy()


def _changes(column: Column) -> bool:
    return bool(column.parsers) or column.default is not None


def _same(old: Any, new: Any) -> bool:
    """Whether two values are equal, or are both null."""
    return old is new or bool(pd.isna(new) if pd.isna(old) else not pd.isna(new) and old == new)


def _rows(error: SchemaError) -> Offsets:
    """The rows that an error of pandera's is about, none where it does not say.

    A check's own answer is asked first: failure cases leave out rows where all that failed is null, and
    those beyond `n_failure_cases`.
    """
    cases, answer = error.failure_cases, error.check_output
    if not isinstance(cases, pd.DataFrame):
        return NO_ROWS
    if isinstance(answer, (pd.Series, pd.DataFrame)):
        failed = ~answer.astype(bool)
        failed = failed.any(axis=1) if isinstance(failed, pd.DataFrame) else failed
        return failed.index[failed].to_numpy(np.int64)
    return cases["index"].dropna().to_numpy(np.int64)
