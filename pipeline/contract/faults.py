"""What is wrong with rows, whoever says it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pipeline.arrays import NO_ROWS, Offsets

Found = tuple[Offsets, str]
"""Rows, and the reason to reject them for."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with some rows.

    Row `rows[i]` fails for `names[reasons[i]]`, a `COLUMN:check`; by row, within a row in the contract's
    order, each once. Rows that are not named are good.
    """

    rows: Offsets = field(default_factory=lambda: NO_ROWS)
    reasons: Offsets = field(default_factory=lambda: NO_ROWS)
    names: Sequence[str] = ()

    @classmethod
    def collect(cls, found: Sequence[Found], names: Sequence[str]) -> Self:
        """All that was found; `names` are the contract's reasons in its order."""
        ranks = {name: rank for rank, name in enumerate(names)}
        keys = [rows.astype(np.int64) * len(names) + ranks[name] for rows, name in found if len(rows)]
        return cls(*np.divmod(_each_once(keys), max(1, len(names))), names)

    def __or__(self, other: Self) -> Self:
        """What both say of the same rows, by the same contract; one may be on fewer columns."""
        if not len(other.rows):
            return self
        if not len(self.rows):
            return other
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
    def pairs(self) -> tuple[tuple[int, str], ...]:
        """(row, reason), one by one."""
        reasons = map(self.names.__getitem__, self.reasons.tolist())
        return tuple(zip(self.rows.tolist(), reasons, strict=True))

    @property
    def failing(self) -> Offsets:
        """The rows that fail anything, each once."""
        return self.rows[np.diff(self.rows, prepend=-1) > 0]

    def without(self, rows: Offsets, names: Collection[str]) -> Self:
        """The same but for these reasons against these rows."""
        ranks = [rank for rank, name in enumerate(self.names) if name in names]
        stays = ~(np.isin(self.rows, rows) & np.isin(self.reasons, ranks))
        return replace(self, rows=self.rows[stays], reasons=self.reasons[stays])

    def head(self, count: int) -> Self:
        """The same of the first so many rows."""
        return replace(self, rows=self.rows[self.rows < count], reasons=self.reasons[self.rows < count])

    def numbered(self, rows: Offsets) -> Self:
        """The same of the rows that have these numbers elsewhere, ascending."""
        return replace(self, rows=rows[self.rows])


def _each_once(keys: Sequence[Offsets]) -> Offsets:
    merged = np.concatenate(keys) if keys else NO_ROWS
    merged.sort(kind="stable")  # which merges what is in order already
    once: Offsets = merged[np.diff(merged, prepend=-1) > 0]
    return once
