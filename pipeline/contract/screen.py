"""The screen: which rows are certainly good, said by polars from the rules alone, without pandera.

It has one duty: never to pass a row that pandera would reject. What is not certainly good is in doubt, and
the judge is asked. So each expression here may be narrower than the check it stands for, and never wider:
null counts as doubt, and a check that has no exact counterpart leaves every value in doubt.

    text              as it is
    integer, decimal  as numbers (float32: not at all, pandas compares it in its own precision)
    date              as text: a day that is one, written YYYY-MM-DD, sorts and compares as the day does
    datetime          as the text of its day; the moments within the day of a bound are in doubt
    boolean           as it is
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.contract import typed
from pipeline.contract.comparisons import (
    EQUALITY,
    IN_ORDER,
    NoCounterpartError,
    as_float,
    bounds,
    compared,
    exactly,
    lengths,
)
from pipeline.contract.patterns import compiles, plain, translated
from pipeline.contract.rules import Bound, CellType, CheckRule, ColumnRule, Rules
from pipeline.formats import emails, phones, spreadsheets

# A day of a year that every date-time dtype holds.
_LEAP_YEAR = "(?:(?:1[7-9]|2[01])(?:0[48]|[2468][048]|[13579][26])|2000)"
_DAY = (
    "(?:(?:1[7-9]|2[01])[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    f"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_DAY_ALONE = f"^{_DAY}$"
_LOCAL_MOMENT = rf"^{_DAY}(?:[T ]{typed.TIME})?$"

if TYPE_CHECKING:
    from pipeline.handoffs import Mask

Args = Mapping[str, Any]
DOUBT = pl.lit(value=False)


def screen(rules: Rules, bound: Bound) -> pl.Expr:
    """A polars expression over the text of the bound columns: true where a row is certainly good, else false.

    An empty cell is null or "".
    """
    if rules.about_whole_rows:
        return DOUBT
    needed = [good for name, rule in bound.columns.items() if (good := surely_good(name, rule)) is not None]
    for check in rules.rows:
        there = [name for name in check.args["columns"] if name in bound.columns]
        needed.append(pl.any_horizontal(is_filled(name) for name in there))
    return pl.all_horizontal(*needed, pl.lit(value=True)).fill_null(value=False)


def in_doubt(cells: pl.DataFrame, good: pl.Expr) -> Mask:
    """The rows that a screen does not pass."""
    found = cells.lazy().with_columns(good.alias("\0good")).select("\0good").collect()
    return ~found.to_series().to_numpy()


def is_filled(name: str) -> pl.Expr:
    """Where the column's cell is not empty, null or ""; true or false."""
    return (pl.col(name) != "").fill_null(value=False)


def surely_good(name: str, rule: ColumnRule) -> pl.Expr | None:
    """Where this column has nothing against a row; None: nowhere has it."""
    if rule.parsed:
        return DOUBT
    text = pl.col(name)
    needed = [found for found in (_of_type(text, rule.type), *_checks(text, rule)) if found is not None]
    if not rule.nullable or rule.default is not None:
        return pl.all_horizontal(is_filled(name), *needed)
    if not all(check.ignore_na for check in rule.checks):
        return pl.all_horizontal(is_filled(name), *needed)
    return text.is_null() | pl.all_horizontal(needed) if needed else None


def _of_type(text: pl.Expr, type_: CellType) -> pl.Expr | None:
    """Where the text is a value of the type; None: everywhere."""
    match type_.kind:
        case "text":
            return None
        case "date":
            return text.str.contains(_DAY_ALONE)
        case "datetime" if type_.zone is None:
            return text.str.contains(_LOCAL_MOMENT)
        case "integer":
            return _number(text, type_).is_not_null()
        case _:
            return typed.value(text, type_).is_not_null()


def _number(text: pl.Expr, type_: CellType) -> pl.Expr:
    """polars' own reading of integers: sign and digits, within the range, else null."""
    return text.cast(getattr(pl, f"{'Int' if type_.signed else 'UInt'}{type_.bits}"), strict=False)


def _checks(text: pl.Expr, rule: ColumnRule) -> list[pl.Expr]:
    return [passes(text, rule.type, check) for check in rule.checks]


def passes(text: pl.Expr, type_: CellType, check: CheckRule) -> pl.Expr:
    """Where values surely pass this check; where they are null it does not matter."""
    if type_.kind == "text" and check.kind in _ON_TEXT:
        return _ON_TEXT[check.kind](text, check.args)
    if type_.kind == "datetime" and type_.zone is None and check.kind in IN_ORDER:
        return _within_days(text, check)
    comparable = _comparable(text, type_)
    if comparable is None or check.kind not in (*IN_ORDER, *EQUALITY):
        return DOUBT
    value, literal = comparable
    if check.kind in IN_ORDER and type_.kind in ("boolean", "category"):
        return DOUBT
    try:
        return compared(value, check, literal)
    except NoCounterpartError:
        return DOUBT


def _comparable(text: pl.Expr, type_: CellType) -> tuple[pl.Expr, Callable[[Any], Any]] | None:
    """What values of the type are compared as, and an argument made the same."""
    match type_.kind:
        case "text" | "category":
            return text, exactly(str)
        case "integer":
            return _number(text, type_), exactly(int, type_.integers)
        case "decimal" if type_.bits == 64:
            return typed.value(text, type_), as_float
        case "boolean":
            return typed.value(text, type_), exactly(bool)
        case "date":
            return text, lambda value: exactly(dt.date)(value).isoformat()
    return None


def _within_days(text: pl.Expr, check: CheckRule) -> pl.Expr:
    """Moments compared by their days; on the day of a bound itself only where no hour can matter."""
    low, low_too, high, high_too = bounds(check)
    given = [bound for bound in (low, high) if bound is not None]
    if any(type(bound) is not dt.datetime or bound.tzinfo for bound in given):
        return DOUBT
    day, needed = text.str.slice(0, 10), []
    if low is not None:
        first = low.date().isoformat()
        needed.append(day >= first if low_too and low.time() == dt.time() else day > first)
    if high is not None:
        last = high.date().isoformat()
        allowed = high_too or high.time() != dt.time()
        needed.append((day < last) | (text == last) if allowed else day < last)
    return pl.all_horizontal(needed)


def _length(text: pl.Expr, args: Args) -> pl.Expr:
    size, asked = text.str.len_chars(), lengths(args)
    if asked is None or asked == (None, None):
        return DOUBT
    least, most = asked
    needed = [] if least is None else [size >= least]
    return pl.all_horizontal([*needed, size <= most] if most is not None else needed)


def _pattern(text: pl.Expr, args: Args, *, at_start: bool) -> pl.Expr:
    pattern = plain(args)
    found = None if pattern is None else translated(pattern, at_start=at_start)
    return text.str.contains(found) if found is not None and compiles(found) else DOUBT


def _edge(text: pl.Expr, args: Args, look: Callable[[pl.Expr, str], pl.Expr]) -> pl.Expr:
    return look(text, args["string"]) if type(args["string"]) is str else DOUBT


_ON_TEXT: dict[str, Callable[[pl.Expr, Args], pl.Expr]] = {
    "str_length": _length,
    "str_matches": lambda text, args: _pattern(text, args, at_start=True),
    "str_contains": lambda text, args: _pattern(text, args, at_start=False),
    "str_startswith": lambda text, args: _edge(text, args, lambda t, s: t.str.starts_with(s)),
    "str_endswith": lambda text, args: _edge(text, args, lambda t, s: t.str.ends_with(s)),
    "email": lambda text, _: emails.screen(text),
    "phone": lambda text, args: phones.screen(text, args.get("region")),
    "no_scientific_notation": lambda text, _: spreadsheets.screen(text, spreadsheets.scientific_notation),
    "no_trailing_decimal": lambda text, _: spreadsheets.screen(text, spreadsheets.trailing_decimal),
    "no_leading_apostrophe": lambda text, _: spreadsheets.screen(text, spreadsheets.apostrophe),
    "no_disguise": lambda text, _: spreadsheets.screen(text, spreadsheets.disguise),
    "no_missing_country_code": lambda text, args: (
        pl.lit(value=True) if args.get("region") else ~phones.no_country_code(text)
    ),
    "no_lost_leading_zero": lambda text, args: spreadsheets.screen(
        text, spreadsheets.shorter_than(args["length"])
    ),
}
