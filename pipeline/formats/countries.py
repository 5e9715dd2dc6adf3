"""Countries by their codes and names, from Unicode's tables (CLDR) as `babel` has them.

A text is the code of two letters, of three, or the number that ISO 3166 gives a country, or its name in one
of `LANGUAGES` or as forms have it (`ALSO`), in capitals and with accents or not. What names two countries in
two languages is none of them.
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


# What Unicode's tables leave out: the names of ISO 3166, and those that people use. One line a country.
ALSO = """
AE Emirates, UAE, VAE
AT Oesterreich
BA Bosnia, Bosnia and Herzegovina, Bosnien
BN Brunei Darussalam
BO Bolivia (Plurinational State of), Plurinational State of Bolivia
BY Weißrussland
CD Congo (Democratic Republic of the), Democratic Republic of the Congo, DR Congo
CG Republic of the Congo
CI Côte d'Ivoire, Elfenbeinküste, Ivory Coast
CN People's Republic of China, PRC, VR China
CV Cabo Verde, Cape Verde
CZ Czech Republic, Tschechische Republik
DE BRD, Bundesrepublik Deutschland, Federal Republic of Germany
FK Falkland Islands (Malvinas)
FM Micronesia (Federated States of)
GB England, Gran Bretaña, Grande-Bretagne, Great Britain, Großbritannien, Scotland, Wales
GB United Kingdom of Great Britain and Northern Ireland
HK Hong Kong, Hongkong
IE Republic of Ireland
IR Iran (Islamic Republic of), Islamic Republic of Iran
KP Korea (Democratic People's Republic of)
KR Korea (Republic of), Republic of Korea
LA Lao People's Democratic Republic
MD Moldova (Republic of), Republic of Moldova
MK FYROM, Macedonia, Mazedonien
MM Burma
MO Macao, Macau
NL Holland, The Netherlands
PS Palestine, State of Palestine
RU Russian Federation, Russische Föderation
SY Syrian Arab Republic
SZ Swaziland
TR Turkey
TW Taiwan (Province of China)
TZ Tanzania (United Republic of), United Republic of Tanzania
US America, Estados Unidos de América, États-Unis d'Amérique, United States of America
US Vereinigte Staaten von Amerika
VA Holy See, Vatican, Vatikan
VE Venezuela (Bolivarian Republic of)
VN Viet Nam
"""

_STOPS = re.compile(r"\.")
_ACCENTS = re.compile("[\u0300-\u036f.]")
_BETWEEN = re.compile(r"[(),’'\s-]+")


def code(text: pl.Expr) -> pl.Expr:
    """The two-letter code of the country that each text of a String column names, null for any other."""
    import polars as pl

    def look(texts: pl.Series) -> pl.Series:
        asked = texts.drop_nulls().unique()
        found = [codes().get(text.strip()) or codes().get(_plain(text)) for text in asked]
        return texts.replace_strict(asked, pl.Series(found, dtype=pl.String), return_dtype=pl.String)

    return text.map_batches(look, return_dtype=pl.String)


@cache
def codes() -> Mapping[str, str]:
    """The two-letter code by everything that a country is called, in small letters.

    Without accents, too, where that is not what another one is called; ISO's codes in capitals, too, since
    NGA is Nigeria, and Nga is what Russia is called in Vietnam.
    """
    meant: dict[str, set[str]] = {}
    bare: dict[str, set[str]] = {}
    for called, country in _called():
        meant.setdefault(_plain(called), set()).add(country)
        bare.setdefault(_plain(called, _ACCENTS), set()).add(country)
    every = bare | meant
    known = {called: next(iter(countries)) for called, countries in every.items() if len(countries) == 1}
    return known | _iso()


def _called() -> Iterator[tuple[str, str]]:
    from babel import Locale

    yield from _iso().items()
    countries = set(_iso().values())
    for language in LANGUAGES:
        names = Locale(language).territories
        yield from ((name, country) for country, name in names.items() if country in countries)
    for line in ALSO.split("\n"):
        yield from ((name, line[:2]) for name in line[3:].split(", ") if name)


@cache
def _iso() -> dict[str, str]:
    """The two-letter code by the codes of ISO 3166: two letters, three letters, digits."""
    from babel.core import get_global

    aliases = get_global("territory_aliases")
    one = {old: new[0] for old, new in aliases.items() if len(new) == 1 and (len(old) == 3 or old == "UK")}
    countries = {new for old, new in one.items() if old.isalpha() and _ISO.fullmatch(new)}
    codes = {old: new for old, new in one.items() if new in countries}
    return codes | {country: country for country in countries}


def _plain(text: str, left_out: re.Pattern[str] = _STOPS) -> str:
    bare = left_out.sub("", unicodedata.normalize("NFKD", text))
    return " ".join(_BETWEEN.sub(" ", unicodedata.normalize("NFKC", bare).casefold()).split())
