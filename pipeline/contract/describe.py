"""pandera schema -> Rules, or a ConfigError that names what of it is not supported.

The contract speaks about one row at a time, plus `unique`: what cannot be decided so is refused here, at
load, rather than decided wrongly batch by batch later.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandera import dtypes
from pandera.api.checks import Check
from pandera.api.function_dispatch import Dispatcher
from pandera.api.hypotheses import Hypothesis
from pandera.pandas import Column, DataFrameSchema

from pipeline.contract.rules import OPAQUE, CellType, CheckRule, ColumnRule, Keep, Rules, Unique
from pipeline.errors import ConfigError
from pipeline.formats.phonepatterns import require_region
from pipeline.formats.spreadsheets import shorter_than
from pipeline.readings import Reading, taken

_KEEP: dict[str, Keep] = {"exclude_first": "first", "exclude_last": "last", "all": "none"}
_STRICT: dict[bool | str, Literal["keep", "drop", "refuse"]] = {
    False: "keep",
    "filter": "drop",
    True: "refuse",
}
_ABOUT_ROWS = {
    *("equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than"),
    *("less_than_or_equal_to", "in_range", "isin", "notin", "str_matches", "str_contains"),
    *("str_startswith", "str_endswith", "str_length"),
}
# Of our own checks that have arguments: what refuses those that make no sense.
_ARGUMENTS: dict[str, Callable[..., object]] = {
    "phone": require_region,
    "no_missing_country_code": require_region,
    "no_lost_leading_zero": shorter_than,
}


def describe(schema: DataFrameSchema) -> Rules:
    """The schema's rules; raises ConfigError for what a contract cannot ask for."""
    for asked, what, instead in (
        (schema.index is not None, "index", "a source has no index: describe the column instead"),
        (schema.drop_invalid_rows, "drop_invalid_rows", "remove it: invalid rows are always set apart"),
        (schema.add_missing_columns, "add_missing_columns", "remove it, or use required=False"),
    ):
        if asked:
            raise ConfigError(f"the contract uses {what}, which is not supported", hint=instead)
    for check in schema.checks:
        _must_be_about_rows(check, "the contract")
    return Rules(
        columns=tuple(_column(name, column, schema) for name, column in schema.columns.items()),
        rows=tuple(check_rule(check) for check in schema.checks if not check.raise_warning),
        uniques=tuple(Unique(columns, _KEEP[schema.report_duplicates]) for columns in _uniques(schema)),
        strict=_STRICT[schema.strict],
        ordered=schema.ordered,
        parsed=bool(schema.parsers),
    )


def check_name(check: Check) -> str:
    """What pandera's failure cases call this check, with any set in it spelled in order."""
    name = str(check.error if check.error is not None else check.name if check.name is not None else check)
    for value in (check.statistics or {}).values():
        if isinstance(value, (set, frozenset)) and name.startswith(f"{check.name}({str(value)[:1]}"):
            return f"{check.name}({_ordered(value)})"
    return name


def _ordered(values: Collection[Any]) -> str:
    listed = f"{{{', '.join(sorted(map(repr, values)))}}}" if values else "set()"
    return f"frozenset({listed})" if isinstance(values, frozenset) else listed


def check_rule(check: Check) -> CheckRule:
    """The check as data; OPAQUE where it is code, or where an argument is not plain."""
    function = check._check_fn
    kind, args = OPAQUE, {}
    if isinstance(function, Dispatcher):
        kind, args = function.__name__, check._check_kwargs
    elif isinstance(function, partial) and check.name in Check.REGISTERED_CUSTOM_CHECKS:
        kind, args = check.name, function.keywords
    try:
        plain = {key: item for name, value in args.items() for key, item in _plain(name, value)}
    except TypeError:
        kind, plain = OPAQUE, {}
    if check.element_wise or check.groupby is not None:
        kind, plain = OPAQUE, {}
    return CheckRule(check_name(check), kind, plain, check.ignore_na, str(check.description or "").strip())


def cell_type(dtype: dtypes.DataType | None, where: str) -> CellType:
    """How text becomes values of a pandera dtype; raises ConfigError for a dtype that is not supported."""
    name = str(dtype)
    bits = getattr(dtype, "bit_width", 64)
    if dtype is None or dtypes.is_string(dtype) or name == "object":
        return CellType()
    if dtypes.is_int(dtype):
        return CellType("integer", bits=bits, signed=not dtypes.is_uint(dtype))
    if dtypes.is_float(dtype) and bits in (32, 64):
        return CellType("decimal", bits=bits)
    if dtypes.is_bool(dtype):
        return CellType("boolean")
    if name in ("date", "date32[day][pyarrow]"):
        return CellType("date")
    if dtypes.is_datetime(dtype) and (moment := _moment(dtype)):
        return moment
    if dtypes.is_category(dtype):
        known = getattr(dtype, "categories", None)
        if known is None or all(isinstance(category, str) for category in known):
            return CellType("category", categories=None if known is None else tuple(known))
    raise ConfigError(
        f"{where} has dtype {name}, which is not supported",
        hint="use str, int, float, bool, date, datetime, a category of texts, or one of their nullable forms",
    )


def _column(name: Any, column: Column, schema: DataFrameSchema) -> ColumnRule:
    if not isinstance(name, str):
        raise ConfigError(f"the contract has a column named {name!r}", hint="a column's name is a text")
    where = f"column {name} of the contract"
    if column.drop_invalid_rows:
        raise ConfigError(
            f"{where} uses drop_invalid_rows", hint="remove it: invalid rows are always set apart"
        )
    for check in column.checks:
        _must_be_about_rows(check, where)
        _must_make_sense(check_rule(check), where)
    dtype = schema.dtype or column.dtype
    type_ = cell_type(dtype, where)
    return ColumnRule(
        name=name,
        regex=column.regex,
        required=column.required,
        nullable=column.nullable,
        type=type_,
        dtype_name="" if dtype is None else str(dtype),
        unique=_KEEP[column.report_duplicates] if column.unique else None,
        parsed=bool(column.parsers),
        default=_default(column.default, type_, where),
        checks=tuple(check_rule(check) for check in column.checks if not check.raise_warning),
        read=_readings(column, where),
    )


def _readings(column: Column, where: str) -> tuple[Reading, ...]:
    """The readings that a column's metadata ask for."""
    try:
        return taken((column.metadata or {}).get("read", ()))
    except ValueError as error:
        raise ConfigError(
            f"{where} has metadata with a reading that is none: {error}",
            hint="docs/readings.md has every reading.",
        ) from None


def _default(default: Any, type_: CellType, where: str) -> str | None:
    """The text of a column's default, None where there is none."""
    if default is None:
        return None
    import polars as pl

    from pipeline.contract import text, typed

    try:
        written = text.write(default)
        fits = not written or pl.select(typed.value(pl.lit(written), type_)).item() is not None
    except TypeError:
        fits = False
    if not fits:
        raise ConfigError(
            f"{where} has a default that is no value of its dtype", hint="give it one, or leave it out"
        )
    return written or None


def _must_be_about_rows(check: Check, where: str) -> None:
    function = check._check_fn
    is_scalar = isinstance(function, Dispatcher) and function.__name__ not in _ABOUT_ROWS
    if isinstance(check, Hypothesis) or check.groupby is not None or is_scalar:
        raise ConfigError(
            f"{where} has the check {check.name or check_name(check)}, which is not about single rows",
            hint="a contract speaks about one row at a time, plus unique: take the check out",
        )


def _must_make_sense(check: CheckRule, where: str) -> None:
    """ConfigError where an argument of one of our own checks is none that it can be asked with."""
    look = _ARGUMENTS.get(check.kind)
    try:
        if look:
            look(**check.args)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where} has the check {check.kind}: {error}", hint="docs/contract.md lists the checks"
        ) from None


def _uniques(schema: DataFrameSchema) -> Iterable[tuple[str, ...]]:
    """The combinations of columns that the schema wants unique: pandera takes one list, or several."""
    unique = schema.unique or []
    one = bool(unique) and all(isinstance(name, str) for name in unique)
    return [tuple(unique)] if one else map(tuple, unique)


def _moment(dtype: Any) -> CellType | None:
    """The date-times of this dtype; None where it asks for more than a unit and a zone known by name."""
    options = ("to_datetime_kwargs", "tz_localize_kwargs", "time_zone_agnostic")
    if any(getattr(dtype, option, None) for option in options) or dtype.unit not in ("ms", "us", "ns"):
        return None
    if dtype.tz is None:
        return CellType("datetime", unit=dtype.unit)
    try:
        return CellType("datetime", unit=dtype.unit, zone=ZoneInfo(str(dtype.tz)).key)
    except (OSError, ValueError):
        return None


def _plain(name: str, value: Any) -> Iterable[tuple[str, Any]]:
    """An argument of a check as plain data; raises TypeError where it is not."""
    if isinstance(value, re.Pattern):
        yield from ((name, value.pattern), ("flags", value.flags))
    elif isinstance(value, (set, frozenset)):
        yield name, tuple(sorted(map(_scalar, value), key=lambda each: (type(each).__name__, each)))
    elif isinstance(value, (list, tuple)):
        yield name, tuple(map(_scalar, value))
    else:
        yield name, _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp) and value.nanosecond == 0:
        return value.to_pydatetime()
    if value is None or type(value) in (bool, int, float, str, dt.date, dt.datetime):
        return value
    raise TypeError
