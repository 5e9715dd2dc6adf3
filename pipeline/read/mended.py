"""What a rejects file of ours has behind a source's own columns, when it is read as a source again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.arrays import Offsets


def first_places(cells: pl.DataFrame, places: Offsets) -> Offsets:
    """Where each record stood in the first source; its place in the rejects file, where that was lost."""
    number = pl.col("\0place").cast(pl.Int64, strict=False)
    found: Offsets = cells.select(number.fill_null(pl.Series(places))).to_series().to_numpy().astype(np.int64)
    return found


def unmended(cells: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Which records are still nothing but their raw text."""
    return cells.select(
        pl.all_horizontal(pl.col(columns).is_null()) & pl.col("\0raw").is_not_null()
    ).to_series()


def earlier(cells: pl.DataFrame) -> pl.DataFrame:
    """Why each record was rejected, and its text at that time; see `Table`."""
    return cells.select(pl.col("\0reasons").alias("reasons"), pl.col("\0raw").alias("raw"))
