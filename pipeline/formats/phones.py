"""Phone numbers: the last word is `phonenumbers`'s, the first that of patterns made from its metadata.

`accepts` is the verdict: `phonenumbers` parses the text, and says that the number is possible and valid.
A number with `+` is international; one without is read as dialled in the default region (an ISO code such
as `IN`; with None there is no such reading); one that is nothing but the digits 0 to 9 may also be a
country code and a number with the `+` left away, which is how the platform writes them (`919876543210`).
Whatever else the library reads as a number is one: blanks, dashes, words around it, an extension, other
scripts' digits. A contract that wants numbers bare says so with a `str_matches` besides.

`screen` and `never` are the fast forms, for polars expressions: true means "surely accepted" or "surely
not", false means only "ask"; `verdict` asks then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline.formats.asking import ASCII, told
from pipeline.formats.phonebounds import bounds
from pipeline.formats.phonepatterns import Patterns, Readings, readings, require_region

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    Mask = npt.NDArray[np.bool_]

__all__ = ["accepts", "never", "screen", "verdict"]

MARKS = "[ ()./-]"  # what people put between the digits, and the library takes no notice of
WRITTEN = rf"^\+?(?:[0-9]|{MARKS})*$"  # of these the library takes the digits, and the plus
SCIENTIFIC = r"^[0-9]+(?:\.[0-9]+)?[eE]\+[0-9]+$"  # it reads no plus behind a digit
APOSTROPHE = "'"  # of a spreadsheet, at the beginning; nor of that
SHORT = 64  # bytes; the library reads no text of more than 250 characters


def accepts(text: str, region: str | None = None) -> bool:
    """Whether `text` is a possible and valid phone number, dialled in `region` where it has no `+`.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    require_region(region)
    return _valid(text, region) or (text.isascii() and text.isdigit() and _valid(f"+{text}", None))


def _valid(text: str, region: str | None) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)


def screen(column: pl.Expr, region: str | None = None) -> pl.Expr:
    """True where a String column's text is surely accepted; false where `accepts` must say, and for null.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    import polars as pl

    look = partial(surely, known=readings(region))
    return column.map_batches(look, return_dtype=pl.Boolean)


def verdict(column: pl.Expr, region: str | None = None) -> pl.Expr:
    """Whether a String column's text is accepted, true or false; null stays. Raises as `screen` does."""
    surely, not_at_all = partial(screen, region=region), partial(never, region=region)
    return told(column, surely, not_at_all, partial(accepts, region=region))


def never(column: pl.Expr, region: str | None = None) -> pl.Expr:
    """True where a String column's text is surely not accepted; false where `accepts` must say; null stays.

    Raises as `screen` does.
    """
    within = bounds(region)
    text, digits = column.str.strip_prefix(APOSTROPHE), column.str.replace_all("[^0-9]", "")
    plus = text.str.starts_with("+")
    abroad = digits.str.contains(within.abroad) & (plus | column.str.contains("^[0-9]*$"))
    possible = abroad | (digits.str.contains(within.home) & ~plus) | digits.str.contains(within.exit)
    impossible = text.str.contains(WRITTEN) & ~possible
    return column.str.contains(ASCII) & (
        (digits.str.len_bytes() < 2) | text.str.contains(SCIENTIFIC) | impossible
    )


def surely(texts: pl.Series, known: Readings) -> pl.Series:
    """Which of `texts` are surely accepted (Boolean, no nulls): each reading is tried on what is left."""
    import polars as pl

    sure = _matches(texts, [known.abroad])
    _among_the_rest(texts, sure, lambda rest: _matches(rest, known.home))
    _among_the_rest(texts, sure, lambda rest: _without_marks(rest, known))
    return pl.Series(texts.name, sure)


def _among_the_rest(texts: pl.Series, sure: Mask, look: Callable[[pl.Series], Mask]) -> None:
    """Mark as `sure` those that `look` finds among the others."""
    rest = np.flatnonzero(~sure)
    sure[rest] = look(texts.gather(rest))


def _without_marks(texts: pl.Series, known: Readings) -> Mask:
    """The texts read without their marks: these are not digits alone, so a country code needs its `+`."""
    bare = texts.str.strip_prefix(APOSTROPHE).str.replace_all(MARKS, "")
    dialled = bare.str.replace(f"^{known.exit}", "+") if known.exit else bare
    international = _matches(dialled, [known.abroad]) & _true(dialled.str.starts_with("+"))
    return (international | _matches(bare, known.home)) & _true(texts.str.len_bytes() <= SHORT)


def _matches(texts: pl.Series, readings: Iterable[Patterns]) -> Mask:
    """Which of `texts` are surely valid by one of the readings."""
    found = np.zeros(len(texts), np.bool_)
    for kind, general, never in readings:
        found |= _true(texts.str.contains(kind) & texts.str.contains(general) & ~texts.str.contains(never))
    return found


def _true(values: pl.Series) -> Mask:
    return values.fill_null(False).to_numpy()
