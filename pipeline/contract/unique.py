"""Whole-file uniqueness, over parsed values, in source order.

`keys` is pure and can run anywhere; the rest is one thread's work. Hand the keys of each slice to `observe`
in source order: what repeats an earlier row is known at once where the first of several equal rows is the
good one. Where it is the last, or none, more may come: ask `settle` for each slice once all were observed.

Values are compared as the typed view has them (`07` is 7), a blank cell equals a blank cell, and a row whose
key is blank altogether repeats nothing, as in pandera. Rows that fail other checks take part.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipeline.contract.rules import CellType, Keep, Unique
from pipeline.contract.seen import NONE, Keys, Seen, prepared
from pipeline.contract.typed import value

if TYPE_CHECKING:
    from pipeline.contract.judgement import Found
    from pipeline.contract.keytexts import Rows

MEMORY = 256 << 20  # bytes for all rules of a source; what is more lies on disk


class Uniqueness:
    """All the uniqueness rules of a contract, for one source."""

    def __init__(
        self, uniques: Sequence[Unique], types: Mapping[str, CellType], memory: int = MEMORY
    ) -> None:
        self._types = types
        self._rules = [(rule, _Repeats(rule.keep, memory // len(uniques))) for rule in uniques]
        self._seed = secrets.randbits(64)  # so that nobody can make keys that collide

    @property
    def columns(self) -> tuple[str, ...]:
        """All that some rule is about, each once."""
        return tuple(dict.fromkeys(name for rule, _ in self._rules for name in rule.columns))

    @property
    def streams(self) -> bool:
        """Whether `observe` has said everything: there is nothing to settle."""
        return all(rule.keep == "first" for rule, _ in self._rules)

    def keys(self, cells: pl.DataFrame) -> tuple[Keys, ...]:
        """What each rule compares in this slice; `cells` are the text cells after the contract's own changes.

        Pure, and lets go of the interpreter's lock: for worker threads.
        """
        texts = cells.select(
            self._text(rule.columns).alias(str(place)) for place, (rule, _) in enumerate(self._rules)
        )
        return tuple(prepared(key, self._seed) for key in texts)

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

    def _text(self, columns: Sequence[str]) -> pl.Expr:
        """A text that is the same for equal values only, null where all of them are blank."""
        values = [_canonical(pl.col(name), self._types[name]) for name in columns]
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
        self._pairs: list[tuple[Rows, Rows]] = []  # rows, and the first of each's kind

    def observe(self, keys: Keys) -> Rows:
        """The rows of the next slice that are known to go."""
        rows, firsts = self._seen.add(keys)
        start = self._starts[-1]
        self._starts.append(self._seen.rows)
        if self._keep == "first":
            return rows - start
        self._pairs.append((rows, firsts))
        return NONE

    def settle(self, index: int) -> Rows:
        """The rows of that slice that go, now that all are known."""
        start, end = self._starts[index : index + 2]
        low, high = np.searchsorted(self._gone, [start, end])
        gone: Rows = self._gone[low:high] - start
        return gone

    @cached_property
    def _gone(self) -> Rows:
        rows, firsts = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        kinds, first_pair = np.unique(firsts[::-1], return_index=True)
        last = rows[::-1][first_pair] if self._keep == "last" else np.zeros(0, np.int64)
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
