"""The last word on many texts at once: asked of a library only where the fast forms are not sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    Fast = Callable[[pl.Expr], pl.Expr]

__all__ = ["ASCII", "failing"]

ASCII = r"^[\x00-\x7f]*$"  # of texts that are nothing else


def failing(text: pl.Expr, passes: Fast, fails: Fast, accepts: Callable[[str], bool]) -> pl.Expr:
    """Where a String column's text is not accepted: true, false, or null where the text is null.

    `passes` is true where a text is surely accepted, `fails` where it surely is not; `accepts` is asked once
    about each distinct text that neither is sure of. What it raises becomes a ConfigError without its words,
    which may hold the text.
    """
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        doubtful = texts.filter(~_where(texts, passes)).drop_nulls().unique()
        surely = _where(doubtful, fails)
        asked = doubtful.filter(~surely)
        return texts.is_in(doubtful.filter(surely).to_list() + _refused(asked, accepts))

    return text.map_batches(look, return_dtype=pl.Boolean)


def _refused(texts: pl.Series, accepts: Callable[[str], bool]) -> list[str]:
    try:
        return [text for text in texts if not accepts(text)]
    except Exception as fault:  # noqa: BLE001 - it is not our code, it may raise anything
        raise ConfigError(
            f"a check of e-mail addresses or phone numbers raised {type(fault).__name__}",
            hint="update email-validator and phonenumbers, or take the check out of the contract",
        ) from None


def _where(texts: pl.Series, fast: Fast) -> pl.Series:
    import polars as pl

    found = texts.alias("text").to_frame().select(fast(pl.col("text")).alias("is")).to_series()
    return found.fill_null(value=False)
