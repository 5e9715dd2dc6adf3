"""How the cells of a column are read: what they give away, by what the column is or may be."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.look import values
from pipeline.look.columns import Match

DATES = ("DOB", "SIGNUP_DATE", "LAST_PURCHASE")


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


def column_of(
    match: Match, cells: Sequence[str], records: int, regions: Sequence[str], country: str | None
) -> Column:
    """The column of so many records, of which `cells` are filled; phones may be dialled in `regions`."""
    column = Column(match, records - len(cells))
    if not cells:
        return column
    if match.attribute == "MOBILE":
        return _phones(column, cells, regions, country)
    if match.attribute in _BY_ATTRIBUTE:
        return _BY_ATTRIBUTE[match.attribute](column, cells)
    is_date = match.attribute in DATES
    if (is_date or match.confidence in ("own", "unnamed")) and (guess := values.date_guess(cells)):
        return _dates(column, cells, guess)
    if is_date:
        return replace(column, choices=("date DD.MM.YYYY",), why="no form of dates fits its cells")
    return _numbers(column, cells) if match.confidence == "own" else column


def codes_of(cells: Sequence[str]) -> list[str | None]:
    """The code of the country that each cell names, None where it names none."""
    import polars as pl

    from pipeline.formats import countries

    column = pl.DataFrame({"text": cells}, schema={"text": pl.String})
    return column.select(countries.code(pl.col("text")).alias("code"))["code"].to_list()


def _phones(column: Column, cells: Sequence[str], regions: Sequence[str], country: str | None) -> Column:
    guess = values.phone_guess(cells, regions)
    if guess is None:
        return replace(column, choices=("phone DE",), why="no country fits its numbers")
    if not guess.regions:
        plain = all(re.fullmatch("[1-9][0-9]+", cell) for cell in cells)
        return replace(column, read="" if plain else "phone", why=guess.why)
    if len(guess.regions) == 1 or country == guess.regions[0]:
        why = guess.why if len(guess.regions) == 1 else f"{guess.why}, and the records name that country"
        return replace(column, read=f"phone {guess.regions[0]}", why=why)
    return replace(column, choices=tuple(f"phone {one}" for one in guess.regions), why=guess.why)


def _country(column: Column, cells: Sequence[str]) -> Column:
    if all(re.fullmatch("[A-Z]{2}", cell) for cell in cells):
        return column
    known = sum(map(bool, codes_of(cells)))
    if known * 2 <= len(cells):
        return column
    return replace(column, read="country", why=f"{known:,} of {len(cells):,} are names or codes")


def _email(column: Column, cells: Sequence[str]) -> Column:
    padded = any(cell != cell.strip() for cell in cells)
    capital = any(cell != cell.lower() for cell in cells)
    if not padded and not capital:
        return column
    return replace(
        column,
        read=" ".join(["trim"] * padded + ["lower"] * capital),
        why="some have blanks around, or capitals",
    )


def _language(column: Column, cells: Sequence[str]) -> Column:
    return replace(column, fits=all(re.fullmatch("[a-z]{2,3}(-[A-Za-z]{2,4})?", cell) for cell in cells))


def _loyalty_id(column: Column, cells: Sequence[str]) -> Column:
    lengths = {len(cell) for cell in cells}
    same = len(lengths) == 1 and all(cell.isdecimal() for cell in cells)
    return replace(column, digits=lengths.pop() if same else None)


def _dates(column: Column, cells: Sequence[str], guess: values.DateGuess) -> Column:
    past = f" until {dt.date.today().year}" if column.match.attribute == "DOB" else ""
    forms = tuple(f"date {form}" + past * ("YYYY" not in form) for form in guess.forms)
    timed = any("HH" in form for form in guess.forms) or (
        not guess.forms and any(len(cell) > 10 for cell in cells)
    )
    return replace(
        column,
        read=forms[0] if len(forms) == 1 else "",
        choices=forms if len(forms) > 1 else (),
        why=guess.why,
        dtype="datetime64[ns]" if timed else "date",
    )


def _numbers(column: Column, cells: Sequence[str]) -> Column:
    if values.has_decimal_commas(cells):
        return replace(column, read="decimal comma", why="some have a comma and decimals", dtype="float")
    return replace(column, dtype=values.number_type(cells))


_BY_ATTRIBUTE: Mapping[str, Callable[[Column, Sequence[str]], Column]] = {
    "COUNTRY": _country,
    "EMAIL": _email,
    "LANGUAGE": _language,
    "LOYALTY_ID": _loyalty_id,
}
