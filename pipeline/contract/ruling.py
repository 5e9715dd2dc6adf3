"""The ruling: rows in doubt that polars judges as well as pandera, with the same verdict by the same names.

Most of what is wrong with a file is wrong by a check that means the same on both sides, and a file may be
full of it. A row is ruled here if all that may be said of it is certain: each check on it has an exact
counterpart, or the screen knows that it passes. All other rows are the judge's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.contract import typed
from pipeline.contract.comparisons import (
    EQUALITY,
    IN_ORDER,
    NoCounterpartError,
    as_float,
    compared,
    exactly,
)
from pipeline.contract.judgement import Judgement
from pipeline.contract.rules import ANY_FILLED, NOT_NULLABLE, ROW, Bound, CellType, CheckRule, Rules, coercion
from pipeline.contract.screen import DOUBT, is_filled, passes

if TYPE_CHECKING:
    from pipeline.handoffs import Mask

# Python's classes and `$` mean more than Rust's where a text has such a character.
_ODD = r"[^\x00-\x7f]|\n"
_PATTERNS = ("str_matches", "str_contains")
_EXACT_ON_TEXT = (
    *("str_length", "str_startswith", "str_endswith", *_PATTERNS, *EQUALITY),
    *("no_scientific_notation", "no_trailing_decimal", "no_leading_apostrophe", "no_lost_leading_zero"),
)
_KNOWN = "\0known"
_EPOCH = dt.datetime(1970, 1, 1)
_TICKS = {"ms": dt.timedelta(milliseconds=1), "us": dt.timedelta(microseconds=1)}


class Ruling:
    """What can be ruled on rows of a source with the bound columns, by a contract that changes no text."""

    def __init__(self, rules: Rules, bound: Bound) -> None:
        self._reasons = bound.reasons
        self._values = [
            typed.value(pl.col(name), rule.type).alias(_value(name)) for name, rule in bound.columns.items()
        ]
        self._known: list[pl.Expr] = []
        self._fails: dict[str, pl.Expr] = {}
        for name, rule in bound.columns.items():
            text, value, filled = pl.col(name), pl.col(_value(name)), is_filled(name)
            if rule.type.kind != "text":
                self._fails[f"{name}:{coercion(rule.dtype_name)}"] = filled & value.is_null()
            if not rule.nullable:
                self._fails[f"{name}:{NOT_NULLABLE}"] = ~filled
            for check in rule.checks:
                known, fails = _ruled(text, value, rule.type, check)
                self._known.append(known if check.ignore_na else known & filled)
                before = self._fails.get(reason := f"{name}:{check.name}", DOUBT)
                self._fails[reason] = before | fails  # two checks may go by one name
        for check in rules.rows:
            self._any_filled(check, [name for name in check.args.get("columns", ()) if name in bound.columns])

    def _any_filled(self, check: CheckRule, columns: list[str]) -> None:
        if check.kind == ANY_FILLED:
            self._fails[f"{ROW}:{check.name}"] = ~pl.any_horizontal(map(is_filled, columns))
        else:
            self._known.append(DOUBT)

    def __call__(self, cells: pl.DataFrame) -> tuple[Mask, Judgement]:
        """Which rows are ruled, and the judgement on these. Pure: for worker threads."""
        values = cells.with_columns(self._values)  # by itself: one plan of both takes polars longer to make
        found = values.with_columns(
            pl.all_horizontal(*self._known, pl.lit(value=True)).alias(_KNOWN),
            *(fails.alias(reason) for reason, fails in self._fails.items()),
        )
        known = found[_KNOWN]
        failed = [((found[reason] & known).arg_true().to_numpy(), reason) for reason in self._fails]
        return known.to_numpy(), Judgement.of(failed, self._reasons)


def _value(name: str) -> str:
    return f"\0{name}"


def _ruled(text: pl.Expr, value: pl.Expr, type_: CellType, check: CheckRule) -> tuple[pl.Expr, pl.Expr]:
    """Where it is known what the check says of the value, and where it says no; of null it says nothing."""
    exact = _exact(text, value, type_, check)
    if exact is None:
        surely = passes(text, type_, check).fill_null(value=False)
        return value.is_null() | surely, DOUBT
    fails = value.is_not_null() & ~exact.fill_null(value=False)
    if check.kind in _PATTERNS:
        return ~(fails & text.str.contains(_ODD)).fill_null(value=False), fails
    return pl.lit(value=True), fails


def _exact(text: pl.Expr, value: pl.Expr, type_: CellType, check: CheckRule) -> pl.Expr | None:
    """Where values pass the check and where they do not; None where that is not to be had."""
    if type_.kind == "text":
        found = passes(text, type_, check) if check.kind in _EXACT_ON_TEXT else DOUBT
        return None if found is DOUBT else found
    comparable = _comparable(value, type_)
    kinds = IN_ORDER if type_.kind == "datetime" else (*IN_ORDER, *EQUALITY)
    if comparable is None or check.kind not in kinds:
        return None
    value, literal = comparable
    try:
        return compared(value, check, literal)
    except NoCounterpartError:
        return None


def _comparable(value: pl.Expr, type_: CellType) -> tuple[pl.Expr, Callable[[Any], Any]] | None:
    """Values of the type as they are compared, and what makes an argument the same; None: pandas' own way."""
    match type_.kind:
        case "integer":
            return value, exactly(int, type_.integers)
        case "decimal" if type_.bits == 64:
            return value, as_float
        case "date":
            return value, exactly(dt.date)
        case "datetime" if type_.zone is None:
            return value.to_physical(), lambda bound: _ticks(bound, type_.unit)
    return None


def _ticks(moment: Any, unit: str) -> int:
    if type(moment) is not dt.datetime or moment.tzinfo:
        raise NoCounterpartError
    ticks, rest = divmod(moment - _EPOCH, _TICKS.get(unit, _TICKS["us"]))
    if rest:
        raise NoCounterpartError
    return ticks * 1000 if unit == "ns" else ticks
