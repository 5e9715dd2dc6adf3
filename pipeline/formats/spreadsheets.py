"""What spreadsheets do to identifiers, phone numbers and post codes: each damage a pattern with a name.

These are for columns that hold digits meant as text; on a column of names or of true decimals they would
find damage where there is none. Each pattern is whole and exact: a text is damaged if and only if it
matches, in Python's `re` and in polars alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["apostrophe", "damaged", "scientific_notation", "screen", "shorter_than", "trailing_decimal"]

# 9.19E+11, 9,19E+11, 9E+11 and other programs' 9.19e11; not 9E11, which may be a code of letters and digits.
scientific_notation = r"[+-]?[0-9](?:[.,][0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3}"
# 919876543210.0: the number went through a floating-point column.
trailing_decimal = r"[+-]?[0-9]+\.0+"
# '919876543210: a spreadsheet's own mark for "this is text", come along with it.
apostrophe = r"'(?s:.*)"


def shorter_than(length: int) -> str:
    """The pattern of a number that has lost its leading zeros: only digits, fewer than `length`."""
    if length < 2:
        raise ValueError("a leading zero can only be lost where the length is 2 or more")
    return rf"[0-9]{{1,{length - 1}}}"


def damaged(text: str, pattern: str) -> bool:
    """Whether the whole of `text` is what `pattern` describes."""
    return re.fullmatch(pattern, text) is not None


def screen(column: pl.Expr, pattern: str) -> pl.Expr:
    """True where a String column's text is surely undamaged (exact: false is damaged); null stays null."""
    return ~column.str.contains(rf"^(?:{pattern})$")
