"""A DataFrame's values as the text that a person would expect in a CSV.

| value | text |
| --- | --- |
| None, NaN, NaT, NA | nothing: an empty cell |
| text, categories, enums | as they are |
| bytes | as UTF-8 |
| booleans | `true`, `false` |
| whole numbers of any type | `42`; a float without its `.0` |
| other floats | the shortest digits that give the same float, never with an exponent |
| floats of 2^53 (32 bits: 2^24) or more, infinity | refused: their digits would be a guess |
| decimals | all their digits, plain |
| dates | `2024-02-29` |
| date-times | `2024-02-29T13:05:00`, fractions as far as needed, a zone as `+05:30` |
| times | `13:05:00` |
| lists, structs, durations, objects of other types | refused |

A pandas column of dates that holds nothing but midnights without a zone is one of dates, as pandas has no
type for these; so it is told by the whole column, in `pipeline.read.frame`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

# Below it every whole number is a float of its own, so the digits shown are the ones meant; 2^53 itself is
# what 2^53 + 1 is rounded to.
_EXACT = {np.float64: 2**53, np.float32: 2**24, np.float16: 2**11}
ZONES_DIFFER_BEFORE = 94_694_400_000  # 1973-01-01, in ms: the last offset with seconds ended in 1972
_DATETIME = "%Y-%m-%dT%H:%M:%S%.f"
_MIDNIGHT = re.compile(r"T00:00:00(?:\.0+)?$")
# Python writes a fraction with six or nine digits, polars with three where that is enough.
_TRAILING_ZEROS = re.compile(r"(\.\d{3}(?:\d{3})*?)(?:000)+(?=[+-]|\Z)")


class NoTextError(Exception):
    """A value, or every value of a type, that has no certain text; `row` is its place in the column."""

    def __init__(self, why: str, row: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.row = row


class Text(NamedTuple):
    """A column as String, null where there is nothing; `undecodable` rows show their bytes as `\\xNN`."""

    cells: pl.Series
    undecodable: list[int]


def of_series(values: pl.Series, *, days: bool = False) -> Text:
    """The text of a polars column; with `days` a midnight without a zone is its day. Raises NoTextError."""
    kind = values.dtype
    if isinstance(kind, pl.Binary):
        return _of_bytes(values)
    if str(kind) == "Float16":  # polars 1.35 has no such type
        return of_objects(values.to_numpy())
    if kind.is_float():
        return Text(_of_floats(values), [])
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            return Text(_of_moments(values), [])
        written = values.dt.strftime(_DATETIME)
        return Text(written.str.replace(_MIDNIGHT.pattern, "") if days else written, [])
    if isinstance(kind, pl.Time):
        return Text(values.dt.strftime("%H:%M:%S%.f"), [])
    plain = kind.is_integer() or kind.is_decimal()
    if plain or isinstance(kind, pl.String | pl.Boolean | pl.Date | pl.Categorical | pl.Enum | pl.Null):
        return Text(values.cast(pl.String), [])
    raise NoTextError(f"values of type {kind.base_type()} have no text form")


def _of_moments(values: pl.Series) -> pl.Series:
    """Date-times of a zone, those of early years by Python's zones.

    Offsets had seconds then, which polars leaves out, and its table of zones is another.
    """
    written = values.dt.strftime(_DATETIME + "%:z")
    early = (values.dt.timestamp("ms") < ZONES_DIFFER_BEFORE).arg_true()
    if not len(early):
        return written
    zone = ZoneInfo(values.dtype.time_zone)  # type: ignore[attr-defined]
    moments = values.gather(early).dt.convert_time_zone("UTC")
    fractions = moments.dt.strftime("%.f").to_list()
    local = [each.replace(microsecond=0).astimezone(zone).isoformat() for each in moments.to_list()]
    own = [text[:19] + part + text[19:] for text, part in zip(local, fractions, strict=True)]
    return written.scatter(early, own)


def of_zoned(utc: pl.Series, offset: dt.timedelta) -> Text:
    """The text of date-times given in UTC that were written with one fixed offset, such as +05:30."""
    minutes = int(offset.total_seconds() // 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return Text((utc + offset).dt.strftime(_DATETIME) + zone, [])


def of_objects(values: Iterable[Any], *, days: bool = False) -> Text:
    """The text of values of mixed types, each by its own; `days` as for `of_series`. Raises NoTextError."""
    cells: list[str | None] = []
    undecodable = []
    for row, value in enumerate(values):
        text = _of_value(value, row)
        if days and isinstance(text, str) and isinstance(value, dt.datetime | np.datetime64):
            text = _MIDNIGHT.sub("", text)
        raw = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        readable = None if raw is None else raw.decode("utf-8", "backslashreplace")
        if readable != (text.decode("utf-8", "replace") if isinstance(text, bytes) else text):
            undecodable.append(row)  # no UTF-8, or a lone surrogate
        cells.append(readable or None)
    return Text(pl.Series(cells, dtype=pl.String), undecodable)


def _of_value(value: Any, row: int) -> str | bytes | None:
    """The text of one value; bytes are left to the caller."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else _TRAILING_ZEROS.sub(r"\1", str(value))
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "iub":
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, float | np.float32 | np.float16):
        return _of_float(value, row)
    if isinstance(value, Decimal) and not value.is_infinite():
        return None if value.is_nan() else f"{value:f}"
    if isinstance(value, dt.date | dt.time):
        return _TRAILING_ZEROS.sub(r"\1", value.isoformat())
    raise NoTextError(f"a value of type {type(value).__name__} has no text form", row)


def _of_float(value: float | np.floating[Any], row: int) -> str | None:
    """As `_of_floats`, of one value; to make a column of each would take far longer."""
    if math.isnan(value):
        return None
    limit = _EXACT[type(value) if isinstance(value, np.float16 | np.float32) else np.float64]
    if abs(float(value)) >= limit:
        raise _uncertain(limit, row)
    if value == int(value):
        return str(int(value))
    return np.format_float_positional(np.float32(value) if isinstance(value, np.float16) else value, trim="-")


def _uncertain(limit: int, row: int) -> NoTextError:
    return NoTextError(f"a float of {limit:,} or more has no certain digits", row)


def _of_bytes(values: pl.Series) -> Text:
    try:
        return Text(values.cast(pl.String), [])
    except pl.exceptions.PolarsError:
        return of_objects(values)  # some are no UTF-8: it tells which


def _of_floats(values: pl.Series) -> pl.Series:
    limit = _EXACT[np.float32 if isinstance(values.dtype, pl.Float32) else np.float64]
    values = values.fill_nan(None)
    refused = (values.abs() >= limit).arg_true()
    if len(refused):
        raise _uncertain(limit, int(refused[0]))
    integral = values.round(0) == values
    digits = values.cast(pl.String)
    short = digits.filter(digits.str.contains("e", literal=True) & ~integral).unique()
    digits = digits.replace({text: f"{Decimal(text):f}" for text in short})
    return digits.scatter(integral.arg_true(), values.filter(integral).cast(pl.Int64).cast(pl.String))
