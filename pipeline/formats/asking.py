"""The last word on many texts at once: asked of a library only where the fast form is not sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["told"]


def told(column: pl.Expr, surely: Callable[[pl.Expr], pl.Expr], accepts: Callable[[str], bool]) -> pl.Expr:
    """What `accepts` says of a String column's texts, true or false; null stays null.

    It is asked once about each different text of which `surely` is not true. What it raises becomes a
    ConfigError without its words, which may hold the text.
    """
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        asked = texts.drop_nulls().unique().alias("text")
        sure = asked.to_frame().select(surely(pl.col("text")).fill_null(value=False)).to_series()
        try:
            refused = [text for text in asked.filter(~sure) if not accepts(text)]
        except Exception as fault:  # noqa: BLE001 - it is not our code, it may raise anything
            raise ConfigError(
                f"a check of e-mail addresses or phone numbers raised {type(fault).__name__}",
                hint="update email-validator and phonenumbers, or take the check out of the contract",
            ) from None
        return ~texts.is_in(refused)

    return column.map_batches(look, return_dtype=pl.Boolean)
