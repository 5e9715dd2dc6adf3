"""The typed view: what the contract takes the text of a cell for. Ours, not pandera's or a parser's guess.

    integer    [+-]?[0-9]+, within the dtype's range (beyond it, so beyond 64 bits too: not a value)
    decimal    [+-]?[0-9]+(.[0-9]+)?: no exponent, no bare point (`.5`, `5.`), no thousands, never infinite
    boolean    true or false, in any case
    date       YYYY-MM-DD, a day that was or will be
    datetime   a date, or a date and a time after `T` or a blank: hh:mm, hh:mm:ss, up to nine decimals of a
               second, then Z, UTC or an offset (+hh:mm, +hhmm, +hh, or with -), with a blank before or not,
               or nothing: as PostgreSQL, BigQuery and Snowflake write them. A cell with an offset is that
               moment (in UTC for a column without a zone), one without is taken in the column's own zone
    category   one of the categories, letter for letter
    text       itself

An empty cell is null, and nothing else is: no `NA`, no blank. Digits are ASCII. Expressions throughout, so
that a whole table is one query; patterns are whole (`^…$` ends at the very end in Rust's regexes, unlike
Python's) and spell out their digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from pipeline.contract.rules import CellType

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"{_OFFSET}(?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?"
_INTEGER = "^[+-]?[0-9]+$"
_DECIMAL = r"^[+-]?[0-9]+(?:\.[0-9]+)?$"
_TRUE, _FALSE = "^[Tt][Rr][Uu][Ee]$", "^[Ff][Aa][Ll][Ss][Ee]$"
_ZONE = " ?(?:Z|UTC|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_DATETIME = rf"^{_DAY}(?:[T ]{TIME}(?:{_ZONE})?)?$"

# A day of a year that every date-time dtype holds.
_LEAP_YEAR = "(?:(?:1[7-9]|2[01])(?:0[48]|[2468][048]|[13579][26])|2000)"
_SURE_DAY = (
    "(?:(?:1[7-9]|2[01])[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    f"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_SURELY_A_DAY = f"^{_SURE_DAY}$"
_SURELY_A_MOMENT = rf"^{_SURE_DAY}(?:[T ]{TIME})?$"
_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def filled(column: pl.Expr) -> pl.Expr:
    """The text of each cell that is not empty; null for the others."""
    return pl.when(column != "").then(column)


def value(column: pl.Expr, type_: CellType) -> pl.Expr:
    """The value of each cell of a String column; null where the cell is empty or is no such value."""
    text = filled(column)
    match type_.kind:
        case "text":
            return text
        case "integer":
            return _integer(text, type_)
        case "decimal":
            return _decimal(text, type_)
        case "boolean":
            return pl.when(text.str.contains(_TRUE)).then(True).when(text.str.contains(_FALSE)).then(False)
        case "date":
            return pl.when(text.str.contains(rf"^{_DAY}$")).then(_day(text))
        case "datetime":
            return pl.when(text.str.contains(_DATETIME)).then(_moment(text, type_))
        case "category":
            return (
                text if type_.categories is None else pl.when(text.is_in(list(type_.categories))).then(text)
            )


def quick(column: pl.Expr, type_: CellType) -> pl.Expr | None:
    """A quicker `value`, null for some texts that are values too; None where there is none.

    Whole numbers as they are; of dates, and of date-times without a zone, the text of those that are
    written as a day and no more.
    """
    match type_.kind:
        case "integer":
            return column.cast(_numbers(type_), strict=False)
        case "date":
            return pl.when(column.str.contains(_SURELY_A_DAY)).then(column)
        case "datetime" if type_.zone is None:
            return pl.when(column.str.contains(_SURELY_A_DAY)).then(column)
    return None


def surely_value(column: pl.Expr, type_: CellType) -> pl.Expr | None:
    """As `quick`, where nothing is to be compared with: date-times with a time of day, too."""
    if type_.kind == "datetime" and type_.zone is None:
        return pl.when(column.str.contains(_SURELY_A_MOMENT)).then(column)
    return quick(column, type_)


def view(cells: pl.DataFrame, types: Mapping[str, CellType]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The values of the columns in `types`, and which cells hold text that is no such value.

    Both have one column per entry of `types` in its order: values typed, or null; faults Boolean, no nulls.
    """
    values = cells.select(value(pl.col(name), type_).alias(name) for name, type_ in types.items())
    return values, cells.select(
        ((pl.col(name) != "").fill_null(False) & values[name].is_null()).alias(name) for name in types
    )


def _integer(text: pl.Expr, type_: CellType) -> pl.Expr:
    number = pl.when(text.str.contains(_INTEGER)).then(text)
    # By way of 128 bits, where `-0` is a number also to a column without negative ones.
    return number.cast(pl.Int128, strict=False).cast(_numbers(type_), strict=False)


def _numbers(type_: CellType) -> Any:
    return getattr(pl, f"{'Int' if type_.signed else 'UInt'}{type_.bits}")


def _decimal(text: pl.Expr, type_: CellType) -> pl.Expr:
    number = pl.when(text.str.contains(_DECIMAL)).then(text).cast(pl.Float64, strict=False)
    number = number.cast(pl.Float32) if type_.bits == 32 else number
    return pl.when(number.is_finite()).then(number)


def _day(text: pl.Expr) -> pl.Expr:
    day = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(day.dt.year() >= 1).then(day)  # Python and pandas know no year 0


def _moment(text: pl.Expr, type_: CellType) -> pl.Expr:
    """Date-times of a dtype's unit (finer decimals are cut off) and zone, null outside of its range.

    Of any other text, anything.
    """
    return text.map_batches(partial(_moments, type_=type_), pl.Datetime(type_.unit, type_.zone))


def _moments(texts: pl.Series, type_: CellType) -> pl.Series:
    """The same of a column, step by step, so that each is taken once."""
    text, zone, clock, moment = map(pl.col, ("text", "zone", "clock", "moment"))
    parts = texts.alias("text").to_frame().with_columns(zone=text.str.slice(11).str.extract(f"({_ZONE})$"))
    parts = parts.with_columns(
        clock=text.str.slice(0, text.str.len_bytes() - zone.str.len_bytes().fill_null(0)),
        digits=zone.str.replace_all("[^0-9]", ""),
    )
    seconds = _day(text.str.slice(0, 10)).cast(pl.Int64) * 86400
    seconds += _number(text, 11) * 3600 + _number(text, 14) * 60 + _number(clock, 17)
    offset = _number(pl.col("digits"), 0) * 3600 + _number(pl.col("digits"), 2) * 60
    seconds -= pl.when(zone.str.contains("-", literal=True)).then(-offset).otherwise(offset)
    decimals = clock.str.slice(20).str.pad_end(9, "0").cast(pl.Int64, strict=False)
    parts = parts.with_columns(moment=_ticks(seconds, type_, decimals))
    if type_.zone is not None:
        local = moment.dt.replace_time_zone(type_.zone, ambiguous="null", non_existent="null")
        absolute = moment.dt.replace_time_zone("UTC").dt.convert_time_zone(type_.zone)
        moment = pl.when(zone.is_not_null()).then(absolute).otherwise(local)
    return parts.select(moment).to_series()


def _ticks(seconds: pl.Expr, type_: CellType, decimals: pl.Expr | None = None) -> pl.Expr:
    """So many seconds (and nanoseconds) after 1970 in the dtype's unit, null outside of its range."""
    per_second = _PER_SECOND[type_.unit]
    ticks = seconds.cast(pl.Int128) * per_second
    if decimals is not None:
        ticks += decimals // (10**9 // per_second)
    return ticks.cast(pl.Int64, strict=False).cast(pl.Datetime(type_.unit))


def _number(text: pl.Expr, start: int) -> pl.Expr:
    """The two digits from `start`, 0 where there are none."""
    return text.str.slice(start, 2).cast(pl.Int64, strict=False).fill_null(0)
