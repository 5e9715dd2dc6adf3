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

__all__ = [
    "apostrophe",
    "damaged",
    "disguise",
    "fails",
    "scientific_notation",
    "shorter_than",
    "trailing_decimal",
]

# 9.19E+11, 9,19E+11, 9E+11 and other programs' 9.19e11; not 9E11, which may be a code of letters and digits.
scientific_notation = r"[+-]?[0-9](?:[.,][0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3}"
# 919876543210.0 and 919876543210,00: the number went through a column of decimals; 4.012.345,00 too.
trailing_decimal = r"[+-]?(?:[0-9]+[.,]0+|[0-9]{1,3}(?:[.,][0-9]{3})+[.,]0{1,2})"
# '919876543210: a spreadsheet's own mark for "this is text", come along, or what became of it.
APOSTROPHES = "'‘’‛`´′＇"
apostrophe = rf"[{APOSTROPHES}](?s:.*)"
# ="0123", "0123" with its quotes, and characters that nobody sees: control characters (tabs too), blanks that
# are no plain ones, zero-width ones, soft hyphens, marks of direction, fillers, variation selectors, tags.
_UNSEEN = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u1680\u17b4\u17b5"
    r"\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffc\U000e0000-\U000e0fff"
)
# What stands in a cell for a formula that failed, in several languages, or where a column was too narrow.
_ERROR = r"#(?:[¿A-ZÀ-ÖØ-Þ/0_]+[!?]|N/[AD]|NV|#+)"
disguise = rf"[=＝](?s:.*)|{_ERROR}|(?s:.*)[{_UNSEEN}\"“”„‟«»＂](?s:.*)"


def shorter_than(length: int) -> str:
    """The pattern of a number that has lost its leading zeros: only digits, fewer than `length`."""
    if length < 2:
        raise ValueError("a leading zero can only be lost where the length is 2 or more")
    return rf"[0-9]{{1,{length - 1}}}"


def damaged(text: str, pattern: str) -> bool:
    """Whether the whole of `text` is what `pattern` describes."""
    return re.fullmatch(pattern, text) is not None


def fails(text: pl.Expr, pattern: str) -> pl.Expr:
    """Where a String column's text is damaged so: true, false, or null where the text is null."""
    return text.str.contains(rf"^(?:{pattern})$")
