"""Phone numbers: the last word is `phonenumbers`'s, the first a fast pattern's.

`accepts` is the verdict: `phonenumbers` parses the text, and says that the number is possible and valid.
A number with `+` is international; one without is read as dialled in the default region (an ISO code such
as `IN`; with None there is no such reading); one that is nothing but the digits 0 to 9 may also be a
country code and a number with the `+` left away, which is how the platform writes them (`919876543210`).
Whatever else the library reads as a number is one: blanks, dashes, brackets, an extension, other scripts'
digits. A contract that wants them bare says so with a `str_matches` besides.

`screen` is the fast form, for a polars expression: true means "surely accepted", false means only "ask".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["accepts", "screen"]


def accepts(text: str, region: str | None = None) -> bool:
    """Whether `text` is a possible and valid phone number, dialled in `region` where it has no `+`."""
    return _valid(text, region) or (text.isascii() and text.isdigit() and _valid(f"+{text}", None))


def _valid(text: str, region: str | None) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)


def screen(column: pl.Expr, region: str | None = None) -> pl.Expr:  # noqa: ARG001
    """True where a String column's text is surely accepted, false where `accepts` must say; null stays."""
    return column.is_null() & False
