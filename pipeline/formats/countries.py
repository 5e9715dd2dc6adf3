"""Countries by their codes and names, from Unicode's tables (CLDR) as `babel` has them.

A text is the code of two letters, of three, or the number that ISO 3166 gives a country, or its name in one
of `LANGUAGES`, in capitals or not. What names two countries in two languages is none of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LANGUAGES", "code", "codes"]

LANGUAGES = (
    *("en", "de", "fr", "es", "pt", "it", "hi", "ar", "ja"),
    *("nl", "da", "sv", "nb", "fi", "pl", "cs", "hu", "ro", "el", "tr", "ru", "uk", "id", "vi", "ko", "zh"),
)

# ISO 3166 leaves AA, QM to QZ, XA to XZ and ZZ to their users (XK is in use) and reserves others for areas.
_ISO = re.compile("(?!AA|Q[M-Z]|X[A-JL-Z]|ZZ|AC|CP|DG|EA|EU|EZ|IC|TA|UN)[A-Z]{2}")


def code(text: pl.Expr) -> pl.Expr:
    """The two-letter code of the country that each text of a String column names, null for any other."""
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        asked = texts.drop_nulls().unique()
        found = [codes().get(_plain(text)) for text in asked]
        return texts.replace_strict(asked, pl.Series(found, dtype=pl.String), return_dtype=pl.String)

    return text.map_batches(look, return_dtype=pl.String)


@cache
def codes() -> Mapping[str, str]:
    """The two-letter code by everything that a country is called, in small letters."""
    meant: dict[str, set[str]] = {}
    for called, country in _called():
        meant.setdefault(_plain(called), set()).add(country)
    return {called: countries.pop() for called, countries in meant.items() if len(countries) == 1}


def _called() -> Iterator[tuple[str, str]]:
    from babel import Locale
    from babel.core import get_global

    aliases = get_global("territory_aliases")
    one = {old: new[0] for old, new in aliases.items() if len(new) == 1 and (len(old) == 3 or old == "UK")}
    countries = {new for old, new in one.items() if old.isalpha() and _ISO.fullmatch(new)}
    yield from ((country, country) for country in countries)
    yield from ((old, new) for old, new in one.items() if new in countries)
    for language in LANGUAGES:
        names = Locale(language).territories
        yield from ((name, country) for country, name in names.items() if country in countries)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace(".", "").split())
