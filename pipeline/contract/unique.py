"""Whole-file uniqueness, over parsed values, in source order.

`keys` is pure and can run anywhere; the rest is one thread's work. Hand the keys of each slice to `observe`
in source order: what repeats an earlier row is known at once where the first of several equal rows is the
good one. Where it is the last, or none, more may come: ask `settle` for each slice once all were observed.

Values are compared as the typed view has them (`07` is 7), a blank cell equals a blank cell, and a row whose
key is blank altogether repeats nothing, as in pandera. Rows that fail other checks take part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.contract.rules import CellType, Keep, Unique
from pipeline.contract.typed import value

Failures = tuple[tuple[int, str], ...]


class Uniqueness:
    """All the uniqueness rules of a contract, for one source."""

    def __init__(self, uniques: Sequence[Unique], types: Mapping[str, CellType]) -> None:
        self._rules = tuple(uniques)
        self._types = types
        self._streams = [_First() if rule.keep == "first" else None for rule in uniques]
        self._wholes = [None if rule.keep == "first" else _Whole(rule.keep) for rule in uniques]

    @property
    def streams(self) -> bool:
        """Whether `observe` has said everything: there is nothing to settle."""
        return not any(self._wholes)

    def keys(self, cells: pl.DataFrame) -> tuple[pl.Series, ...]:
        """What each rule compares in this slice: typed values, structs for several columns, null if blank.

        `cells` are the text cells after the contract's own changes. Pure.
        """
        return tuple(cells.select(self._key(rule.columns).alias("key"))["key"] for rule in self._rules)

    def observe(self, keys: Sequence[pl.Series]) -> Failures:
        """(row, reason) of this slice, the next in source order, as far as it can be known already."""
        known = []
        for rule, key, stream, whole in zip(self._rules, keys, self._streams, self._wholes, strict=True):
            if stream is not None:
                known += [(row, rule.reason) for row in stream.repeats(key)]
            elif whole is not None:
                whole.keys.append(key)
        return tuple(known)

    def settle(self, index: int) -> Failures:
        """(row, reason) of slice `index`, counted as observed, that `observe` could not know yet."""
        return tuple(
            (row, rule.reason)
            for rule, whole in zip(self._rules, self._wholes, strict=True)
            if whole is not None
            for row in whole.repeats(index)
        )

    def _key(self, columns: Sequence[str]) -> pl.Expr:
        values = [value(pl.col(name), self._types[name]).alias(name) for name in columns]
        if len(values) == 1:
            return values[0]
        return pl.when(pl.any_horizontal(v.is_not_null() for v in values)).then(pl.struct(values))


class _First:
    """Keys seen so far: a later row with one of them repeats it."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()

    def repeats(self, keys: pl.Series) -> list[int]:
        found = []
        for row, key in enumerate(_hashable(keys)):
            if key is None:
                continue
            if key in self._seen:
                found.append(row)
            self._seen.add(key)
        return found


class _Whole:
    """The keys of all slices, for what can be said of a row only when the last one is known."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self.keys: list[pl.Series] = []

    def repeats(self, index: int) -> list[int]:
        start = sum(len(keys) for keys in self.keys[:index])
        mask = self._mask.slice(start, len(self.keys[index]))
        return mask.arg_true().to_list()

    @cached_property
    def _mask(self) -> pl.Series:
        whole = pl.concat(self.keys)
        repeated = whole.is_duplicated() if self._keep == "none" else ~whole.is_last_distinct()
        return repeated & whole.is_not_null()


def _hashable(keys: pl.Series) -> Iterable[Any]:
    """The keys one by one, None where blank, structs as tuples."""
    if not isinstance(keys.dtype, pl.Struct):
        return keys.to_list()
    rows = zip(*(field.to_list() for field in keys.struct.unnest()), strict=True)
    return (None if blank else row for row, blank in zip(rows, keys.is_null(), strict=True))
