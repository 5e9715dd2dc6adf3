"""A look at a file: from its first records and its end to a config and a contract to go on from.

    sample.py    the first bytes and the last, as text
    layout.py    delimiter, preamble, header, totals line
    columns.py   which column is which, by the words of words.py and the habits of languages.py
    readings.py  how the cells of a column are read
    values.py    dates, phones, numbers, postal codes: what the cells look like
    writing.py   all of that as files, with a comment for each guess

Nothing that is guessed is applied unseen: it is written where a person reads and changes it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.look import values
from pipeline.look.columns import Match, matched
from pipeline.look.languages import REGIONS
from pipeline.look.layout import Layout, layout_of
from pipeline.look.readings import Column, codes_of, column_of
from pipeline.look.sample import HEAD_BYTES, Sample, sample

__all__ = ["Column", "Look", "look"]

KEYS = ("EMAIL", "MOBILE", "CUSTOMER_ID")


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
    usual = csv.field_size_limit(HEAD_BYTES)  # of the process: it is put back
    try:
        layout = layout_of(seen)
    except csv.Error:
        raise SourceError(f"{path}: its cells cannot be told apart", hint="Is this a CSV file?") from None
    finally:
        csv.field_size_limit(usual)
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
    postal = [cell for one in matches if one.attribute == "POSTAL_CODE" for cell in filled[one.name]]
    regions = ([country] if country else []) + values.with_such_codes(REGIONS[language], postal)
    if values.month_first(filled.values()):  # as nobody else writes dates
        regions = [region for region in regions if region == "US"] or regions
    columns = [column_of(one, filled[one.name], len(layout.records), regions, country) for one in matches]
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
            counts = Counter(codes_of(cells[one.name]))
            code, count = counts.most_common(1)[0]
            if code and count >= len(cells[one.name]) * values.ENOUGH:
                return code
    return None


def _foreign(matches: Sequence[Match], cells: Mapping[str, Sequence[str]], home: str | None) -> set[str]:
    """The postal codes of records that name another country."""
    named = {one.attribute: cells[one.name] for one in matches}
    if not {"POSTAL_CODE", "COUNTRY"} <= named.keys():
        return set()
    countries = codes_of(named["COUNTRY"])
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
