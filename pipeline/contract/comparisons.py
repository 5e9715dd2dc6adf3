"""Checks that compare a value with others: the same in polars as in pandas, where both compare alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from pipeline.contract.rules import CheckRule

EQUALITY = ("equal_to", "not_equal_to", "isin", "notin")
IN_ORDER = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range")


class NoCounterpartError(Exception):
    """An argument that pandas may compare in a way of its own."""


def exactly(kind: type, among: range | None = None) -> Callable[[Any], Any]:
    """What gives back arguments of that very type (and of that range); else it raises NoCounterpartError."""

    def literal(value: Any) -> Any:
        if type(value) is not kind or (among is not None and value not in among):
            raise NoCounterpartError
        return value

    return literal


def as_float(value: Any) -> float:
    """A number that a float holds exactly; raises NoCounterpartError for any other."""
    if type(value) not in (int, float) or not abs(value) < 2**53:
        raise NoCounterpartError
    return float(value)


def compared(value: pl.Expr, check: CheckRule, literal: Callable[[Any], Any]) -> pl.Expr:
    """Where values pass; `literal` makes the check's arguments comparable. Raises NoCounterpartError."""
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


def lengths(args: Mapping[str, Any]) -> tuple[int | None, int | None] | None:
    """Least and greatest length that `str_length` asks for; None where its arguments are no such numbers."""
    exact = args.get("exact_value")
    asked = (exact, exact) if exact is not None else (args.get("min_value"), args.get("max_value"))
    return asked if all(bound is None or type(bound) is int for bound in asked) else None
