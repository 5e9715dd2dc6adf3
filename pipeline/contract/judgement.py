"""What the contract says of rows, whoever says it; needs no pandera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from pipeline.handoffs import Offsets

Found = tuple["Offsets", str]  # rows, and the reason to reject them for
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Judgement:
    """What the contract says of some rows.

    Row `rows[i]` fails for `names[reasons[i]]`, a `COLUMN:check`; by row, within a row in the contract's
    order. Rows that fail nothing are good. `changed` holds the columns whose text the contract asked to
    change: whole String columns, "" or null where empty.
    """

    rows: Offsets = field(default_factory=lambda: _NONE)
    reasons: Offsets = field(default_factory=lambda: _NONE)
    names: Sequence[str] = ()
    changed: Mapping[str, pl.Series] = field(default_factory=dict)

    @classmethod
    def of(
        cls, found: Sequence[Found], names: Sequence[str], changed: Mapping[str, pl.Series] | None = None
    ) -> Self:
        """All that was found, in order and each once; `names` are the contract's reasons in its order."""
        ranks = {name: rank for rank, name in enumerate(names)}
        keys = [rows.astype(np.int64) * len(names) + ranks[name] for rows, name in found if len(rows)]
        return cls(*np.divmod(_each_once(keys), max(1, len(names))), names, changed or {})

    def __or__(self, other: Self) -> Self:
        """What both say of the same rows; of what is changed, what this one says.

        Both are by the same contract, but one may be on fewer columns, and so have fewer names.
        """
        if not len(other.rows):
            return self
        if not len(self.rows):
            return replace(other, changed=self.changed)
        names = max(self.names, other.names, key=len)
        keys = [one.rows * len(names) + one._ranked(names) for one in (self, other)]
        rows, reasons = np.divmod(_each_once(keys), len(names))
        return replace(self, rows=rows, reasons=reasons, names=names)

    def _ranked(self, names: Sequence[str]) -> Offsets:
        """The reasons as places among `names`."""
        if self.names == names:
            return self.reasons
        ranks = {name: rank for rank, name in enumerate(names)}
        return np.array([ranks[name] for name in self.names], np.int64)[self.reasons]

    @property
    def failures(self) -> tuple[tuple[int, str], ...]:
        """(row, reason), one by one."""
        reasons = map(self.names.__getitem__, self.reasons.tolist())
        return tuple(zip(self.rows.tolist(), reasons, strict=True))

    @property
    def failing(self) -> Offsets:
        """The rows that fail anything, each once."""
        return self.rows[np.diff(self.rows, prepend=-1) > 0]

    def part(self, start: int, numbers: Offsets) -> Self:
        """What is said of the rows from `start` on, each row under its number among `numbers`."""
        first, last = np.searchsorted(self.rows, [start, start + len(numbers)])
        rows, reasons = numbers[self.rows[first:last] - start], self.reasons[first:last]
        return replace(self, rows=rows, reasons=reasons, changed={})


def _each_once(keys: Sequence[Offsets]) -> Offsets:
    merged = np.concatenate(keys) if keys else _NONE
    merged.sort(kind="stable")  # which merges what is in order already
    once: Offsets = merged[np.diff(merged, prepend=-1) > 0]
    return once
