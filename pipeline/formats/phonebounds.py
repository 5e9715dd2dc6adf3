"""Patterns that every valid phone number matches, made of the metadata of the installed `phonenumbers`.

The other side of `phonepatterns`: what a number looks like whichever way the library takes it apart, and
some more. A country code may stand before it, and a national prefix once or twice; then comes what the
library calls a number of one of the country's regions. Whatever stands in the metadata that is not
understood, or that the library would exchange for other digits, is allowed to be anything.

The patterns are of digits alone, and hold only as long as the text dials no exit code first.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats.digitpatterns import either, shape, spelled
from pipeline.formats.phonepatterns import numbers, require_region

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

__all__ = ["Bounds", "bounds"]

ANYTHING, NOTHING = "", "^$"


class Bounds(NamedTuple):
    """Patterns in Rust's syntax, each to be looked for in the digits of a text.

    `abroad`: what every valid number with a country code matches; `home`: and every one as dialled in the
    region; `exit`: how a text may begin that dials another country from there.
    """

    abroad: str
    home: str
    exit: str


@cache
def bounds(region: str | None) -> Bounds:
    """The bounds of valid numbers as read in `region`; None: of those with a country code only.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    return compute(region)


def compute(region: str | None) -> Bounds:
    """The same, made from the metadata of every region."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, country_code_for_valid_region

    require_region(region)
    abroad = (
        f"{code}(?:{_national(code, [_main(code)], prefixes=1)})" for code in COUNTRY_CODE_TO_REGION_CODE
    )
    ways = _dialled(country_code_for_valid_region(region), region) if region else (NOTHING, NOTHING)
    return Bounds(*map(spelled, (f"^(?:{'|'.join(abroad)})$", *ways)))


def _dialled(code: int, region: str) -> tuple[str, str]:
    """What every number dialled in the region matches, and how one begins that is for another country."""
    home = _metadata(code, region)
    national = _national(code, [home, _main(code)], prefixes=2)
    leaving = home.international_prefix or NOTHING
    understood = leaving == NOTHING or shape(leaving)
    return f"^(?:{code})?(?:{national})$", f"^(?:{leaving})" if understood else ANYTHING


def _national(code: int, ways: list[PhoneMetadata], *, prefixes: int) -> str:
    """What every valid number of a country looks like after its code; `ways`: by whom prefixes go off."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    generals = [numbers(_metadata(code, name))[0] for name in COUNTRY_CODE_TO_REGION_CODE[code]]
    taken = [way.national_prefix_for_parsing for way in ways if way.national_prefix_for_parsing]
    exchanged = any(way.national_prefix_transform_rule for way in ways)
    if exchanged or not all(map(shape, [*generals, *taken])):
        return "[0-9]*"
    prefix = f"(?:{either(*taken)})?" * prefixes if taken else ""
    return f"{prefix}(?:{either(*generals)})"


def _main(code: int) -> PhoneMetadata:
    """By whose rules the library takes apart a number with this country code."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return _metadata(code, COUNTRY_CODE_TO_REGION_CODE[code][0])


def _metadata(code: int, region: str) -> PhoneMetadata:
    from phonenumbers import PhoneMetadata

    found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    assert found  # noqa: S101 - the library's own lists agree
    return found
