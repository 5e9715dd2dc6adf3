"""The ruling: what polars says of rows in doubt as well as pandera, with the same verdict by the same names.

Most of what is wrong with a file is wrong by a check that means the same on both sides, and a file may be
full of it. Column by column, the cells that the screen is not sure of are looked at. A cell is ruled on if
all that may be said of it is certain: each check on it has an exact counterpart (for an e-mail address or a
phone number the very function that pandera would call), or the screen knows that it passes. About the other
cells the judge is asked, and about all cells of a row where checks are about whole rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
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
from pipeline.contract.judgement import Found, Judgement
from pipeline.contract.patterns import narrowed
from pipeline.contract.rules import (
    ANY_FILLED,
    NOT_NULLABLE,
    ROW,
    Bound,
    CellType,
    CheckRule,
    ColumnRule,
    Rules,
    coercion,
)
from pipeline.contract.screen import DOUBT, is_filled, passes, surely_good
from pipeline.formats import emails, phones

if TYPE_CHECKING:
    from pipeline.handoffs import Mask, Offsets

# Python's classes and `$` mean more than Rust's where a text has such a character.
_ODD = r"[^\x00-\x7f]|[\n\x0b\x1c-\x1f]"
_PATTERNS = ("str_matches", "str_contains")
_EXACT_ON_TEXT = (
    *("str_length", "str_startswith", "str_endswith", *_PATTERNS, *EQUALITY),
    *("no_scientific_notation", "no_trailing_decimal", "no_leading_apostrophe", "no_lost_leading_zero"),
    *("no_disguise", "no_missing_country_code"),
)
_VERDICTS: dict[str, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    "email": lambda text, _: emails.verdict(text),
    "phone": lambda text, args: phones.verdict(text, args.get("region")),
}
_KNOWN, _VALUE = "\0known", "\0value"
_EPOCH = dt.datetime(1970, 1, 1)
_TICKS = {"ms": dt.timedelta(milliseconds=1), "us": dt.timedelta(microseconds=1)}


class Ruled(NamedTuple):
    """What is certain about rows, and which of them have cells that are not ruled on, in which columns."""

    judgement: Judgement
    rows: Offsets
    columns: tuple[str, ...]


class Ruling:
    """What can be ruled on rows with the bound columns."""

    def __init__(self, rules: Rules, bound: Bound) -> None:
        self._reasons = bound.reasons
        good = {name: surely_good(name, rule) for name, rule in bound.columns.items()}
        self._good = [found.fill_null(False).alias(name) for name, found in good.items() if found is not None]
        self._columns = [_Column(name, bound.columns[name]) for name in good if good[name] is not None]
        changed = any(rule.parsed or rule.default is not None for rule in bound.columns.values())
        self._anything = not rules.about_whole_rows and not (changed and rules.rows)
        self._rows = [
            (f"{ROW}:{check.name}", [is_filled(name) for name in check.args["columns"] if name in good])
            for check in rules.rows
            if check.kind == ANY_FILLED
        ]
        self._keys = rules.keys

    def __call__(self, cells: pl.DataFrame) -> Ruled:
        """What can be ruled on these rows. Pure: for worker threads."""
        if not self._anything:
            return Ruled(Judgement(), np.arange(cells.height), tuple(cells.columns))
        good = cells.with_columns(self._good)
        failed: list[Found] = []
        for reason, filled in self._rows:
            failed.append((_where(cells.select(~pl.any_horizontal(filled)).to_series()), reason))
        asked, open_ = {*self._keys}, np.zeros(cells.height, np.bool_)
        for column in self._columns:
            rows = _where(~good[column.name])
            if len(rows):
                surely, fails = column.ruled(cells[column.name].gather(rows))
                failed += [(rows[at[surely[at]]], reason) for at, reason in fails]
                if not surely.all():
                    open_[rows[~surely]] = True
                    asked.add(column.name)
        judgement = Judgement.of(failed, self._reasons)
        return Ruled(judgement, np.flatnonzero(open_), tuple(name for name in cells.columns if name in asked))


class _Column:
    """What can be ruled on cells of one column that are not surely good."""

    def __init__(self, name: str, rule: ColumnRule) -> None:
        self.name = name
        text, filled = pl.col(name), is_filled(name)
        value, self._value, self._of_days = typed.value(text, rule.type), None, None
        known: list[pl.Expr] = []
        self._fails: dict[str, pl.Expr] = {}
        if rule.type.kind != "text":
            value, self._value = pl.col(_VALUE), value.alias(_VALUE)
            if rule.type.kind == "datetime" and rule.type.zone is None:
                self._of_days = typed.of_days(text, rule.type).alias(_VALUE)
            self._fails[f"{name}:{coercion(rule.dtype_name)}"] = filled & value.is_null()
        if not rule.nullable:
            self._fails[f"{name}:{NOT_NULLABLE}"] = ~filled
        for check in rule.checks:
            surely, fails = _ruled(text, value, rule.type, check)
            known.append(surely if check.ignore_na else surely & filled)
            before = self._fails.get(reason := f"{name}:{check.name}", DOUBT)
            self._fails[reason] = before | fails  # two checks may go by one name
        if rule.parsed or rule.default is not None:  # and who knows what it is changed to
            known.append(DOUBT)
        self._known = pl.all_horizontal(*known, pl.lit(value=True)).alias(_KNOWN)

    def ruled(self, cells: pl.Series) -> tuple[Mask, list[Found]]:
        """Which cells are ruled, and what is wrong with which of them (and maybe with others)."""
        values = cells.to_frame()
        if self._value is not None:  # by itself: one plan of all takes polars longer to make
            longest = cells.str.len_bytes().max() if self._of_days is not None else None
            days = isinstance(longest, int) and longest <= typed.DAY_BYTES
            values = values.with_columns(self._of_days if days else self._value)
        fails = (expression.alias(reason) for reason, expression in self._fails.items())
        found = values.with_columns(self._known, *fails)
        return found[_KNOWN].to_numpy(), [(_where(found[reason]), reason) for reason in self._fails]


def _where(true: pl.Series) -> Offsets:
    return true.arg_true().to_numpy()


def _ruled(text: pl.Expr, value: pl.Expr, type_: CellType, check: CheckRule) -> tuple[pl.Expr, pl.Expr]:
    """Where it is known what the check says of the value, and where it says no; of null it says nothing."""
    exact = _exact(text, value, type_, check)
    if exact is None:
        surely = passes(text, type_, check).fill_null(value=False)
        return value.is_null() | surely, DOUBT
    fails = value.is_not_null() & ~exact.fill_null(value=False)
    if check.kind in _PATTERNS and narrowed(check.args["pattern"]):
        return ~(fails & text.str.contains(_ODD)).fill_null(value=False), fails
    return pl.lit(value=True), fails


def _exact(text: pl.Expr, value: pl.Expr, type_: CellType, check: CheckRule) -> pl.Expr | None:
    """Where values pass the check and where they do not; None where that is not to be had."""
    if type_.kind == "text" and check.kind in _VERDICTS:
        return _VERDICTS[check.kind](text, check.args)
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
