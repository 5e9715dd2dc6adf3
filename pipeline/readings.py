"""Named readings: what to take the text of a cell for, where an export writes it in a way of its own.

    trim()                 without the blanks around it
    lower()                in small letters
    date("DD.MM.YYYY")     31.12.1990 becomes 1990-12-31; %d.%m.%Y says the same
    phone("DE")            0171 2345678 becomes 491712345678: E.164 without its plus
    country()              Deutschland, Germany and DEU become DE
    decimal_comma()        1.234,50 becomes 1234.50

They stand beside a column of the contract, one or several in their order,

    pa.Column(pa.Date, metadata={"read": readings.date("DD.MM.YYYY")})

or in the config, as words: `contract.read: {DOB: date DD.MM.YYYY, EMAIL: trim lower}`. A cell is read before
anything is checked. One that cannot be read is rejected by the reading's name, `DOB:date`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.formats.dateforms import date_form
from pipeline.formats.phonepatterns import require_region

__all__ = ["Reading", "country", "date", "decimal_comma", "lower", "parse", "phone", "trim"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading, as plain data: `name` is what an unreadable cell is rejected for."""

    name: str
    argument: str = ""


def trim() -> Reading:
    """The text without blanks around it; blanks alone are an empty cell."""
    return Reading("trim")


def lower() -> Reading:
    """The text in small letters."""
    return Reading("lower")


def date(form: str, *, until: int | None = None) -> Reading:
    """The day, or day and time, as ISO 8601 writes it, of a text in that form.

    The form is spelled `DD.MM.YYYY HH:mm`, or `%d.%m.%Y %H:%M`. A year of two digits, as in `DD.MM.YY`, is
    one of the hundred that end with the year `until`, by default with 2069. Raises ValueError for any other
    form.
    """
    form = form if until is None else f"{form} until {until}"
    date_form(form)
    return Reading("date", form)


def phone(region: str | None = None) -> Reading:
    """The digits of a valid phone number with its country code, as E.164 has them, without a plus.

    Numbers without a country code are dialled in `region`, such as DE; default: the config's
    `contract.region`. Raises ValueError for a region that phone numbers do not have.
    """
    require_region(region)
    return Reading("phone", region or "")


def country() -> Reading:
    """The two-letter code of ISO 3166 for a country's code or name, in the languages of `countries.py`."""
    return Reading("country")


def decimal_comma() -> Reading:
    """The number with a point, of one with a decimal comma; points, blanks, apostrophes part thousands.

    A currency in front or behind goes: `R$ 1.234,50`, `87,48 €`.
    """
    return Reading("decimal_comma")


# The words of the config, and what makes a reading of what stands behind them.
_WORDS: dict[str, tuple[Callable[..., Reading], str]] = {
    "trim": (trim, "trim"),
    "lower": (lower, "lower"),
    "date": (date, "date DD.MM.YYYY"),
    "phone": (phone, "phone DE"),
    "country": (country, "country"),
    "decimal": (lambda _comma: decimal_comma(), "decimal comma"),
}
EXAMPLES = tuple(example for _, example in _WORDS.values())


def parse(words: str) -> tuple[Reading, ...]:
    """The readings that these words ask for: `trim lower`, `date DD.MM.YYYY`, `phone DE`, `decimal comma`.

    Raises ValueError that says what would be right.
    """
    asked: list[tuple[str, list[str]]] = []
    for word in words.replace("decimal_comma", "decimal comma").split():
        if word in _WORDS:
            asked.append((word, []))
        elif asked:
            asked[-1][1].append(word)
        else:
            raise ValueError(f"{word!r} is no reading; those are {', '.join(EXAMPLES)}")
    return tuple(_asked(name, " ".join(rest)) for name, rest in asked)


def _asked(name: str, argument: str) -> Reading:
    make, example = _WORDS[name]
    if name == "decimal" and argument != "comma":
        raise ValueError("write decimal comma: a decimal point needs no reading")
    try:
        return make(argument) if argument else make()
    except TypeError:
        raise ValueError(f"write it as {example}") from None


def taken(value: Any) -> tuple[Reading, ...]:
    """The readings that a column's metadata name: a Reading, several in a list, or words.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        return parse(value)
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(one, Reading) for one in found):
        raise ValueError("a reading is one of pipeline.readings, several in a list, or words for them")
    return found
