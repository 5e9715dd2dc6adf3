"""Phone numbers: one in a cell and nothing else, by a pattern of ours, and valid by `phonenumbers`.

`accepts` is the verdict. A text has the form of one number: an optional `tel:` and `+`, digits of any script
with blanks, dots, dashes, slashes and brackets between them, and an extension only where it is written as
one (`ext. 12`, `x12`, `;ext=12`). The library reads more into a cell: the first of two numbers, the digits
behind `CALL` or `=`, an extension behind any comma. (An apostrophe before it is left to the damage checks.)
A text of that form is then parsed by the library, which has to say that the number is possible and valid.

A number with `+` is international; one without is read as dialled in the default region (an ISO code such
as `IN`; with None there is no such reading). One that is nothing but the digits 0 to 9, blanks around them
aside, may also be a country code and a number with the `+` left away, which is how the platform writes them
(`919876543210`). A contract that wants numbers bare says so with a `str_matches` besides.

`fails` says the same of a polars column. `surely_passes` and `surely_fails` are its fast forms: false means
only "ask".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline.formats import spreadsheets
from pipeline.formats.asking import ASCII, failing
from pipeline.formats.phonebounds import bounds
from pipeline.formats.phonepatterns import Patterns, Readings, readings, require_region

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    Mask = npt.NDArray[np.bool_]

__all__ = ["accepts", "fails", "lacks_country_code", "no_country_code", "surely_fails", "surely_passes"]

MARKS = "[ ().-]"  # what people put between the digits, and the library takes no notice of
WRITTEN = r"^'?\+?[0-9 ()./-]*$"  # of these the library takes the digits, and the plus
SHORT = 64  # bytes; the library reads no text of more than 250 characters
EXTENSION = r"(?i:;ext=|[ ,]*(?:ext(?:n|ension)?|x)[.:]? *)[0-9]{1,8}"
# One number: in ASCII for Rust, and in any script, with the dashes and wide marks that the library knows.
ONE = rf"^'?(?i:tel:)?[ (\[]*\+?[ (\[]*[0-9][0-9 ()\[\]./-]*(?:{EXTENSION})? *$"
IS_ONE = re.compile(
    r"'?(?i:tel:)?[ (\[]*[+＋]?[ (\[]*"
    rf"\d[\d ()\[\]./\-\u2010-\u2015\u2212ー－／（）．［］]*(?P<extension>{EXTENSION})? *"
)
# What may be a number as it is dialled at home: no plus, and marks, a 0 before all, or few digits.
LOCAL = r"[ (]*(?:0[0-9 ()./-]*|[0-9]{1,10}|[0-9]+[ ()./-][0-9 ()./-]*)"
IS_LOCAL = re.compile(LOCAL)
LEAST_DIGITS, MOST_DIGITS = 6, 15  # of a number


def accepts(text: str, region: str | None = None) -> bool:
    """Whether `text` is one possible and valid phone number, dialled in `region` where it has no `+`.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    require_region(region)
    found = IS_ONE.fullmatch(text)
    if not found:
        return False
    parts = re.split("[/／]", text)
    if len(parts) > 1 and all(accepts(part, region) for part in parts):
        return False  # several numbers, short enough to be read as one
    extended = found["extension"] is not None
    bare = text.removeprefix("'").strip(" ")
    digits = bare.isascii() and bare.isdigit()
    return _valid(text, region, extended=extended) or (digits and _valid(f"+{bare}", None))


def _valid(text: str, region: str | None, *, extended: bool = False) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    if bool(number.extension) != extended:
        return False
    return phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)


def surely_passes(column: pl.Expr, region: str | None = None) -> pl.Expr:
    """True where a String column's text is surely accepted; false where `accepts` must say, and for null.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    import polars as pl

    look = partial(surely, known=readings(region))
    return column.map_batches(look, return_dtype=pl.Boolean)


def fails(text: pl.Expr, region: str | None = None) -> pl.Expr:
    """Where a String column's text is no phone number: true, false, or null where the text is null.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    passes, never_passes = partial(surely_passes, region=region), partial(surely_fails, region=region)
    return failing(text, passes, never_passes, partial(accepts, region=region))


def surely_fails(column: pl.Expr, region: str | None = None) -> pl.Expr:
    """True where a String column's text is surely not accepted; false where `accepts` must say; null stays.

    Raises as `surely_passes` does.
    """
    within = bounds(region)
    digits = column.str.replace_all("[^0-9]", "")
    plus = column.str.contains(r"^'?\+")
    abroad = digits.str.contains(within.abroad) & (plus | column.str.contains("^'? *[0-9]* *$"))
    possible = abroad | (digits.str.contains(within.home) & ~plus) | digits.str.contains(within.exit)
    impossible = column.str.contains(WRITTEN) & ~possible
    return column.str.contains(ASCII) & (
        (digits.str.len_bytes() < 2) | ~column.str.contains(ONE) | impossible
    )


def lacks_country_code(text: str) -> bool:
    """Whether `text` is no number by itself, but has the form of one that is dialled at home."""
    if spreadsheets.damaged(text, spreadsheets.trailing_decimal):
        return False
    has_length = LEAST_DIGITS <= len(re.sub("[^0-9]", "", text)) <= MOST_DIGITS
    return has_length and bool(IS_LOCAL.fullmatch(text)) and not accepts(text)


def no_country_code(text: pl.Expr) -> pl.Expr:
    """`lacks_country_code` of a String column: true, false, or null where the text is null."""
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        local = texts.str.contains(f"^(?:{LOCAL})$")
        if not local.any():
            return local
        one = pl.col("text")
        digits = one.str.replace_all("[^0-9]", "").str.len_bytes()
        undamaged = ~spreadsheets.fails(one, spreadsheets.trailing_decimal)
        candidates = texts.filter(local).unique().alias("text").to_frame()
        candidates = candidates.filter(digits.is_between(LEAST_DIGITS, MOST_DIGITS) & undamaged)
        return local & texts.is_in(candidates.filter(fails(one))["text"].to_list())

    return text.map_batches(look, return_dtype=pl.Boolean)


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
    bare = texts.str.strip_prefix("'").str.replace_all(MARKS, "")
    dialled = bare.str.replace(f"^{known.exit}", "+") if known.exit else bare
    international = _matches(dialled, [known.abroad]) & _true(dialled.str.starts_with("+"))
    short = texts.str.contains(r"^'?[ (]*\+?[ (]*[0-9]") & (texts.str.len_bytes() <= SHORT)
    return (international | _matches(bare, known.home)) & _true(short)


def _matches(texts: pl.Series, readings: Iterable[Patterns]) -> Mask:
    """Which of `texts` are surely valid by one of the readings."""
    found = np.zeros(len(texts), np.bool_)
    for kind, general, never in readings:
        found |= _true(texts.str.contains(kind) & texts.str.contains(general) & ~texts.str.contains(never))
    return found


def _true(values: pl.Series) -> Mask:
    return values.fill_null(False).to_numpy()
