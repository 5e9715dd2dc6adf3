"""Patterns for phone numbers that are surely valid, made of the metadata of the installed `phonenumbers`.

The library takes a number apart into a country code and a national number, takes a national prefix off,
finds the region and looks whether the number is one of a type there. Here are the numbers where none of
that can go either way: fixed lines and mobiles, digits only, for each country code three patterns that
follow it. A number is surely valid where `kind` and `general` match all of it, and `never` not its beginning.

    kind     what the region's fixed lines and mobiles look like
    general  what the library wants of all the region's numbers besides
    never    beginnings where the library would take off a prefix, or look into another region

Whatever stands in the metadata that this module does not understand leaves that country out, in doubt.
The patterns are kept from run to run, as long as neither the metadata nor this module changes.
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.cache import keep, recall

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

__all__ = ["Patterns", "patterns"]

DIGITS = "0123456789"
# All that is understood of a pattern: a digit, a class or a group of these, and how often.
TOKEN = re.compile(r"(\\d|[0-9]|\[[0-9-]+\]|\(\?:|\(|\)|\|)(\?|\{[0-9]+(?:,[0-9]+)?\})?")


class Patterns(NamedTuple):
    """Three patterns, in the syntax that Python and Rust have in common."""

    kind: str
    general: str
    never: str


@cache
def patterns(region: str | None) -> tuple[Patterns, ...]:
    """The patterns of a whole text: with a country code, its + or not; and as dialled in `region`, if any.

    A text is surely a valid number where all three of one of them say so. Raises ValueError for a region
    that `phonenumbers` does not know.
    """
    return tuple(Patterns(*each) for each in kept("phonepatterns", region, made))


def kept(module: str, region: str | None, make: Callable[[str | None], Any]) -> Any:
    """What `make`, in a module beside this one, makes for the region; kept from run to run."""
    sources = [pkgutil.get_data(__package__, f"{name}.py") or b"" for name in ("phonepatterns", module)]
    key = [repr(region), version("phonenumbers"), hashlib.sha256(b"".join(sources)).hexdigest()]
    value = recall(module, key)
    if value is None:
        value = make(region)
        keep(module, key, value)
    return value


def require_region(region: str | None) -> None:
    """Nothing; ValueError for a region that `phonenumbers` does not know."""
    import phonenumbers

    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{region!r} is no region of phone numbers; those are codes such as 'IN' or 'DE'")


def made(region: str | None) -> tuple[Patterns, ...]:
    """The same, made from the metadata of every region (0.2 s)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    require_region(region)
    home = PhoneMetadata.metadata_for_region(region) if region else None
    found = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        centre = home if home and home.country_code == code else PhoneMetadata.metadata_for_region(regions[0])
        if centre and (of_country := national(centre, regions)):
            found[code] = of_country
    abroad = (
        "|".join(f"{code}(?:{of_country[part]})" for code, of_country in found.items() if of_country[part])
        for part in range(len(Patterns._fields))
    )
    readings = [whole(r"\+?", *abroad)]
    if home and home.country_code in found and shape(home.international_prefix or ""):
        kind, general, never = found[home.country_code]
        readings.append(whole("", kind, general, either(never, home.international_prefix)))
    return tuple(readings)


def whole(start: str, kind: str, general: str, never: str) -> Patterns:
    """The patterns of a text from its start on."""
    never = f"^{start}(?:{never})" if never else "^$"
    return Patterns(*map(spelled, (rf"^{start}(?:{kind})$", rf"^{start}(?:{general})$", never)))


def spelled(pattern: str) -> str:
    """The pattern with its digits spelled out: Rust's are those of every script."""
    return pattern.replace(r"\d", "[0-9]")


def either(*patterns: str | None) -> str:
    """One pattern for all of these; what is None or empty is left out, and what stands there twice."""
    return "|".join(dict.fromkeys(filter(None, patterns)))


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


def beginning(pattern: str) -> str | None:
    """A pattern of how texts begin that `pattern` takes something off; None where it is not understood."""
    found = shape(pattern.replace("$", ""))
    if not found:
        return None
    lengths, firsts = found
    return f"[{''.join(sorted(firsts))}]" if 0 in lengths else pattern


def all_but(pattern: str) -> str | None:
    """A pattern of how numbers begin that do not begin with `pattern`; None where there are too many."""
    found = shape(pattern)
    if not found or max(found[0]) > 3:
        return None
    beginnings = map("".join, product(DIGITS, repeat=max(found[0])))
    return "|".join(text for text in beginnings if not re.match(pattern, text))


def shape(pattern: str) -> tuple[set[int], set[str]] | None:
    """The lengths that `pattern` can match, and the digits it can begin with; None: not understood."""
    tokens = TOKEN.findall(pattern)
    if "".join(atom + times for atom, times in tokens) != pattern:
        return None
    lengths, firsts, _ = alternatives(iter(tokens))
    return lengths, firsts


def alternatives(tokens: Iterator[tuple[str, str]]) -> tuple[set[int], set[str], str]:
    """Lengths and first digits up to the bracket that closes (or the end), and how often that one is."""
    all_lengths: set[int] = set()
    firsts: set[str] = set()
    lengths, closing = {0}, ""
    for atom, times in tokens:
        if atom == ")":
            closing = times
            break
        if atom == "|":
            all_lengths |= lengths
            lengths = {0}
            continue
        if atom.startswith("("):
            inner, begin, times = alternatives(tokens)
        else:
            inner, begin = {1}, digits(atom)
        if 0 in lengths:
            firsts |= begin
        lengths = {a + b for a in lengths for b in repeated(inner, times)}
    return all_lengths | lengths, firsts, closing


@cache
def digits(atom: str) -> set[str]:
    """The digits that a digit or a class of them matches."""
    return {digit for digit in DIGITS if re.match(atom, digit)}


def repeated(lengths: set[int], times: str) -> set[int]:
    """The lengths of so many in a row: `times` is a quantifier, or nothing."""
    if times in ("", "?"):
        return lengths | ({0} if times else set())
    least, _, most = times.strip("{}").partition(",")
    row, found = {0}, set()
    for count in range(int(most or least) + 1):
        found |= row if count >= int(least) else set()
        row = {a + b for a in row for b in lengths}
    return found
