"""What the contract says of rows, whoever says it; needs no pandera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from pipeline.handoffs import Offsets

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

    @property
    def failures(self) -> tuple[tuple[int, str], ...]:
        """(row, reason), one by one."""
        reasons = map(self.names.__getitem__, self.reasons.tolist())
        return tuple(zip(self.rows.tolist(), reasons, strict=True))

    def by_row(self, start: int, numbers: Offsets) -> dict[int, Sequence[str]]:
        """The reasons against the rows from `start` on, each row under its number among `numbers`."""
        first, last = np.searchsorted(self.rows, [start, start + len(numbers)])
        rows, reasons = numbers[self.rows[first:last] - start], self.reasons[first:last]
        alone = [(name,) for name in self.names]
        found: dict[int, Sequence[str]] = dict(
            zip(rows.tolist(), map(alone.__getitem__, reasons.tolist()), strict=True)
        )
        more = np.flatnonzero(rows[1:] == rows[:-1])
        several: dict[int, list[str]] = {int(row): [] for row in rows[more]}
        for at in np.flatnonzero(np.isin(rows, rows[more])).tolist():
            several[int(rows[at])].append(self.names[reasons[at]])
        return found | several
