"""Ranges of whole numbers and of days as regular expressions, in the syntax that Python and Rust share.

They match nothing outside of the range, and of what lies in it only what is written in the usual way: no
needless sign, no zeros in front. Days are those of whole months, and 29 February is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import groupby

# What every date-time dtype holds, years of four digits that begin with no zero.
FIRST_DAY, LAST_DAY = dt.date(1700, 1, 1), dt.date(2199, 12, 31)
_DAYS = {28: "(?:0[1-9]|1[0-9]|2[0-8])", 30: "(?:0[1-9]|[12][0-9]|30)", 31: "(?:0[1-9]|[12][0-9]|3[01])"}
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def numbers(low: int, high: int) -> str | None:
    """A pattern of the whole numbers from `low` to `high`; None where there are none."""
    negative, positive = _digits(max(1, -high), -low), _digits(max(0, low), high)
    found = [*(f"-{each}" for each in negative), *positive]
    return f"(?:{'|'.join(found)})" if found else None


def days(first: dt.date, last: dt.date) -> str | None:
    """A pattern of days from `first` to `last`, both allowed, written YYYY-MM-DD; None where it has none."""
    first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
    begin = first.year * 12 + first.month - 1 + (first.day > 1)
    end = last.year * 12 + last.month - (last.day < _LENGTHS[last.month - 1])
    if begin >= end:
        return None
    whole_years = range(-(-begin // 12), end // 12)
    others = [month for month in range(begin, end) if month // 12 not in whole_years]
    found = [f"{year}-{_months(months)}" for year, months in groupby(others, lambda month: month // 12)]
    if whole_years:
        years = _same_width(str(whole_years[0]), str(whole_years[-1]))
        found.append(f"{years}-{_months(range(12))}")
    return f"(?:{'|'.join(found)})"


def _months(months: Iterable[int]) -> str:
    """The days of these months, which are counted from 0 on, over the years."""
    of_year = {month % 12 for month in months}
    found = []
    for length, days_of in _DAYS.items():
        names = [f"{month + 1:02}" for month in sorted(of_year) if _LENGTHS[month] == length]
        if names:
            found.append(f"(?:{'|'.join(names)})-{days_of}")
    return f"(?:{'|'.join(found)})"


def _digits(low: int, high: int) -> list[str]:
    """Patterns of the numbers from `low` >= 0 to `high`, one for each number of digits."""
    found = []
    for width in range(len(str(low)), len(str(max(0, high))) + 1):
        least, most = max(low, 10 ** (width - 1) if width > 1 else 0), min(high, 10**width - 1)
        if least <= most:
            found.append(_same_width(str(least), str(most)))
    return found


def _same_width(low: str, high: str) -> str:
    """A pattern of the numbers between two of as many digits."""
    if low == high:
        return low
    first, last, rest = low[0], high[0], len(low) - 1
    if first == last:
        return first + _same_width(low[1:], high[1:])
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        return f"[{first}-{last}]" + (f"[0-9]{{{rest}}}" if rest else "")
    if low[1:] == "0" * rest:
        below = _same_width(low, chr(ord(last) - 1) + "9" * rest)
        return f"(?:{below}|{last}{_same_width('0' * rest, high[1:])})"
    above = _same_width(chr(ord(first) + 1) + "0" * rest, high)
    return f"(?:{first}{_same_width(low[1:], '9' * rest)}|{above})"
