"""A look at a file: from its first records and its end to a config and a contract to go on from.

    sample.py    the first bytes and the last, as text
    layout.py    delimiter, preamble, header, totals line
    columns.py   which column is which, by the words of words.py and the habits of languages.py
    values.py    dates, phones, numbers, postal codes: what the cells look like
    writing.py   all of that as files, with a comment for each guess

Nothing that is guessed is applied unseen: it is written where a person reads and changes it.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.look import values
from pipeline.look.columns import Match, matched
from pipeline.look.languages import REGIONS
from pipeline.look.layout import Layout, layout_of
from pipeline.look.sample import Sample, sample

__all__ = ["Column", "Look", "look"]

DATES = ("DOB", "SIGNUP_DATE", "LAST_PURCHASE")
KEYS = ("EMAIL", "MOBILE", "CUSTOMER_ID")


@dataclass(frozen=True)
class Column:
    """A column of the file: its match, how many of its cells are blank, and how the others are read.

    `read` are the words for `contract.read`, "" for none; `choices` those to choose from.
    `why` says what they go by. `dtype` is that of a custom attribute, None for text. `digits` is the length
    of codes that lose leading zeros. `fits`: its cells are what the default contract wants.
    """

    match: Match
    blank: int
    read: str = ""
    choices: tuple[str, ...] = ()
    why: str = ""
    dtype: str | None = None
    digits: int | None = None
    fits: bool = True


@dataclass(frozen=True)
class Look:
    """What was seen in a file."""

    path: Path
    sample: Sample = field(repr=False)
    layout: Layout = field(repr=False)
    language: str
    columns: tuple[Column, ...]
    primary_key: str | None

    @property
    def records(self) -> int:
        """How many records were looked at."""
        return len(self.layout.records)


def look(path: Path) -> Look:
    """What the first records and the end of a file say of it; SourceError where there is nothing to see."""
    seen = sample(path)
    try:
        layout = layout_of(seen)
    except csv.Error:
        raise SourceError(f"{path}: its cells cannot be told apart", hint="Is this a CSV file?") from None
    if not layout.header or not layout.records:
        raise SourceError(
            f"{path}: no header row with records below it was found",
            hint="Add a row with the names of the columns, or write a config yourself: "
            "source.header_rows: 0 takes the contract's own order.",
        )
    doubled = [name for name, count in Counter(layout.header).items() if count > 1 and name]
    if doubled:
        raise SourceError(
            f"{path}: {len(doubled)} names stand twice in the header", hint="Rename one of each two."
        )
    every = {name: [row[at] for row in layout.records] for at, name in enumerate(layout.header)}
    filled = {name: [cell for cell in cells if cell.strip()] for name, cells in every.items()}
    named = [name for name in layout.header if name]
    matches, language = matched(named, filled)
    country = _country(matches, filled)
    codes = [cell for one in matches if one.attribute == "POSTAL_CODE" for cell in filled[one.name]]
    regions = ([country] if country else []) + values.with_such_codes(REGIONS[language], codes)
    if values.month_first(filled.values()):  # as nobody else writes dates
        regions = [region for region in regions if region == "US"] or regions
    columns = [_column(one, filled[one.name], len(layout.records), regions, country) for one in matches]
    dialled = next((c.read.partition(" ")[2] for c in columns if c.read.startswith("phone ")), None)
    home = country or dialled
    foreign = _foreign(matches, every, home)
    columns = [_with_digits(column, filled[column.match.name], home, foreign) for column in columns]
    columns = [_trimmed(column, every[column.match.name]) for column in columns]
    return Look(
        path, seen, layout, language, tuple(columns), _primary_key(columns, filled, len(layout.records))
    )


def _country(matches: Sequence[Match], cells: Mapping[str, Sequence[str]]) -> str | None:
    """The country that nearly all records name, if any."""
    for one in matches:
        if one.attribute == "COUNTRY" and cells[one.name]:
            counts = Counter(_codes(cells[one.name]))
            code, count = counts.most_common(1)[0]
            if code and count >= len(cells[one.name]) * values.ENOUGH:
                return code
    return None


def _codes(cells: Sequence[str]) -> list[str | None]:
    import polars as pl

    from pipeline.formats import countries

    column = pl.DataFrame({"text": cells}, schema={"text": pl.String})
    return column.select(countries.code(pl.col("text")).alias("code"))["code"].to_list()


def _column(
    match: Match, cells: Sequence[str], records: int, regions: Sequence[str], country: str | None
) -> Column:
    """A column with how its cells are read; `regions` are where phone numbers may be dialled."""
    column = Column(match, records - len(cells))
    if not cells:
        return column
    if match.attribute == "MOBILE":
        return _phones(column, cells, regions, country)
    if match.attribute == "COUNTRY":
        named = not all(re.fullmatch("[A-Z]{2}", cell) for cell in cells)
        known = sum(map(bool, _codes(cells))) if named else 0
        words = "country" if known * 2 > len(cells) else ""
        return Column(
            match, column.blank, words, why=f"{known:,} of {len(cells):,} are names or codes" if words else ""
        )
    if match.attribute == "EMAIL":
        words = " ".join(
            ["trim"] * any(cell != cell.strip() for cell in cells)
            + ["lower"] * any(cell != cell.lower() for cell in cells)
        )
        return Column(match, column.blank, words, why="some have blanks around, or capitals" if words else "")
    guess = (
        values.date_guess(cells)
        if match.attribute in DATES or match.confidence in ("own", "unnamed")
        else None
    )
    if guess:
        past = f" until {dt.date.today().year}" if match.attribute == "DOB" else ""
        forms = [f"date {form}" + past * ("YYYY" not in form) for form in guess.forms]
        read = forms[0] if len(forms) == 1 else ""
        choices = tuple(forms) if len(forms) > 1 else ()
        timed = not guess.forms and any(len(cell) > 10 for cell in cells)
        dtype = "datetime64[ns]" if timed or any("HH" in form for form in guess.forms) else "date"
        return Column(match, column.blank, read, choices, guess.why, dtype)
    if match.attribute in DATES:
        return Column(
            match, column.blank, choices=("date DD.MM.YYYY",), why="no form of dates fits its cells"
        )
    if match.attribute == "LANGUAGE":
        fits = all(re.fullmatch("[a-z]{2,3}(-[A-Za-z]{2,4})?", cell) for cell in cells)
        return Column(match, column.blank, fits=fits)
    if match.attribute == "LOYALTY_ID":
        lengths = {len(cell) for cell in cells}
        same = len(lengths) == 1 and all(cell.isdecimal() for cell in cells)
        return Column(match, column.blank, digits=lengths.pop() if same else None)
    if match.confidence == "own" and values.has_decimal_commas(cells):
        return Column(
            match, column.blank, "decimal comma", why="some have a comma and decimals", dtype="float"
        )
    return Column(match, column.blank, dtype=values.number_type(cells) if match.confidence == "own" else None)


def _phones(column: Column, cells: Sequence[str], regions: Sequence[str], country: str | None) -> Column:
    guess = values.phone_guess(cells, regions)
    if guess is None:
        return Column(column.match, column.blank, choices=("phone DE",), why="no country fits its numbers")
    if not guess.regions:
        plain = all(re.fullmatch("[1-9][0-9]+", cell) for cell in cells)
        return Column(column.match, column.blank, "" if plain else "phone", why=guess.why)
    if len(guess.regions) == 1 or country == guess.regions[0]:
        why = guess.why if len(guess.regions) == 1 else f"{guess.why}, and the records name that country"
        return Column(column.match, column.blank, f"phone {guess.regions[0]}", why=why)
    return Column(
        column.match, column.blank, choices=tuple(f"phone {one}" for one in guess.regions), why=guess.why
    )


def _foreign(matches: Sequence[Match], cells: Mapping[str, Sequence[str]], home: str | None) -> set[str]:
    """The postal codes of records that name another country."""
    named = {one.attribute: cells[one.name] for one in matches}
    if not {"POSTAL_CODE", "COUNTRY"} <= named.keys():
        return set()
    countries = _codes(named["COUNTRY"])
    return {
        text.strip()
        for text, code in zip(named["POSTAL_CODE"], countries, strict=True)
        if code and code != home
    }


def _with_digits(column: Column, cells: Sequence[str], country: str | None, foreign: set[str]) -> Column:
    if column.match.attribute != "POSTAL_CODE":
        return column
    digits = values.postal_digits(cells, country)
    if digits and any(text.isdecimal() and len(text) < digits for text in foreign):
        why = f"other countries have shorter codes; undamaged({digits}) in the contract would refuse them, "
        return Column(column.match, column.blank, why=why + "and find those that have lost a leading zero")
    return Column(column.match, column.blank, digits=digits, why=f"all of {country}" if digits else "")


def _trimmed(column: Column, cells: Sequence[str]) -> Column:
    """The column, its cells trimmed where they are padded and read in no other way."""
    if column.read or column.choices or column.match.confidence not in ("sure", "likely"):
        return column
    padded = any(cell != cell.strip(" ") for cell in cells)
    return replace(column, read="trim", why="some have blanks around, or nothing else") if padded else column


def _primary_key(columns: Sequence[Column], cells: Mapping[str, Sequence[str]], records: int) -> str | None:
    """The attribute that is filled and different in all records that were looked at, or nearly."""
    for wanted in KEYS:
        for column in columns:
            match = column.match
            if match.attribute == wanted and match.confidence in ("sure", "likely"):
                texts = {cell.strip().casefold() for cell in cells[match.name]}
                if len(cells[match.name]) >= records * 0.98 and len(texts) >= records * values.ENOUGH:
                    return wanted
    return None
