"""What pandera is handed: the typed view as pandas columns, and what of the schema is its to judge."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Container, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pandera.api.checks import Check
from pandera.api.function_dispatch import Dispatcher
from pandera.backends.base import CoreCheckResult
from pandera.dtypes import DataType
from pandera.errors import SchemaErrorReason
from pandera.pandas import Column, DataFrameSchema, Parser

from pipeline.contract.describe import check_name
from pipeline.contract.rules import ROW, ColumnRule
from pipeline.errors import ConfigError, PipelineError

T = TypeVar("T")

_NULLABLE: dict[pa.DataType, Any] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def to_pandas(values: pl.Series, dtype: DataType | None) -> pd.Series[Any]:
    """Typed values as a pandas Series of the dtype that the schema asks for, on a fresh index.

    numpy's integers and booleans have no null: a column of these with a null in it is given in pandas' own
    nullable dtype of the same size. No dtype asked for, or `str`: text in pandas' default dtype for it.
    """
    wanted = getattr(dtype, "type", None)
    if wanted == np.dtype(object):
        return pd.Series(values.to_list(), dtype=object)
    if isinstance(wanted, np.dtype) and wanted.kind == "f":
        return pd.Series(values.to_arrow().to_pandas(), dtype=wanted)
    mapper = pd.ArrowDtype if isinstance(wanted, pd.ArrowDtype) else _NULLABLE.get
    series: pd.Series[Any] = values.to_arrow().to_pandas(types_mapper=mapper)
    has_no_null = isinstance(wanted, np.dtype) and wanted.kind in "iub"
    is_text = isinstance(wanted, np.dtype) and wanted.kind == "U"  # pandas 2's `str`: None would be "None"
    if wanted is None or is_text or wanted == series.dtype or (has_no_null and values.null_count()):
        return series
    return series.astype(wanted)


class Refused(BaseException):
    """Carries a ConfigError past pandera, which takes any `Exception` within a check for failed rows."""

    def __init__(self, error: ConfigError) -> None:
        super().__init__()
        self.error = error


def code_error(what: str, fault: Exception, file: str) -> ConfigError:
    """Return the error for code of the contract in `file` that raised; its own text may hold values."""
    frames = traceback.extract_tb(fault.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    where = f" ({file}, line {lines[-1]})" if lines else ""
    return ConfigError(
        f"{what} raised {type(fault).__name__}{where}",
        hint="parsers, defaults and checks must work on any rows, blank cells included",
    )


def judged(
    schema: DataFrameSchema, rules: Mapping[str, ColumnRule], early: Container[str], file: str
) -> DataFrameSchema:
    """A schema of what is left to pandera: nullability, checks, and the parsers and defaults of columns
    that are not in `early`. One column for each of `rules`, which are the source's columns."""
    columns = {}
    for name, rule in rules.items():
        own = schema.columns[rule.name]
        columns[name] = _Column(
            checks=_reporting(own.checks, name, file),
            parsers=None if name in early else keeping_rows(own.parsers, name),
            default=None if name in early else own.default,
            nullable=rule.nullable,
        )
    return _Schema(columns, checks=_reporting(schema.checks, ROW, file), parsers=schema.parsers)


class _Column(Column):
    """A column whose errors are left as they are found."""

    @classmethod
    def get_backend(cls, *args: Any, **named: Any) -> Any:
        """pandera's own."""
        return _untold(Column.get_backend(*args, **named))


class _Schema(DataFrameSchema):
    """A schema whose errors are left as they are found."""

    @classmethod
    def get_backend(cls, *args: Any, **named: Any) -> Any:
        """pandera's own."""
        return _untold(DataFrameSchema.get_backend(*args, **named))


def _untold(backend: Any) -> Any:
    """The backend without its report of all errors in one table: half of the time, and nobody reads it."""
    report = SimpleNamespace(failure_cases=None, message="", error_counts={})
    backend.failure_cases_metadata = lambda *_: report
    backend.run_check = _run_check
    return backend


def _run_check(values: Any, _: Any, check: Check, index: int, *args: Any) -> CoreCheckResult:
    """A check's answer, as the backend gives it but without a message.

    A message would hold values; and of blank categories pandera can make none on pandas 2: it would report
    an error that names no row.
    """
    result = check(values, *args)
    return CoreCheckResult(
        passed=result.check_passed,
        check=check,
        check_index=index,
        check_output=result.check_output,
        reason_code=SchemaErrorReason.DATAFRAME_CHECK,
        failure_cases=pd.DataFrame(),
    )


def keeping_rows(parsers: list[Parser], column: str) -> list[Parser]:
    """The parsers of a column, each made to refuse to take out rows: pandera would blank these cells."""

    def parse(function: Callable[..., Any], series: Any, **args: Any) -> Any:
        parsed = function(series, **args)
        if not isinstance(parsed, pd.Series) or not parsed.index.equals(series.index):
            raise ConfigError(
                f"the parser {function.__name__} of column {column} takes rows out or changes their order",
                hint="a parser of a column gives back a Series with a value for each row it was given",
            )
        return parsed

    return [_with(p, _parser_fn=partial(parse, p._parser_fn)) if not p.element_wise else p for p in parsers]


def _reporting(checks: list[Check], column: str, file: str) -> list[Check]:
    """The checks that can reject, each made to answer for every row.

    A check that only warns rejects nothing, and its warning would hold values.
    """
    return [_reports(check, column, file) for check in checks if not check.raise_warning]


def _reports(check: Check, column: str, file: str) -> Check:
    function: Any = check._check_fn
    if isinstance(function, Dispatcher):
        # pandera copies its built-in functions deeply, and a copy made early knows no pandas: ask by name.
        function = partial(_built_in, function.__name__)
    where = f"the contract's check {column}:{check_name(check)}"

    def answer(data: Any, **args: Any) -> Any:
        try:
            found = function(data, **args)
        except PipelineError as error:
            raise Refused(ConfigError(error.message, hint=error.hint)) from None
        except Exception as fault:  # noqa: BLE001 - it is not our code, it may raise anything
            raise Refused(code_error(where, fault, file)) from None
        return found if check.element_wise else _for_each_row(found, data, where)

    # Its answer says which rows; all failure cases would only be written into a message that nobody reads.
    return _with(check, _check_fn=answer, n_failure_cases=1)


def _with(thing: T, **changes: Any) -> T:
    """A copy that differs in these attributes."""
    changed = copy.copy(thing)
    vars(changed).update(changes)
    return changed


def _built_in(name: str, data: Any, **args: Any) -> Any:
    return Check.get_builtin_check_fn(name)(data, **args)


def _for_each_row(answer: Any, data: Any, where: str) -> Any:
    """The answer of a check with "unknown" taken for "passes", as pandera takes it where nothing else fails.

    Where something does, pandera stumbles over the first NA, and which rows that would reject depends on
    which other rows are judged with them. Raises Refused unless there is an answer for each row.
    """
    fault = None
    if not isinstance(answer, (pd.Series, pd.DataFrame)):
        fault = (
            "answers once for all rows" if np.ndim(answer) == 0 else f"answers with a {type(answer).__name__}"
        )
    elif not answer.index.equals(data.index):
        fault = "answers for other rows than it is asked about"
    if fault:
        raise Refused(
            ConfigError(
                f"{where} {fault}",
                hint="a check must answer True or False for each row, in a Series on the index it is given",
            )
        )
    if not answer.isna().to_numpy().any():
        return answer
    return answer.apply(_known) if isinstance(answer, pd.DataFrame) else _known(answer)


def _known(answer: pd.Series[Any]) -> pd.Series[Any]:
    """An answer without unknowns: in a nullable dtype they pass, among objects they are false.

    Before pandas 3 `.str` answers None for a blank cell, and from then on False.
    """
    return answer.isin([True]) if answer.dtype == object else answer.fillna(True).astype(bool)
