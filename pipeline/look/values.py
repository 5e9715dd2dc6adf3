"""What the cells of a column look like: dates, phone numbers, numbers, postal codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.formats import numbers

ENOUGH = 0.9  # of the cells that are not blank
_DAY = re.compile(
    r"\s*([0-9]{1,4})([./-])([0-9]{1,2})\2([0-9]{1,4})(?:[ T]([0-9]{1,2}):[0-9]{2}(:[0-9]{2})?)?\s*"
)
_NAMED = re.compile(r"\s*[0-9]{1,2}([ /-])[A-Za-z]{3}\1[0-9]{4}\s*")
_JAPANESE = re.compile("[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日")
_COMMA = re.compile(numbers.WITH_COMMA)
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,14})")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?")


class DateGuess(NamedTuple):
    """The forms that dates may be in: one where that is sure, several where only a person can say."""

    forms: tuple[str, ...]
    why: str


def share(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    """How many of the cells are all what a pattern says, 0 to 1."""
    return sum(bool(pattern.fullmatch(cell)) for cell in cells) / len(cells) if cells else 0.0


def date_guess(cells: Sequence[str]) -> DateGuess | None:
    """The form of a column's dates; None where it holds none, no form at all where they are ISO's."""
    if share(cells, _ISO) >= ENOUGH:
        return DateGuess((), "as ISO 8601 has them")
    if share(cells, _NAMED) >= ENOUGH:
        between = next(found[1] for cell in cells if (found := _NAMED.fullmatch(cell)))
        return DateGuess((f"DD{between}MMM{between}YYYY",), "the month is written out")
    if share(cells, _JAPANESE) >= ENOUGH:
        return DateGuess(("YYYY年MM月DD日",), "the year comes first")
    days = [one for cell in cells if (one := _DAY.fullmatch(cell))]
    shapes = Counter(map(_shape, days))
    if not shapes or max(shapes.values()) < len(cells) * ENOUGH:
        return None
    usual = shapes.most_common(1)[0][0]
    between, time, *years = usual
    forms, why = _order([(int(one[1]), int(one[3])) for one in days if _shape(one) == usual], between, *years)
    return DateGuess(tuple(between.join(form) + time for form in forms), why)


def _shape(found: re.Match[str]) -> tuple[str, str, bool, bool]:
    """What parts day, month and year, the time behind them, and whether four digits are first, and last."""
    time = "" if found[5] is None else " HH:mm:ss" if found[6] else " HH:mm"
    return found[2], time, len(found[1]) == 4, len(found[4]) == 4


def _order(
    dates: list[tuple[int, int]], between: str, year_first: bool, year_last: bool
) -> tuple[list[list[str]], str]:
    """The orders that day, month and year may stand in, and why; a year that is not long has two digits."""
    if year_first:
        return [["YYYY", "MM", "DD"]], "the year comes first"
    year = "YYYY" if year_last else "YY"
    first, second = sum(one > 12 for one, _ in dates), sum(one > 12 for _, one in dates)
    few = (first + second) * (1 - ENOUGH) / 2  # which are wrong, rather than of the other order
    day_first, month_first = ["DD", "MM", year], ["MM", "DD", year]
    if first > few >= second:
        return [day_first], f"{first:,} have a day above 12 in front" + _but(second)
    if second > few >= first:
        return [month_first], f"{second:,} have a day above 12 in the middle" + _but(first)
    if between == "." and not first:
        return [day_first], "with points between, the day comes first"
    return [day_first, month_first], "no day is above 12" if not first else "they stand in both orders"


def _but(count: int) -> str:
    return f", {count:,} the other way round" if count else ""


def month_first(columns: Iterable[Sequence[str]]) -> bool:
    """Whether a column holds dates whose month surely comes first."""
    guesses = [guess for cells in columns if (guess := date_guess(cells))]
    return any(len(guess.forms) == 1 and guess.forms[0].startswith("MM/") for guess in guesses)


def has_decimal_commas(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, some of them with a decimal comma."""
    found = [cell for cell in cells if _COMMA.match(cell)]
    return any("," in cell for cell in found) and len(found) >= len(cells) * ENOUGH


def number_type(cells: Sequence[str]) -> str | None:
    """The dtype of a column of nothing but numbers; None for any other, ids with leading zeros among them."""
    if cells and all(_INTEGER.fullmatch(cell) for cell in cells):
        return "Int64"
    if cells and all(_DECIMAL.fullmatch(cell) for cell in cells) and any("." in cell for cell in cells):
        return "float"
    return None


class PhoneGuess(NamedTuple):
    """Where numbers without a country code may be dialled: none needed, one that is sure, or several."""

    regions: tuple[str, ...]
    why: str


def phone_guess(cells: Sequence[str], candidates: Iterable[str]) -> PhoneGuess | None:
    """The country of a column's phone numbers, of `candidates`; None where they are none of those."""
    from pipeline.formats import phonedigits

    texts = list(dict.fromkeys(cells))[:60]
    if not texts:
        return None
    local = [text for text in texts if phonedigits.digits(text) is None]
    if len(local) <= len(texts) * (1 - ENOUGH):
        return PhoneGuess((), "with their country code")
    read = {region: [phonedigits.mobile_digits(text, region) for text in local] for region in candidates}
    good = {region: sum(map(bool, found)) for region, found in read.items()}
    most = max(good.values(), default=0)
    if most < len(local) / 2:
        return None
    best = [region for region, count in good.items() if count >= most * ENOUGH]
    others = [region for region in best[1:] if read[region] != read[best[0]]]
    return PhoneGuess((best[0], *others), f"{most:,} of {len(local):,} looked at are mobile numbers there")


# Digits of a postal code, where all of a country have as many; 0: they have letters.
POSTAL_DIGITS = {
    "AU": 4, "AT": 4, "BE": 4, "CH": 4, "DK": 4, "NO": 4, "NZ": 4, "ZA": 4, "DE": 5, "ES": 5, "FR": 5,
    "IT": 5,
    "FI": 5, "MX": 5, "US": 5, "MA": 5, "SA": 5, "EG": 5, "IN": 6, "SG": 6, "JP": 7, "BR": 8, "GB": 0,
    "CA": 0, "IE": 0,
}  # fmt: skip


def with_such_codes(regions: Iterable[str], cells: Sequence[str]) -> list[str]:
    """The regions in which most of these postal codes could be; all of them where there are no codes."""
    lengths = Counter(0 if re.search("[A-Za-z]", cell) else len(re.sub("[^0-9]", "", cell)) for cell in cells)
    usual = lengths.most_common(1)[0][0] if lengths else None
    return [region for region in regions if usual is None or POSTAL_DIGITS.get(region, usual) == usual]


def postal_digits(cells: Sequence[str], country: str | None) -> int | None:
    """The length that postal codes of nothing but digits have; None where it is not sure."""
    length = POSTAL_DIGITS.get(country or "")
    digits = [cell for cell in cells if cell.isdecimal()]
    if not length or not digits or max(map(len, digits)) > length:
        return None
    return length if sum(len(cell) == length for cell in digits) > len(digits) / 2 else None
