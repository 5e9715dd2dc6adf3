"""Patterns for phone numbers that are surely valid, made of the metadata of the installed `phonenumbers`.

The library takes a number apart into a country code and a national number, takes a national prefix off,
finds the region and looks whether the number is one of a type there. Here are the numbers where none of
that can go either way: fixed lines and mobiles, digits only, for each country code three patterns that
follow it. A number is surely valid where `kind` and `general` match all of it, and `never` not its beginning.

    kind     what the region's fixed lines and mobiles look like
    general  what the library wants of all the region's numbers besides
    never    beginnings where the library would take off a prefix, or look into another region

Whatever stands in the metadata that this module does not understand leaves that country out, in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats.digitpatterns import all_but, beginning, either, shape, spelled

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

__all__ = ["Patterns", "Readings", "readings", "trunks"]


class Patterns(NamedTuple):
    """Three patterns, in the syntax that Python and Rust have in common."""

    kind: str
    general: str
    never: str


class Readings(NamedTuple):
    """Patterns of a whole text: a number is surely valid where all three of one of them say so.

    `abroad`: with a country code, its + or not; `home`: as dialled in the region, by itself, behind the
    country code or a trunk prefix. `exit` dials another country from there: it stands for a +.
    """

    abroad: Patterns
    home: tuple[Patterns, ...] = ()
    exit: str = ""


@cache
def readings(region: str | None) -> Readings:
    """The patterns of numbers as read in `region`; None: of those with a country code only.

    Raises ValueError for a region that `phonenumbers` does not know.
    """
    return compile_readings(region)


def require_region(region: str | None = None) -> None:
    """Raise ValueError for a region that `phonenumbers` does not know; None is no region."""
    import phonenumbers

    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{region!r} is no region of phone numbers; those are codes such as 'IN' or 'DE'")


def compile_readings(region: str | None) -> Readings:
    """The same, made from the metadata of every region (0.2 s)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    require_region(region)
    home = PhoneMetadata.metadata_for_region(region) if region else None
    found = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        centre = home if home and home.country_code == code else PhoneMetadata.metadata_for_region(regions[0])
        if centre and (of_country := national(centre, regions)):
            found[code] = of_country
    parts = (
        "|".join(f"{code}(?:{of_country[part]})" for code, of_country in found.items() if of_country[part])
        for part in range(len(Patterns._fields))
    )
    abroad = complete(r"\+?", Patterns(*parts))
    if not home or home.country_code not in found or not shape(home.international_prefix or ""):
        return Readings(abroad)
    leaving = home.international_prefix or ""
    at_home = tuple(dialled(home, found[home.country_code]))
    return Readings(abroad, at_home, leaving if leaving.isdecimal() else "")


def dialled(home: PhoneMetadata, ours: Patterns) -> Iterator[Patterns]:
    """The patterns of texts that are numbers in their own region, given those of its national numbers.

    The library takes the country code off only where the digits are no number with it, and a trunk prefix
    only where they do not begin with the code.
    """
    code, leaving = str(home.country_code), home.international_prefix
    yield complete("", ours, leaving)
    yield complete(code, ours, leaving, f"(?:{ours.general})$")
    yield from (complete(trunk, ours, leaving) for trunk in trunks(home))


def trunks(home: PhoneMetadata) -> tuple[str, ...]:
    """The prefixes that numbers in a region are dialled with there; none that could be anything else."""
    found = (home.national_prefix_for_parsing or "").split("|")
    if home.national_prefix_transform_rule or not all(map(str.isdecimal, found)):
        return ()
    firsts = [str(home.country_code)[0], *(trunk[0] for trunk in found)]
    return tuple(trunk for trunk in found if firsts.count(trunk[0]) == 1)


def complete(start: str, national: Patterns, *never: str | None) -> Patterns:
    """The patterns of a text in which a number follows `start`, and which does not begin as `never` says."""
    kind, general, inside = national
    begins = either(f"{start}(?:{inside})" if inside else None, *never) or "$"
    return Patterns(*map(spelled, (f"^{start}(?:{kind})$", f"^{start}(?:{general})$", f"^(?:{begins})")))


def national(centre: PhoneMetadata, regions: tuple[str, ...]) -> Patterns | None:
    """The patterns of the national numbers of `centre` and of the regions that go with it.

    Where several regions share a country code, the library asks each in turn: one with leading digits
    claims what begins so, any other what is one of its numbers. So others go with `centre` if they have no
    leading digits and the same general pattern, and what the rest may claim is left out.
    """
    from phonenumbers import PhoneMetadata

    shared = [metadata for name in regions if (metadata := PhoneMetadata.metadata_for_region(name))]
    main, others = shared[0], [metadata for metadata in shared if metadata.id != centre.id]
    general, possible = numbers(centre)
    possible &= numbers(main)[1]
    together = [centre]
    if not centre.leading_digits:
        together += [other for other in others if not other.leading_digits and numbers(other)[0] == general]
    kinds = [kind for metadata in together for kind in surely(metadata, possible)]
    claims = [main.national_prefix_for_parsing, centre.national_prefix_for_parsing]
    claims += [other.leading_digits for other in others]
    never = [beginning(claim) for claim in claims if claim]
    if centre.leading_digits and others:
        never.append(all_but(centre.leading_digits))
    if not kinds or not shape(general) or None in never:
        return None
    return Patterns(either(*kinds), general, either(*never))


def numbers(metadata: PhoneMetadata) -> tuple[str, set[int]]:
    """The pattern of all of a region's numbers, and their possible lengths."""
    desc = metadata.general_desc
    return (desc.national_number_pattern or "", {*desc.possible_length}) if desc else ("", set())


def surely(metadata: PhoneMetadata, possible: set[int]) -> Iterator[str]:
    """The region's patterns of fixed lines and mobiles that match no length but possible ones."""
    possible = possible & numbers(metadata)[1]
    for desc in (metadata.mobile, metadata.fixed_line):
        if desc and desc.national_number_pattern and (found := shape(desc.national_number_pattern)):
            lengths, _ = found
            if lengths <= possible & {*desc.possible_length}:
                yield desc.national_number_pattern
