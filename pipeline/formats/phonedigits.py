"""The digits of a phone number as E.164 has them, without a plus: how the platform writes them.

A text has to be one valid number (phones.py) without an extension, which the digits could not hold, and
undamaged. With a plus, or an exit code, it is international; else it is dialled in the region. Digits alone
may also be a country code and a number whose plus was left away: of two numbers that both are valid the
mobile one is meant, of two mobiles the one at home.

`e164` says this of a column: by patterns where they are sure, by the library, once for each text, elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats import phones, spreadsheets
from pipeline.formats.digitpatterns import spelled
from pipeline.formats.phonebounds import bounds
from pipeline.formats.phonepatterns import Patterns, readings, trunks

if TYPE_CHECKING:
    import polars as pl
    from phonenumbers import PhoneNumber

__all__ = ["digits", "e164", "examples", "mobile_digits"]

_BLANKS = "[\u00a0\u202f]"  # at which no line breaks: what French programs put between the pairs of digits


def digits(text: str, region: str | None = None) -> str | None:
    """The digits of the number that the text is; None where it is none.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    from phonenumbers import PhoneNumberFormat, format_number

    text = re.sub(_BLANKS, " ", text)
    if spreadsheets.damaged(text, spreadsheets.trailing_decimal) or not phones.accepts(text, region):
        return None
    bare = text.removeprefix("'").strip(" ")
    ways = [(text, region)] + [(f"+{bare}", None)] * bool(re.fullmatch("[0-9]+", bare))
    found = [number for way in ways if (number := _number(*way))]
    if not found or any(number.extension for number in found):
        return None
    meant = next(filter(_is_mobile, found), found[0])
    return format_number(meant, PhoneNumberFormat.E164).removeprefix("+")


def examples(region: str) -> Iterator[str]:
    """A mobile number as it is dialled in a region, and as it is from abroad."""
    from phonenumbers import (
        PhoneNumberFormat,
        PhoneNumberType,
        example_number_for_type,
        format_number,
    )

    if number := example_number_for_type(region, PhoneNumberType.MOBILE):
        for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL):
            yield format_number(number, form)


def mobile_digits(text: str, region: str) -> str | None:
    """The same, of a mobile number only."""
    found = digits(text, region)
    number = _number(f"+{found}", None) if found else None
    return found if number and _is_mobile(number) else None


def _number(text: str, region: str | None) -> PhoneNumber | None:
    """The valid number that the library reads in a text, if any."""
    from phonenumbers import NumberParseException, is_possible_number, is_valid_number, parse

    try:
        number = parse(text, region)
    except NumberParseException:
        return None
    return number if is_possible_number(number) and is_valid_number(number) else None


def _is_mobile(number: PhoneNumber) -> bool:
    from phonenumbers import PhoneNumberType, number_type

    return number_type(number) in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def e164(text: pl.Expr, region: str | None = None) -> pl.Expr:
    """`digits` of a String column; null where a text is no number."""
    import polars as pl

    return text.map_batches(partial(_of_column, region=region), return_dtype=pl.String)


def _of_column(texts: pl.Series, region: str | None) -> pl.Series:
    import polars as pl

    name, frame = texts.name, texts.str.replace_all(_BLANKS, " ").alias("text").to_frame()
    found = pl.Series("digits", [None], dtype=pl.String).new_from_index(0, len(texts))
    for begins, way in _ways(pl.col("text"), region):
        rows = frame.select(found.is_null() & begins).to_series().arg_true()
        if len(rows):
            found = found.scatter(rows, frame[rows].select(way).to_series())
    left = frame.filter(found.is_null() & pl.col("text").is_not_null()).unique()
    asked = left.filter(~phones.surely_fails(pl.col("text"), region))["text"]
    if len(asked):
        answers = [digits(text, region) for text in asked]
        table = pl.DataFrame({"text": asked, "asked": pl.Series(answers, dtype=pl.String)})
        joined = frame.with_columns(found).join(table, on="text", how="left", maintain_order="left")
        found = joined.select(pl.coalesce("digits", "asked")).to_series()
    return found.alias(name)


class _Home(NamedTuple):
    """How numbers are dialled in a region: its country code, trunk prefixes, exit code; what is a mobile."""

    code: str
    trunks: tuple[tuple[str, Patterns], ...]
    bare: Patterns
    exit: str
    mobile: str


@cache
def _home(region: str | None) -> _Home | None:
    """The same, None where the patterns do not say it."""
    from phonenumbers import PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region(region) if region else None
    known = readings(region)
    if not metadata or not known.home or not metadata.mobile:
        return None
    starts = trunks(metadata)
    mobile = spelled(f"^(?:{metadata.mobile.national_number_pattern})$")
    found = tuple(zip(starts, known.home[2:], strict=True))
    return _Home(str(metadata.country_code), found, known.home[0], known.exit, mobile)


def _ways(text: pl.Expr, region: str | None) -> Iterator[tuple[pl.Expr, pl.Expr]]:
    """Ways to sure digits: of which texts to ask, and their digits, null where they are not sure.

    A text is asked of in each way in turn, until its digits are found.
    """
    import polars as pl

    known, home = readings(region), _home(region)
    alone = text.str.contains("^[1-9][0-9]*$")
    if region is None:
        yield alone, pl.when(_matches(text, known.abroad)).then(text)
    bare = text.str.replace_all(phones.MARKS, "")
    short = text.str.len_bytes() <= phones.SHORT
    short &= ~text.str.contains(f"^(?:{spreadsheets.trailing_decimal})$")
    leaving = f"^{home.exit}" if home and home.exit else r"^\+"
    dialled = bare.str.replace(leaving, "+")
    abroad = short & dialled.str.starts_with("+") & _matches(dialled, known.abroad)
    begins = text.str.contains(rf"^[ (]*(?:\+[ (]*[0-9]|{leaving[1:]})")
    yield begins, pl.when(abroad).then(dialled.str.strip_prefix("+"))
    if not home:
        return
    code = pl.lit(home.code)
    for trunk, patterns in home.trunks:
        if trunk.startswith("0"):  # as no country code does
            at_home = short & _matches(bare, patterns)
            yield text.str.contains("^[ (]*0"), pl.when(at_home).then(code + bare.str.slice(len(trunk)))
    mobile = bare.str.contains(home.mobile)
    own = text.str.starts_with(home.code) & text.str.slice(len(home.code)).str.contains(home.mobile)
    unlike_home = own | ~text.str.contains(bounds(region).home)
    yield alone, pl.when(~mobile & unlike_home & _matches(text, known.abroad)).then(text)
    parted = text.str.contains("^[ (]*[0-9].*[ ().-]+[0-9]")  # which is no country code without its plus
    yield parted | alone, pl.when(short & (parted | mobile) & _matches(bare, home.bare)).then(code + bare)


def _matches(text: pl.Expr, patterns: Patterns) -> pl.Expr:
    kind, general, never = patterns
    return text.str.contains(kind) & text.str.contains(general) & ~text.str.contains(never)
