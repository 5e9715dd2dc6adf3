"""Forms of dates, spelled by people (`DD.MM.YYYY`) or for programs (`%d.%m.%Y`), and texts read by them.

    YYYY MM DD HH mm ss   year, month, day, hour, minute, second; a month, day or hour may lack its zero
    MMM                   the month in three letters of English: 31-Dec-1990
    YY                    a year of two digits: 70 to 99 are of the last century, 00 to 69 of this one

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
    """A form: `format` as chrono and strptime have it, the `pattern` of a text, whether it has a time."""

    format: str
    pattern: str
    timed: bool


@cache
def date_form(form: str) -> DateForm:
    """The form spelled so; raises ValueError where it lacks day, month or year, or has one twice."""
    tokens = re.findall("|".join([*_PARTS, "%[a-zA-Z]", r"[\s\S]"]), form.strip())
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
    pattern = ""
    for at, (token, code) in enumerate(zip(tokens, codes, strict=True)):
        touching = bool(code) and any(codes[max(at - 1, 0) : at] + codes[at + 1 : at + 2])
        digits = _PARTS[token][1] if code else re.escape(token)
        pattern += digits.replace("{1,2}", "{2}") if touching else digits
    return DateForm(
        "".join(c or t for t, c in zip(tokens, codes, strict=True)), f"^ *{pattern} *$", bool(times)
    )


def iso(text: pl.Expr, form: str) -> pl.Expr:
    """The day, or moment, of each text as ISO 8601 writes it; null where the text is not of that form."""
    import polars as pl

    known = date_form(form)
    bare = pl.when(text.str.contains(known.pattern)).then(text.str.strip_chars(" "))
    if known.timed:
        moment = bare.str.to_datetime(known.format, time_unit="us", strict=False)
        return pl.when(moment.dt.year() >= 1).then(moment.dt.to_string("%Y-%m-%d %H:%M:%S"))
    day = bare.str.to_date(known.format, strict=False)
    return pl.when(day.dt.year() >= 1).then(day.dt.to_string("%Y-%m-%d"))
