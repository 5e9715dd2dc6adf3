"""The last word on many texts at once: asked of a library only where the fast forms are not sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    Fast = Callable[[pl.Expr], pl.Expr]

__all__ = ["ASCII", "told"]

ASCII = r"^[\x00-\x7f]*$"  # of texts that are nothing else


def told(column: pl.Expr, surely: Fast, never: Fast, accepts: Callable[[str], bool]) -> pl.Expr:
    """What `accepts` says of a String column's texts, true or false; null stays null.

    It is asked once about each different text of which neither `surely` is true, that it is accepted, nor
    `never`, that it is not. What it raises becomes a ConfigError without its words, which may hold the text.
    """
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        no = _of(texts, never)
        rest = texts.filter(~no).unique()
        asked = rest.filter(~_of(rest, surely))
        try:
            refused = [text for text in asked if not accepts(text)]
        except Exception as fault:  # noqa: BLE001 - it is not our code, it may raise anything
            raise ConfigError(
                f"a check of e-mail addresses or phone numbers raised {type(fault).__name__}",
                hint="update email-validator and phonenumbers, or take the check out of the contract",
            ) from None
        return ~(no | texts.is_in(refused))

    return column.map_batches(look, return_dtype=pl.Boolean)


def _of(texts: pl.Series, fast: Fast) -> pl.Series:
    import polars as pl

    return texts.alias("text").to_frame().select(fast(pl.col("text")).alias("is")).to_series()
