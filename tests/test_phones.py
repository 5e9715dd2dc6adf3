"""Phone numbers: our verdict is phonenumbers', and what is surely accepted is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberDesc, PhoneNumberFormat, PhoneNumberType

from pipeline.formats import digitpatterns, phonebounds, phonepatterns, phones

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
HOMES = [None, "IN", "DE", "US", "CA", "RU", "KZ", "JP", "AR", "BR", "IT", "NO", "GB", "JM", "MX", "FI"]


def surely_phones(texts: Iterable[str], region: str | None) -> list[str]:
    column = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return column.filter(phones.surely_passes(pl.col("text"), region))["text"].to_list()


def never_phones(texts: Iterable[str], region: str | None) -> list[str]:
    column = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return column.filter(phones.surely_fails(pl.col("text"), region))["text"].to_list()


def library_takes_phone(text: str, region: str | None) -> bool:
    """The library's own words on a text with the form of one number; and digits alone may lack their plus."""
    form = phones.IS_ONE.fullmatch(text)
    bare = text.removeprefix("'").strip(" ")
    if not form or (re.search("[/／]", text) and are_several(re.split("[/／]", text), region)):
        return False
    for candidate, home in [(text, region), (f"+{bare}", None)]:
        if candidate != text and not re.fullmatch("[0-9]+", bare):
            continue
        try:
            number = phonenumbers.parse(candidate, home)
        except phonenumbers.NumberParseException:
            continue
        if bool(form["extension"]) is not bool(number.extension):
            continue
        if phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number):
            return True
    return False


def are_several(parts: list[str], region: str | None) -> bool:
    return all(library_takes_phone(part, region) for part in parts)


def examples(region: str) -> list[str]:
    """The library's example numbers of a region, of every type, as one writes them there and elsewhere."""
    found = []
    for type_ in PhoneNumberType.values():
        if number := phonenumbers.example_number_for_type(region, type_):
            international = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            found += [international, international[1:], phonenumbers.national_significant_number(number)]
            for form in (
                PhoneNumberFormat.NATIONAL,
                PhoneNumberFormat.INTERNATIONAL,
                PhoneNumberFormat.RFC3966,
            ):
                found.append(phonenumbers.format_number(number, form))
    return list(dict.fromkeys(found))


def mutations(text: str) -> list[str]:
    """`text`, with a digit less, one more, another; with marks; in other scripts; and with bad ends."""
    middle = len(text) // 2
    wide = text.translate({ord("0") + n: ord("０") + n for n in range(10)})
    arabic = text.translate({ord("0") + n: ord("٠") + n for n in range(10)})
    found = [text[:i] + text[i + 1 :] for i in range(len(text))]
    found += [text[:i] + digit + text[i:] for i in range(len(text) + 1) for digit in "07"]
    found += [text[:i] + str((ord(text[i]) + 1) % 10) + text[i + 1 :] for i in range(len(text))]
    found += [text[:middle] + mark + text[middle:] for mark in " -./()" + "xa#,;\x00\n\u200b"]
    found += [text + end for end in ("\n", "\r", "\x00", " ", ".0", " ext 5", "x", "/", ";", "E+11", "a")]
    found += [start + text for start in ("+", "00", "0", "1", " ", "'", "(", "tel:", "＋", "++", "\n")]
    return [text, wide, arabic, *found]


def agree_on_phones(texts: Iterable[str], home: str | None) -> None:
    texts = list(dict.fromkeys(texts))
    accepted = [text for text in texts if library_takes_phone(text, home)]
    assert [text for text in texts if phones.accepts(text, home)] == accepted
    assert set(surely_phones(texts, home)) <= set(accepted)
    assert set(never_phones(texts, home)).isdisjoint(accepted)
    frame = pl.DataFrame({"text": [*texts, None]}, schema={"text": pl.String})
    failing = frame.select(phones.fails(pl.col("text"), home)).to_series().to_list()
    assert failing == [text not in accepted for text in texts] + [None]
    lacking = frame.select(phones.no_country_code(pl.col("text"))).to_series().to_list()
    assert lacking == [phones.lacks_country_code(text) for text in texts] + [None]


def test_numbers_as_the_platform_writes_them() -> None:
    good = ["919876543210", "+919876543210", "9876543210", "09876543210", "98765 43210", "+91-98765-43210"]
    good += ["4915112345678", "+49 (1511) 2345678", "12025550123", "９８７６５４３２１０", "'919876543210"]
    bad = ["", "x", "+", "91987654321", "9.19877E+11", "919876543210.0", "0000000000", "+999123456789"]
    bad += ["49 15112345678", "４９１５１１２３４５６７８"]
    assert [text for text in good + bad if phones.accepts(text, "IN")] == good
    assert not phones.accepts("9876543210")
    assert phones.accepts("919876543210")


@pytest.mark.parametrize("home", ["IN", None])
def test_one_number_and_nothing_else_is_in_a_cell(home: str | None) -> None:
    one = [
        "+91 98765 43210",
        "(+91) 98765-43210",
        "+91 98765 43210 ext. 12",
        "+91 98765 43210x12",
        " 919876543210 ",
    ]
    one += ["tel:+91-98765-43210;ext=12", "+91 98765 43210 Ext 12", "+91‑98765–43210", "'919876543210"]
    more = ["919876543210;919876543211", "919876543210,,919876543211", "+91 98765 43210, 98765 43211"]
    more += ["919876543210 919876543211", "+91 98765 43210 / 98765 43211", "+919876543210\n+919876543211"]
    more += [
        "CALL 919876543210",
        "=919876543210",
        '="919876543210"',
        "919876543210 (home)",
        "m: +91 98765 43210",
    ]
    more += [
        "+91 98765 43210 #12",
        "+91 98765 43210,12",
        "+91 98765 43210;12",
        "98765x43210",
        "1 800 FLOWERS",
    ]
    more += ["+91 98765 43210 or 98765 43211", "\u200b919876543210", "919876543210\xa0", "*919876543210"]
    assert [text for text in one + more if phones.accepts(text, home)] == one
    assert not phones.accepts("0171234/0171235", "AT")  # each is one, and both together are one too
    assert phones.accepts("0171234", "AT")
    assert phones.accepts("01712340171235", "AT")


def test_a_number_that_lacks_its_country_code_is_known() -> None:
    lacking = ["0172 2685995", "9876543210", "98765-43210", "(030) 123456", "030/123456", "0091 98765 43210"]
    others = [
        "919876543210",
        "+91 98765 43210",
        "9.19877E+11",
        "919876543210.0",
        "n/a",
        "",
        "12",
        "x 030 123456",
    ]
    others += ["919876543210 919876543211", "98765 43210 x12", "=0172"]
    assert [text for text in lacking + others if phones.lacks_country_code(text)] == lacking


def test_ordinary_numbers_are_surely_accepted() -> None:
    ordinary = ["919876543210", "+919876543210", "9876543210", "98765 43210", "+91-98765-43210"]
    ordinary += [
        "4915112345678",
        "+49 (1511) 2345678",
        "12025550123",
        "+77012345678",
        "+5491123456789",
        "819012345678",
    ]
    assert surely_phones(ordinary, "IN") == [text for text in ordinary if text != "+77012345678"]
    assert surely_phones(["77012345678", "7012345678"], "KZ") == ["77012345678", "7012345678"]


@pytest.mark.parametrize("home", [None, "IN", "US"])
def test_the_example_numbers_of_all_regions(home: str | None) -> None:
    agree_on_phones((text for region in REGIONS for text in examples(region)[:6]), home)


@pytest.mark.parametrize("home", ["IN", "US", None])
def test_what_is_wrong_with_whole_columns_is_surely_not_accepted(home: str | None) -> None:
    wrong = [
        "",
        "-",
        "n/a",
        "none",
        "7",
        "12345",
        "+12345",
        "919876543210.0",
        "9.19877E+11",
    ]
    wrong += ["9198765432109876", "+999123456789", "49 15112345678"]
    assert never_phones(wrong, home) == wrong
    assert never_phones(["919876543210", "tel:12", "98765x3", "٤٩"], home) == []


def test_most_regions_mobile_numbers_are_surely_accepted() -> None:
    numbers = [
        phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for region in REGIONS
        if (number := phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE))
    ]
    assert len(surely_phones(numbers, None)) > 0.85 * len(numbers) > 180


@pytest.mark.parametrize("home", ["IN", "DE", "US", "JP"])
def test_mutations_of_example_numbers(home: str) -> None:
    number = phonenumbers.example_number_for_type(home, PhoneNumberType.MOBILE)
    assert number
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    texts = [e164, e164[1:], str(phonenumbers.national_significant_number(number))]
    agree_on_phones((mutation for text in texts for mutation in mutations(text)), home)


@pytest.mark.slow
@pytest.mark.parametrize("home", HOMES)
def test_mutations_of_all_regions_example_numbers(home: str | None) -> None:
    """A quarter of 60,000 texts for each home; the library is asked where the screen is sure, and of some."""
    mutated = list(dict.fromkeys(m for r in REGIONS for t in examples(r) for m in mutations(t)))
    texts = mutated[HOMES.index(home) % 4 :: 4]
    sure = surely_phones(texts, home)
    assert len(sure) > 1_000
    assert [text for text in sure if not library_takes_phone(text, home)] == []
    agree_on_phones(texts[:: len(texts) // 1_000], home)


def metadata_patterns(region: str) -> list[str]:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata
    descs = (metadata.general_desc, metadata.fixed_line, metadata.mobile, metadata.voip, metadata.toll_free)
    found = [desc.national_number_pattern for desc in descs if desc and desc.national_number_pattern]
    prefix = metadata.national_prefix_for_parsing
    return [*found, f"(?:{prefix.replace('$', '')})(?:{found[0]})"] if prefix else found


@st.composite
def numbers(draw: st.DrawFn, homes: list[str | None], count: int = 1) -> tuple[str | None, list[str]]:
    """A home, and texts that the metadata of some region has a pattern for, a bit changed at times."""
    home = draw(st.sampled_from(homes))
    texts = []
    for _ in range(count):
        region = draw(st.sampled_from([home or "IN", draw(st.sampled_from(REGIONS))]))
        pattern = draw(st.sampled_from(metadata_patterns(region)))
        number = draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True, alphabet="0123456789"))
        code = str(phonenumbers.country_code_for_region(region))
        text = draw(st.sampled_from(["+", "", "+ ", "00"])) + draw(st.sampled_from([code, ""])) + number
        place = draw(st.integers(0, len(text)))
        put_in = draw(st.sampled_from(["", "", "0", " ", "-", ".", "(0)", "\n", "٣"]))
        texts.append(text[:place] + put_in + text[place:])
    return home, texts


@settings(deadline=None, max_examples=50)
@given(numbers(HOMES))
def test_numbers_made_from_the_metadata(case: tuple[str | None, list[str]]) -> None:
    agree_on_phones(case[1], case[0])


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(numbers(HOMES, 8))
def test_many_more_numbers_made_from_the_metadata(case: tuple[str | None, list[str]]) -> None:
    agree_on_phones(case[1], case[0])


def lengths(pattern: str) -> set[int] | None:
    found = digitpatterns.shape(pattern)
    return found and found[0]


@pytest.mark.parametrize(
    ("pattern", "expected", "firsts"),
    [
        (r"[6-9]\d{9}", {10}, "6789"),
        (r"1?2|3(?:4|56){2}", {1, 2, 3, 4, 5}, "123"),
        (r"(?:0|[2-4])?(\d{1,2})?", {0, 1, 2, 3}, "0123456789"),
        (r"(?:12){0,2}7", {1, 3, 5}, "17"),
    ],
)
def test_the_shape_of_a_pattern(pattern: str, expected: set[int], firsts: str) -> None:
    assert digitpatterns.shape(pattern) == (expected, set(firsts))


@pytest.mark.parametrize("pattern", [r"1+", r"(?!1)2", r"1*", "a", r"\D", "1$", "[^1]", "1{,2}"])
def test_what_is_not_understood_has_no_shape(pattern: str) -> None:
    assert digitpatterns.shape(pattern) is None


@pytest.mark.parametrize("region", ["XX", "in", "India", ""])
def test_a_region_that_is_none_is_told(region: str) -> None:
    with pytest.raises(ValueError, match="no region"):
        phones.accepts("919876543210", region)
    with pytest.raises(ValueError, match="no region"):
        phones.surely_passes(pl.col("x"), region)


def of_another_release(mobile: PhoneNumberDesc, general: PhoneNumberDesc, **others: Any) -> PhoneMetadata:
    return PhoneMetadata("IN", country_code=91, general_desc=general, mobile=mobile, register=False, **others)


def desc(pattern: str, *lengths: int) -> PhoneNumberDesc:
    return PhoneNumberDesc(national_number_pattern=pattern, possible_length=lengths)


TEN = desc(r"[6-9]\d{9}", 10)
OTHER_RELEASES = {
    "as it is": of_another_release(TEN, TEN, international_prefix="00"),
    "a prefix for which other digits are put": of_another_release(
        TEN, TEN, national_prefix_for_parsing=r"0([0-5]\d{8})", national_prefix_transform_rule=r"9\1"
    ),
    "dialled abroad by what is not understood": of_another_release(TEN, TEN, international_prefix="(?!1)00"),
    "a prefix that a number can begin with": of_another_release(
        TEN, desc(r"\d{8}|\d{10}", 8, 10), national_prefix_for_parsing="98|0"
    ),
    "a prefix that may be nothing": of_another_release(
        TEN, desc(r"\d{8}|\d{10}", 8, 10), national_prefix_for_parsing="(?:98)?"
    ),
    "dialled abroad by what a number can begin with": of_another_release(TEN, TEN, international_prefix="98"),
    "a type beyond the general pattern": of_another_release(TEN, desc(r"[67]\d{9}", 10)),
    "a pattern beyond the possible lengths": of_another_release(
        desc(r"[6-9]\d{9,10}", 10), desc(r"\d{10,11}", 10, 11)
    ),
    "a possible length beyond the general ones": of_another_release(
        desc(r"[6-9]\d{9,10}", 10, 11), desc(r"\d{10,11}", 10)
    ),
    "a pattern that is not understood": of_another_release(desc(r"(?!98)[6-9]\d{9}", 10), TEN),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHER_RELEASES)
def test_whatever_another_release_s_metadata_say(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen follows the metadata: never sure of what the library, by the same metadata, rejects."""
    PhoneMetadata.metadata_for_region("IN")
    monkeypatch.setitem(PhoneMetadata._region_metadata, "IN", OTHER_RELEASES[case])
    phonepatterns.readings.cache_clear()
    phonebounds.bounds.cache_clear()
    try:
        nationals = [f"{n}{'1234567890'[:more]}" for n in range(100) for more in range(5, 11)]
        texts = [start + number for number in nationals for start in ("", "91", "+91", "0", "00")]
        agree_on_phones(texts, "IN")
        assert bool(surely_phones(["+916012345678"], "IN")) is (case in list(OTHER_RELEASES)[:7])
    finally:
        phonepatterns.readings.cache_clear()
        phonebounds.bounds.cache_clear()


def test_a_long_text_is_left_to_the_library() -> None:
    assert surely_phones(["+91 98765" + " " * 60 + "43210", "+91 98765" + " " * 300 + "43210"], "IN") == []
