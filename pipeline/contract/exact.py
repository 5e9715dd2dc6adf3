"""The one table of checks: what each says of a value, as one three-valued polars expression.

    true   the value fails the check
    false  it passes
    null   only pandera can say, so it is asked

An entry says true or false only where pandera surely says the same; pandera itself judges what is left
(pandera_judge.py). A new check is one row of `ON_TEXT`, or nothing at all: what has no row is null.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from pipeline.contract.patterns import compiles, may_match_less, translate
from pipeline.contract.rules import CellType, CheckRule
from pipeline.formats import emails, phones, spreadsheets

Args = Mapping[str, Any]
Literal = Callable[[Any], Any]

ASK = pl.lit(None, pl.Boolean)
EQUALITY = ("equal_to", "not_equal_to", "isin", "notin")
ORDER = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range")
# Python's classes and `$` mean more than Rust's where a text has such a character.
_BEYOND_RUST = r"[^\x00-\x7f]|[\n\x0b\x1c-\x1f]"
_EPOCH = dt.datetime(1970, 1, 1)
_TICK = {"ms": dt.timedelta(milliseconds=1), "us": dt.timedelta(microseconds=1)}


class NoCounterpart(Exception):
    """An argument that pandas may compare in a way of its own."""


def fails(value: pl.Expr, type_: CellType, check: CheckRule, *, days: bool = False) -> pl.Expr:
    """Whether values fail the check: true, false, or null where pandera must be asked.

    `value` is what `typed.value` makes of a column of that type, or, for `days`, what `typed.quick` makes of
    dates and date-times. Where it is null the answer means nothing.
    """
    if type_.kind == "text" and check.kind in ON_TEXT:
        return ON_TEXT[check.kind](value, check.args)
    try:
        if check.kind in EQUALITY:
            return _unequal(value, type_, check, days=days)
        if check.kind in ORDER:
            return _beyond(value, type_, check, days=days)
    except NoCounterpart:
        pass
    return ASK


def _unequal(value: pl.Expr, type_: CellType, check: CheckRule, *, days: bool) -> pl.Expr:
    literal = _literal(type_)
    if check.kind in ("isin", "notin"):
        (listed,) = check.args.values()
        if not isinstance(listed, tuple):
            raise NoCounterpart
        equal = value.is_in([str(literal(each)) if days else literal(each) for each in listed])
    else:
        wanted = literal(check.args["value"])
        equal = value == (str(wanted) if days else wanted)
    wrong = ~equal if check.kind in ("equal_to", "isin") else equal
    return wrong if type_.kind in ("text", "integer", "decimal", "date") else _if_passes(wrong)


def _beyond(value: pl.Expr, type_: CellType, check: CheckRule, *, days: bool) -> pl.Expr:
    if type_.kind in ("boolean", "category"):
        raise NoCounterpart
    at_least, at_most = _day_bounds(type_) if days else (_bound(type_),) * 2
    value = value.to_physical() if type_.kind == "datetime" and not days else value
    low, low_too, high, high_too = bounds(check)
    wrong = []
    if low is not None:
        wrong.append(value < at_least(low) if low_too else value <= at_most(low))
    if high is not None:
        wrong.append(value > at_most(high) if high_too else value >= at_least(high))
    return _if_passes(pl.any_horizontal(wrong)) if type_.kind == "text" else pl.any_horizontal(wrong)


def _bound(type_: CellType) -> Literal:
    return _ticks(type_) if type_.kind == "datetime" else _literal(type_)


def _day_bounds(type_: CellType) -> tuple[Literal, Literal]:
    """A bound as the text of the first day that begins no sooner, and of the last that begins no later."""
    exact = _bound(type_)

    def last(bound: Any) -> str:
        exact(bound)
        day: dt.date = bound.date() if type_.kind == "datetime" else bound
        return day.isoformat()

    def first(bound: Any) -> str:
        begun = type_.kind == "datetime" and bound.time() != dt.time()
        return last(bound + dt.timedelta(days=1) if begun else bound)

    return first, last


def bounds(check: CheckRule) -> tuple[Any, bool, Any, bool]:
    """Least value, whether it is allowed itself, greatest value, whether it is; None: no such bound."""
    args, equal = check.args, check.kind.endswith("_or_equal_to")
    low_too = bool(args.get("include_min", True)) if check.kind == "in_range" else equal
    high_too = bool(args.get("include_max", True)) if check.kind == "in_range" else equal
    return args.get("min_value"), low_too, args.get("max_value"), high_too


def _if_passes(wrong: pl.Expr) -> pl.Expr:
    """Certain where nothing is wrong; else null, for pandas may compare in a way of its own."""
    return pl.when(~wrong).then(False)


def _literal(type_: CellType) -> Literal:
    """What makes a check's argument comparable with values of the type; raises NoCounterpart."""
    match type_.kind:
        case "text" | "category":
            return _exactly(str)
        case "boolean":
            return _exactly(bool)
        case "integer":
            return _exactly(int, type_.integers)
        case "decimal" if type_.bits == 64:
            return _float
        case "date":
            return _exactly(dt.date)
    raise NoCounterpart


def _exactly(kind: type, among: range | None = None) -> Literal:
    def literal(value: Any) -> Any:
        if type(value) is not kind or (among is not None and value not in among):
            raise NoCounterpart
        return value

    return literal


def _float(value: Any) -> float:
    """A number that a float holds exactly."""
    if type(value) not in (int, float) or not abs(value) < 2**53:
        raise NoCounterpart
    return float(value)


def _ticks(type_: CellType) -> Literal:
    if type_.zone is not None:
        raise NoCounterpart

    def literal(moment: Any) -> int:
        if type(moment) is not dt.datetime or moment.tzinfo:
            raise NoCounterpart
        ticks, rest = divmod(moment - _EPOCH, _TICK.get(type_.unit, _TICK["us"]))
        if rest:
            raise NoCounterpart
        return ticks * 1000 if type_.unit == "ns" else ticks

    return literal


def _length(text: pl.Expr, args: Args) -> pl.Expr:
    exact = args.get("exact_value")
    least, most = (exact, exact) if exact is not None else (args.get("min_value"), args.get("max_value"))
    given = [bound for bound in (least, most) if bound is not None]
    if not given or any(type(bound) is not int for bound in given):
        return ASK
    size = text.str.len_chars()
    wrong = [] if least is None else [size < least]
    return pl.any_horizontal(wrong if most is None else [*wrong, size > most])


def _pattern(text: pl.Expr, args: Args, *, at_start: bool) -> pl.Expr:
    rust = translate(args, at_start=at_start)
    if rust is None or not compiles(rust):
        return ASK
    if not may_match_less(args["pattern"]):
        return ~text.str.contains(rust)

    def unmatched(texts: pl.Series) -> pl.Series:
        wrong = ~texts.str.contains(rust)
        if not wrong.any():
            return wrong
        frame = pl.DataFrame({"wrong": wrong, "text": texts})
        unsure = pl.col("wrong") & pl.col("text").str.contains(_BEYOND_RUST)
        return frame.select(pl.when(~unsure).then("wrong")).to_series()

    return text.map_batches(unmatched, return_dtype=pl.Boolean)


def _edge(text: pl.Expr, args: Args, look: Callable[[pl.Expr, str], pl.Expr]) -> pl.Expr:
    return ~look(text, args["string"]) if type(args["string"]) is str else ASK


ON_TEXT: dict[str, Callable[[pl.Expr, Args], pl.Expr]] = {
    "str_length": _length,
    "str_matches": lambda text, args: _pattern(text, args, at_start=True),
    "str_contains": lambda text, args: _pattern(text, args, at_start=False),
    "str_startswith": lambda text, args: _edge(text, args, lambda t, s: t.str.starts_with(s)),
    "str_endswith": lambda text, args: _edge(text, args, lambda t, s: t.str.ends_with(s)),
    "email": lambda text, _: emails.fails(text),
    "phone": lambda text, args: phones.fails(text, args.get("region")),
    "no_missing_country_code": lambda text, args: (
        pl.lit(value=False) if args.get("region") else phones.no_country_code(text)
    ),
    "no_scientific_notation": lambda text, _: spreadsheets.fails(text, spreadsheets.scientific_notation),
    "no_trailing_decimal": lambda text, _: spreadsheets.fails(text, spreadsheets.trailing_decimal),
    "no_leading_apostrophe": lambda text, _: spreadsheets.fails(text, spreadsheets.apostrophe),
    "no_disguise": lambda text, _: spreadsheets.fails(text, spreadsheets.disguise),
    "no_lost_leading_zero": lambda text, args: spreadsheets.fails(
        text, spreadsheets.shorter_than(args["length"])
    ),
}
