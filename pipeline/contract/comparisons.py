"""Checks that compare a value with others: the same in polars as in pandas, where both compare alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from pipeline.contract.rules import CheckRule

EQUALITY = ("equal_to", "not_equal_to", "isin", "notin")
IN_ORDER = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range")


class NoCounterpartError(Exception):
    """An argument that pandas may compare in a way of its own."""


def exactly(kind: type, fits: Callable[[Any], bool] = lambda _: True) -> Callable[[Any], Any]:
    def literal(value: Any) -> Any:
        if type(value) is not kind or not fits(value):
            raise NoCounterpartError
        return value

    return literal


def as_float(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 2**53:
        raise NoCounterpartError
    return float(value)


def compared(value: pl.Expr, check: CheckRule, literal: Callable[[Any], Any]) -> pl.Expr:
    if check.kind in ("isin", "notin"):
        (listed,) = check.args.values()
        if not isinstance(listed, tuple):
            raise NoCounterpartError
        within = value.is_in([literal(each) for each in listed])
        return within if check.kind == "isin" else ~within
    if check.kind in EQUALITY:
        same: pl.Expr = value == literal(check.args["value"])
        return same if check.kind == "equal_to" else ~same
    low, low_too, high, high_too = bounds(check)
    needed = []
    if low is not None:
        needed.append(value >= literal(low) if low_too else value > literal(low))
    if high is not None:
        needed.append(value <= literal(high) if high_too else value < literal(high))
    return pl.all_horizontal(needed)


def bounds(check: CheckRule) -> tuple[Any, bool, Any, bool]:
    """Least value, whether it is allowed itself, greatest value, whether it is; None: no such bound."""
    args, equal = check.args, check.kind.endswith("_or_equal_to")
    return (
        args.get("min_value"),
        bool(args.get("include_min", True)) if check.kind == "in_range" else equal,
        args.get("max_value"),
        bool(args.get("include_max", True)) if check.kind == "in_range" else equal,
    )
