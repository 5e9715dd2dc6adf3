"""What the contract says of rows, whoever says it; needs no pandera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Judgement:
    """What the contract says of some rows.

    `failures` are (row, `COLUMN:check`), by row and within a row in the contract's order; rows without any
    are good. `changed` holds the columns whose text the contract asked to change: whole String columns,
    "" or null where empty.
    """

    failures: tuple[tuple[int, str], ...] = ()
    changed: Mapping[str, pl.Series] = field(default_factory=dict)
