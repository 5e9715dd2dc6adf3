"""What the contract says of rows without pandera: the checks of all columns, compiled to expressions.

A column is looked at in one go, and a date, a date-time or a whole number first by a quicker reading that
takes only what is surely a value: about what is left the slower one, which knows all that is, has its word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.arrays import Offsets
from pipeline.contract import typed
from pipeline.contract.exact import ASK, fails
from pipeline.contract.faults import Faults, Found
from pipeline.contract.rules import ANY_FILLED, NOT_NULLABLE, ROW, Bound, ColumnRule, Rules, coercion

_VALUE, _ASK = "\0value", "\0ask"


class Checked(NamedTuple):
    """What is certain about rows, and which of them pandera must be asked about, by which columns."""

    faults: Faults
    unsure: Offsets
    columns: tuple[str, ...]


class Columns:
    """The rules of a contract for a source with the bound columns, compiled."""

    def __init__(self, rules: Rules, bound: Bound) -> None:
        self._reasons = bound.reasons
        self._columns = [
            compiled for name, rule in bound.columns.items() if (compiled := _compile(name, rule))
        ]
        self._ask_all = rules.about_whole_rows
        self._keys = [
            (f"{ROW}:{check.name}", [name for name in check.args["columns"] if name in bound.columns])
            for check in rules.rows
            if check.kind == ANY_FILLED
        ]

    def check(self, cells: pl.DataFrame) -> Checked:
        """What can be said of these rows; an empty cell is null. Pure: for worker threads."""
        if self._ask_all:
            return Checked(Faults(), np.arange(cells.height), tuple(cells.columns))
        found, asked, unsure = [], [], np.zeros(cells.height, np.bool_)
        for column in self._columns:
            for rows, reason in column.look(cells[column.name]):
                if reason == _ASK:
                    unsure[rows] = True
                    asked.append(column.name)
                else:
                    found.append((rows, reason))
        return Checked(Faults.collect(found, self._reasons), np.flatnonzero(unsure), tuple(asked))

    def without_key(self, cells: pl.DataFrame) -> Faults:
        """The rows in which no column of the primary key is filled, once all changes are made."""
        found = [
            (_where(cells.select(pl.all_horizontal(pl.col(names).is_null())).to_series()), reason)
            for reason, names in self._keys
        ]
        return Faults.collect(found, self._reasons)


class _Column(NamedTuple):
    """One column's rules: `nothing_wrong` is about the quick reading, if any, `fails` about the exact one."""

    name: str
    quick: pl.Expr | None
    nothing_wrong: pl.Expr
    value: pl.Expr
    fails: tuple[pl.Expr, ...]

    def look(self, texts: pl.Series) -> Iterator[Found]:
        """The rows that fail, by reason, and those that pandera must be asked about, by `_ASK`."""
        rows = None
        if self.quick is not None:
            values = texts.to_frame().with_columns(self.quick.alias(_VALUE))
            good = values.select(self.nothing_wrong.fill_null(False)).to_series()
            if good.all():
                return
            rows = (~good).arg_true().to_numpy()
            texts = texts.gather(rows)
        answers = texts.to_frame().with_columns(self.value.alias(_VALUE)).select(self.fails)
        unsure = np.zeros(len(texts), np.bool_)
        for answer in answers:
            if answer.null_count():
                unsure |= answer.is_null().to_numpy()
            if answer.any():
                at = answer.arg_true().to_numpy()
                yield at if rows is None else rows[at], answer.name
        if unsure.any():
            at = np.flatnonzero(unsure)
            yield at if rows is None else rows[at], _ASK


def _compile(name: str, rule: ColumnRule) -> _Column | None:
    """The rules of a column; None where nothing can be wrong with any text."""
    text, value = pl.col(name), pl.col(_VALUE)
    answers = dict(_answers(name, rule, value))
    if rule.parsed or rule.default is not None:  # pandera changes the value, and judges what becomes of it
        return _Column(name, None, ASK, text, (ASK.alias(_ASK),))
    if not answers:
        return None
    quick = typed.quick(text, rule.type) if rule.checks else typed.surely_value(text, rule.type)
    days = rule.type.kind in ("date", "datetime")
    wrong = (fails(value, rule.type, check, days=days) for check in rule.checks)
    right = value.is_not_null() & ~pl.any_horizontal(*wrong, pl.lit(value=False))
    blank_is_right = rule.nullable and all(check.ignore_na for check in rule.checks)
    nothing_wrong = text.is_null() | right if blank_is_right else right
    found = tuple(answer.alias(reason) for reason, answer in answers.items())
    return _Column(name, quick, nothing_wrong, typed.value(text, rule.type), found)


def _answers(name: str, rule: ColumnRule, value: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    """Every reason against a cell with its three-valued expression."""
    filled = pl.col(name).is_not_null()
    if rule.type.kind != "text":
        yield f"{name}:{coercion(rule.dtype_name)}", filled & value.is_null()
    if not rule.nullable:
        yield f"{name}:{NOT_NULLABLE}", ~filled
    by_name: dict[str, pl.Expr] = {}
    for check in rule.checks:
        answer = value.is_not_null() & fails(value, rule.type, check)
        if not check.ignore_na:
            answer = pl.when(filled).then(answer)
        before = by_name.get(check.name)  # two checks may go by one name
        by_name[check.name] = answer if before is None else before | answer
    yield from ((f"{name}:{check}", answer) for check, answer in by_name.items())


def _where(true: pl.Series) -> Offsets:
    return true.arg_true().to_numpy()
