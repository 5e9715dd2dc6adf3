"""Numbers with a decimal comma, as most of Europe and of South America writes them, with a point instead.

A currency in front or behind, as in `R$ 1.234,50` or `87,48 €`, goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["WITH_COMMA", "pointed"]

# A point, a blank (no-break and narrow ones too) or an apostrophe between thousands, the same throughout.
_BETWEEN = (r"\.", "[ \u00a0\u202f\u2009]", "['’]")
_INTEGER = "|".join(["[0-9]+", *(rf"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+" for mark in _BETWEEN)])
_BLANK = "[ \u00a0\u202f]*"
_CURRENCY = "(?:R[$]|US[$]|[$€£¥₹]|EUR|USD|BRL|CHF|SEK|NOK|DKK|PLN|kr|zł)"
_IN_FRONT = rf"(?:[+-]?(?:{_CURRENCY}{_BLANK})?|{_CURRENCY}{_BLANK}[+-])"
_NUMBER = rf"(?:{_INTEGER})(?:,[0-9]+)?"
WITH_COMMA = rf"^{_BLANK}{_IN_FRONT}{_NUMBER}(?:{_BLANK}{_CURRENCY})?{_BLANK}$"


def pointed(text: pl.Expr) -> pl.Expr:
    """Each number with a decimal comma as one with a point, nothing between thousands; null for any other."""
    import polars as pl

    bare = text.str.replace_all(r"[^0-9,+-]", "").str.replace(",", ".", literal=True)
    return pl.when(text.str.contains(WITH_COMMA)).then(bare)
