"""Columns of pandas and Arrow on their way to text, as far as polars cannot take them over as they are."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.csv.text import ZONES_DIFFER_BEFORE, NoTextError, Text, of_objects, of_series, of_zoned

if TYPE_CHECKING:
    import pandas as pd

_FIXED_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def pandas_text(column: pd.Series[Any], *, days: bool) -> Text:
    """The text of a pandas column; with `days` a midnight is its day. Raises NoTextError."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(column.dtype, pd.CategoricalDtype):
        return _categories(column, days=days)
    try:
        if column.dtype == object:
            return arrow_text(pa.array(column, type=pa.large_string(), from_pandas=True))
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError):
        if column.dtype != object:
            raise NoTextError(f"values of type {column.dtype} have no text form") from None
        return of_objects(column, days=days)
    text = arrow_text(values, days=days)
    return _early_moments(column, text) if isinstance(column.dtype, pd.DatetimeTZDtype) else text


def _early_moments(column: pd.Series[Any], text: Text) -> Text:
    """The text, with date-times of early years as pandas has them, whose table of zones may be another."""
    import pandas as pd

    early = column < pd.Timestamp(ZONES_DIFFER_BEFORE, unit="ms", tz="UTC")
    if not early.any():
        return text
    own = of_objects(column[early.to_numpy()].astype(object))
    return text._replace(cells=text.cells.scatter(pl.Series(early.to_numpy()).arg_true(), own.cells))


def has_only_days(column: pd.Series[Any]) -> bool:
    """Whether a pandas column of date-times holds nothing but midnights and no zone."""
    import pyarrow as pa

    if not str(column.dtype).startswith(("datetime64[", "timestamp[")):
        return False
    values = pa.array(column, from_pandas=True)
    if values.type.tz:
        return False
    moments = _taken(values)
    return bool((moments.dt.truncate("1d") == moments).all())


def _categories(column: pd.Series[Any], *, days: bool) -> Text:
    categories = column.cat.categories.to_series()
    text = pandas_text(categories, days=days or has_only_days(categories))
    codes = pl.Series(column.cat.codes.to_numpy()).cast(pl.Int64)
    rows = codes.is_in(text.undecodable).arg_true().to_list()
    return Text(text.cells.gather(codes.set(codes < 0, None)), rows)


def arrow_text(column: Any, *, days: bool = False) -> Text:
    """The text of a pyarrow Array or ChunkedArray; with `days` a midnight is its day. Raises NoTextError."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return arrow_text(column.cast(kind.value_type), days=days)
    if pa.types.is_decimal256(kind):
        column = column.cast(pa.string())
    if pa.types.is_float16(kind):  # polars 1.35 would make singles of them, which are exact for longer
        return of_objects(column.to_numpy(zero_copy_only=False))
    if pa.types.is_date64(kind):
        column = column.cast(pa.date32())
    if pa.types.is_timestamp(kind) and (found := _FIXED_OFFSET.fullmatch(kind.tz or "")):
        sign = -1 if found[1] == "-" else 1
        offset = sign * dt.timedelta(hours=int(found[2]), minutes=int(found[3]))
        return of_zoned(_taken(column.cast(pa.timestamp(kind.unit))), offset)
    if (
        pa.types.is_nested(kind)
        or pa.types.is_fixed_size_binary(kind)
        or isinstance(kind, pa.BaseExtensionType)
    ):
        raise NoTextError(f"values of type {kind} have no text form")
    return of_series(_taken(column), days=days)


def _taken(column: Any) -> pl.Series:
    import pyarrow as pa

    try:
        taken = pl.from_arrow(column)
    except (pl.exceptions.PolarsError, pa.ArrowException, TypeError, ValueError):
        taken = None
    if not isinstance(taken, pl.Series):
        raise NoTextError(f"values of type {column.type} have no text form")
    return taken
