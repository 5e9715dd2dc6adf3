"""Whole-file uniqueness, over parsed values, in source order.

`keys` is pure and can run anywhere; `Repeats` is one thread's work. Hand the keys of each slice to `observe`
in source order: what repeats an earlier row is known at once where the first of several equal rows is the
good one. Where it is the last, or none, more may come: ask `settle` for each slice once all were observed.

Values are compared as the typed view has them (`07` is 7), a blank cell equals a blank cell, and a row whose
key is blank altogether repeats nothing, as in pandera. Rows that fail other checks take part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from pipeline.arrays import NO_ROWS, Offsets
from pipeline.contract.faults import Found
from pipeline.contract.rules import Bound, CellType, Keep, Unique
from pipeline.contract.typed import value
from pipeline.unique.seen import Keys, Seen, prepare

MEMORY = 256 << 20  # bytes for all rules of a source; what is more lies on disk


def compile_rules(bound: Bound) -> tuple[pl.Expr, ...]:
    """For each uniqueness rule a text that is the same for equal keys only, null where all is blank."""
    types = {name: rule.type for name, rule in bound.columns.items()}
    return tuple(_key(unique.columns, types) for unique in bound.uniques)


def keys(cells: pl.DataFrame, rules: Iterable[pl.Expr], seed: int) -> tuple[Keys, ...]:
    """What each of the compiled rules compares in this slice, hashed by `seed`.

    `cells` are the text cells after the contract's own changes. Pure, and lets go of the interpreter's lock.
    """
    texts = cells.select(rule.alias(str(place)) for place, rule in enumerate(rules))
    return tuple(prepare(key, seed) for key in texts)


class Repeats:
    """Which rows repeat others by any of the rules, for one source."""

    def __init__(self, uniques: Sequence[Unique], memory: int = MEMORY) -> None:
        self._rules = [(rule, _Repeats(rule.keep, memory // len(uniques))) for rule in uniques]

    @property
    def streams(self) -> bool:
        """Whether `observe` has said everything: there is nothing to settle."""
        return all(rule.keep == "first" for rule, _ in self._rules)

    def observe(self, keys: Sequence[Keys]) -> list[Found]:
        """What is wrong with this slice, the next in source order, as far as it can be known already."""
        found = [
            (repeats.observe(key), rule.reason)
            for (rule, repeats), key in zip(self._rules, keys, strict=True)
        ]
        return [(rows, reason) for rows, reason in found if len(rows)]

    def settle(self, index: int) -> list[Found]:
        """What is wrong with slice `index`, counted as observed, that `observe` could not know yet."""
        found = [
            (repeats.settle(index), rule.reason) for rule, repeats in self._rules if rule.keep != "first"
        ]
        return [(rows, reason) for rows, reason in found if len(rows)]


def _key(columns: Sequence[str], types: Mapping[str, CellType]) -> pl.Expr:
    values = [_canonical(pl.col(name), types[name]) for name in columns]
    if len(values) == 1:
        return values[0]
    marked = [pl.format("{}:{}", v.str.len_bytes(), v).fill_null("-") for v in values]
    return pl.when(pl.any_horizontal(v.is_not_null() for v in values)).then(pl.concat_str(marked))


class _Repeats:
    """One rule's rows: which repeat others, and which of equal ones are to go."""

    def __init__(self, keep: Keep, memory: int) -> None:
        self._keep = keep
        self._seen = Seen(memory)
        self._starts = [0]
        self._pairs: list[tuple[Offsets, Offsets]] = []  # rows, and the first of each's kind

    def observe(self, keys: Keys) -> Offsets:
        """The rows of the next slice that are known to go."""
        rows, firsts = self._seen.add(keys)
        start = self._starts[-1]
        self._starts.append(self._seen.rows)
        if self._keep == "first":
            return rows - start
        self._pairs.append((rows, firsts))
        return NO_ROWS

    def settle(self, index: int) -> Offsets:
        """The rows of that slice that go, now that all are known."""
        start, end = self._starts[index : index + 2]
        low, high = np.searchsorted(self._gone, [start, end])
        gone: Offsets = self._gone[low:high] - start
        return gone

    @cached_property
    def _gone(self) -> Offsets:
        rows, firsts = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        kinds, first_pair = np.unique(firsts[::-1], return_index=True)
        last = rows[::-1][first_pair] if self._keep == "last" else NO_ROWS
        return np.setdiff1d(np.concatenate([rows, kinds]), last)


def _canonical(column: pl.Expr, type_: CellType) -> pl.Expr:
    """The value of each cell as text, equal where the values are."""
    parsed = value(column, type_)
    match type_.kind:
        case "text" | "category":
            return parsed
        case "decimal":
            zero = pl.lit(0.0, pl.Float32 if type_.bits == 32 else pl.Float64)
            return pl.when(parsed == 0).then(zero).otherwise(parsed).cast(pl.String)  # -0.0 is 0.0
        case _:
            return parsed.to_physical().cast(pl.String)
