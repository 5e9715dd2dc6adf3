"""Forms of dates, spelled by people (`DD.MM.YYYY`) or for programs (`%d.%m.%Y`), and texts read by them.

    YYYY MM DD HH mm ss   year, month, day, hour, minute, second; a month, day or hour may lack its zero
    MMM                   the month in three letters of English: 31-Dec-1990
    YY                    a year of two digits: 70 to 99 are of the last century, 00 to 69 of this one,
                          or, with `until 2026` behind the form, of the hundred years up to that one

Digits are ASCII. Blanks around a text do not count; whatever else differs from the form is not read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DateForm", "date_form", "iso"]

# What is spelled so, what chrono calls it, and its digits. MMM and YYYY are looked for before MM and YY.
_PARTS = {
    "YYYY": ("%Y", "[0-9]{4}"),
    "MMM": ("%b", "[A-Za-z]{3}"),
    "YY": ("%y", "[0-9]{2}"),
    "MM": ("%m", "[0-9]{1,2}"),
    "DD": ("%d", "[0-9]{1,2}"),
    "HH": ("%H", "[0-9]{1,2}"),
    "mm": ("%M", "[0-9]{2}"),
    "ss": ("%S", "[0-9]{2}"),
}
_SPELLED = {code: name for name, (code, _) in _PARTS.items()}
_DAYS, _TIMES = {"%Y": "%Y", "%y": "%Y", "%b": "%m", "%m": "%m", "%d": "%d"}, ("%H", "%M", "%S")


class DateForm(NamedTuple):
    """A form: `format` as chrono and strptime have it, the `pattern` of a text, whether it has a time.

    `until` is the last year that two digits may mean; None: as chrono takes them.
    """

    format: str
    pattern: str
    timed: bool
    until: int | None


@cache
def date_form(form: str) -> DateForm:
    """The form spelled so; raises ValueError where it lacks day, month or year, or has one twice."""
    spelled, until = _until(form.strip())
    tokens = re.findall("|".join([*_PARTS, "%[a-zA-Z]", r"[\s\S]"]), spelled)
    tokens = [_SPELLED.get(token, token) for token in tokens]
    codes = [_PARTS[token][0] if token in _PARTS else "" for token in tokens]
    days = sorted(_DAYS[code] for code in codes if code in _DAYS)
    times = [code for code in codes if code in _TIMES]
    literals = [token for token, code in zip(tokens, codes, strict=True) if not code]
    whole_time = tuple(times) in ((), _TIMES[:2], _TIMES)
    if (
        days != ["%Y", "%d", "%m"]
        or not whole_time
        or any(re.search("[%A-Za-z0-9]", x) for x in literals if x != "T")
    ):
        raise ValueError(
            f"{form!r} is no form of dates: it has YYYY, MM and DD once each, as in DD.MM.YYYY, "
            "and may end in HH:mm or HH:mm:ss"
        )
    if until and "%y" not in codes:
        raise ValueError(f"{form!r}: `until` is for years of two digits, as in DD.MM.YY until {until}")
    pattern = ""
    for at, (token, code) in enumerate(zip(tokens, codes, strict=True)):
        touching = bool(code) and any(codes[max(at - 1, 0) : at] + codes[at + 1 : at + 2])
        digits = _PARTS[token][1] if code else re.escape(token)
        pattern += digits.replace("{1,2}", "{2}") if touching else digits
    spelled = "".join(c or t for t, c in zip(tokens, codes, strict=True))
    return DateForm(spelled, f"^ *{pattern} *$", bool(times), until)


def _until(form: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.*\S) +until +([0-9]{4})", form)
    return (found[1], int(found[2])) if found else (form, None)


def iso(text: pl.Expr, form: str) -> pl.Expr:
    """The day, or moment, of each text as ISO 8601 writes it; null where the text is not of that form."""
    import polars as pl

    known = date_form(form)
    bare = pl.when(text.str.contains(known.pattern)).then(text.str.strip_chars(" "))
    if known.timed:
        moment = _within(bare.str.to_datetime(known.format, time_unit="us", strict=False), known.until)
        return pl.when(moment.dt.year() >= 1).then(moment.dt.to_string("%Y-%m-%d %H:%M:%S"))
    day = _within(bare.str.to_date(known.format, strict=False), known.until)
    return pl.when(day.dt.year() >= 1).then(day.dt.to_string("%Y-%m-%d"))


def _within(day: pl.Expr, until: int | None) -> pl.Expr:
    """The day in the hundred years up to that one; null where there is no such day, as 29 February 1900."""
    import polars as pl

    if until is None:
        return day
    late, early = day.dt.year() > until, day.dt.year() <= until - 100
    found = pl.when(late).then(day.dt.offset_by("-100y")).when(early).then(day.dt.offset_by("100y"))
    moved = found.otherwise(day)
    return pl.when(moved.dt.day() == day.dt.day()).then(moved)
