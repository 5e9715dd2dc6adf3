"""The last word on many texts at once: asked of a library only where the fast form is not sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["told"]


def told(column: pl.Expr, surely: Callable[[pl.Expr], pl.Expr], accepts: Callable[[str], bool]) -> pl.Expr:
    """What `accepts` says of a String column's texts, true or false; null stays null.

    It is asked once about each different text of which `surely` is not true.
    """
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        asked = texts.drop_nulls().unique().alias("text")
        sure = asked.to_frame().select(surely(pl.col("text")).fill_null(value=False)).to_series()
        refused = [text for text in asked.filter(~sure) if not accepts(text)]
        return ~texts.is_in(pl.Series(refused, dtype=pl.String))

    return column.map_batches(look, return_dtype=pl.Boolean)
