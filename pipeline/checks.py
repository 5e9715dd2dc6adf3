"""Checks registered with pandera: importing this module makes them methods of `pandera.Check`.

    Check.email()                          an address that email-validator takes (emails.py)
    Check.phone(region="IN")               one number that phonenumbers takes (phones.py)
    Check.no_missing_country_code()        no number as dialled at home; with a region nothing is missing
    Check.no_scientific_notation()         not 9.19E+11 (spreadsheets.py, and so the next four)
    Check.no_trailing_decimal()            not 919876543210.0, not 919876543210,00
    Check.no_leading_apostrophe()          not '919876543210
    Check.no_disguise()                    not ="0123", no quotes, tabs or characters that nobody sees
    Check.no_lost_leading_zero(length=5)   not fewer digits than 5, where there is nothing but digits

Each works on text. The rules themselves, and their fast forms for polars, live in modules of their own
that know nothing of pandera, so that they are used without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING

import pandas as pd
from pandera.api.checks import Check
from pandera.api.extensions import register_check_method

from pipeline.formats import emails, phones, spreadsheets
from pipeline.formats.phonepatterns import require_region

if TYPE_CHECKING:
    import polars as pl

    Series = pd.Series[str]
    Mask = pd.Series[bool]

# Fewer texts are asked about sooner than the patterns for it are made.
MANY = 2_000


def email(series: Series) -> Mask:
    """Whether each value is an e-mail address."""
    return _judge(series, emails.accepts, emails.surely_passes)


def phone(series: Series, *, region: str | None = None) -> Mask:
    """Whether each value is a phone number, dialled in `region` where it has no `+`."""
    return _judge(
        series, partial(phones.accepts, region=region), partial(phones.surely_passes, region=region)
    )


def no_missing_country_code(series: Series, *, region: str | None = None) -> Mask:
    """Whether each value is anything but a number that only `region`, if it were given, could complete."""
    if region is not None:
        require_region(region)
        return pd.Series(data=True, index=series.index, dtype=bool)
    return _judge(series, lambda text: not phones.lacks_country_code(text), None)


def no_scientific_notation(series: Series) -> Mask:
    """Whether each value is anything but a number in scientific notation."""
    return _undamaged(series, spreadsheets.scientific_notation)


def no_trailing_decimal(series: Series) -> Mask:
    """Whether each value is anything but a whole number with `.0` or `,0` behind it."""
    return _undamaged(series, spreadsheets.trailing_decimal)


def no_leading_apostrophe(series: Series) -> Mask:
    """Whether each value begins with anything but an apostrophe."""
    return _undamaged(series, spreadsheets.apostrophe)


def no_disguise(series: Series) -> Mask:
    """Whether each value is bare: no formula around it, no quotes, no character that nobody sees."""
    return _undamaged(series, spreadsheets.disguise)


def no_lost_leading_zero(series: Series, *, length: int) -> Mask:
    """Whether each value is anything but digits, fewer than `length`."""
    return _undamaged(series, spreadsheets.shorter_than(length))


def _undamaged(series: Series, pattern: str) -> Mask:
    return _judge(series, lambda text: not spreadsheets.damaged(text, pattern), None)


def _judge(
    series: Series, accepts: Callable[[str], bool], surely_passes: Callable[[pl.Expr], pl.Expr] | None
) -> Mask:
    """What `accepts` says of each value, asked once for each distinct one that is not surely accepted."""
    texts = [value for value in series.unique() if isinstance(value, str)]
    good: set[str] = set()
    if surely_passes and len(texts) >= MANY:
        import polars as pl

        # Only ASCII is ever surely accepted, and text that UTF-8 cannot hold must not reach polars.
        plain = pl.DataFrame({"text": [text for text in texts if text.isascii()]})
        good.update(plain.filter(surely_passes(pl.col("text")))["text"])
    good.update(text for text in texts if text not in good and accepts(text))
    return pd.Series([value in good for value in series], index=series.index, dtype=bool)


CHECKS = (
    email,
    phone,
    no_missing_country_code,
    no_scientific_notation,
    no_trailing_decimal,
    no_leading_apostrophe,
    no_disguise,
    no_lost_leading_zero,
)
for _check in CHECKS:
    # pandera refuses a name twice; a module may well be imported twice, by reload or by two paths.
    if _check.__name__ not in Check.REGISTERED_CUSTOM_CHECKS:
        _options = [
            name for name, one in signature(_check).parameters.items() if one.kind is one.KEYWORD_ONLY
        ]
        register_check_method(_check, statistics=_options, supported_types=pd.Series)
