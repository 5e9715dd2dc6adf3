"""Readings: what they make of a cell, what they cannot read, and that a contract judges what was read."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandera.pandas as pa
import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import examined
from world import as_csv, dicts_of

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline import ConfigError, readings, validate
from pipeline.contract.describe import describe
from pipeline.contract.reading import READ
from pipeline.formats import phonedigits
from pipeline.readings import Reading, parse

CONTRACT = """
import datetime as dt
import pandera.pandas as pa
import pipeline.checks
from pipeline import readings

CONTACT = pa.DataFrameSchema({
    "EMAIL": pa.Column(str, pa.Check.email(), unique=True, report_duplicates="exclude_first",
                       metadata={"read": "trim lower"}),
    "MOBILE": pa.Column(str, pa.Check.phone(error="phone"), nullable=True),
    "DOB": pa.Column(pa.Date, pa.Check.ge(dt.date(1900, 1, 1), error="too_early"), nullable=True,
                     metadata={"read": readings.date("%d.%m.%Y")}),
    "SCORE": pa.Column(float, nullable=True, metadata={"read": [readings.trim(), readings.decimal_comma()]}),
    "COUNTRY": pa.Column(str, pa.Check.str_matches(r"[A-Z]{2}\\Z", error="code"), nullable=True),
    "NOTE": pa.Column(str, nullable=True),
})
"""
HEADER = ["EMAIL", "MOBILE", "DOB", "SCORE", "COUNTRY", "NOTE"]
READ_BY_CONFIG = {"MOBILE": "phone DE", "COUNTRY": "country"}


def validated(folder: Path, source: Any, **contract: Any) -> tuple[Any, list[dict[str, str]]]:
    (folder / "contract.py").write_text(CONTRACT)
    own = {"schema": str(folder / "contract.py:CONTACT"), "max_rejected": "100%", "read": READ_BY_CONFIG}
    if isinstance(source, list):
        source, rows = folder / "in.csv", source
        source.write_text(as_csv([HEADER, *rows]), encoding="utf-8")
    result = validate(source, {"contract": own | contract}, output=folder / "out")
    return result, dicts_of(folder / "out" / "accepted.csv")


GOOD = [" Anna@Example.com", "0171 2345678", "31.12.1990", "1.234,50", "Deutschland", ' "x" ']


def test_cells_are_read_before_their_checks_and_what_changed_is_counted(tmp_path: Path) -> None:
    rows = [GOOD, ["b@example.com", "+49 172 2345678", "1.2.1990", "", "DE", "  "]]
    result, staged = validated(tmp_path, rows)
    assert result.reasons == {}
    assert list(staged[0].values()) == [
        "anna@example.com",
        "491712345678",
        "1990-12-31",
        "1234.50",
        "DE",
        ' "x" ',
    ]
    assert list(staged[1].values()) == ["b@example.com", "491722345678", "1990-02-01", "", "DE", "  "]
    assert result.changed == {"EMAIL": 1, "MOBILE": 2, "DOB": 2, "SCORE": 1, "COUNTRY": 1}


UNREADABLE = {
    "DOB": (["31.02.1990", "1990-12-31", "31.12.90", "31.12.1990 x", " "], "date"),
    "MOBILE": (["12", "9.19E+11", "1712345678.0", "0171 2345678 x12", "01712345678/01712345679"], "phone"),
    "SCORE": (["12.5", "1.23,4", "1,2,3", "12 €€", "x"], "decimal_comma"),
    "COUNTRY": (["Atlantis", "D", "EU", "XX", "D E"], "country"),
}  # fmt: skip


@pytest.mark.parametrize("column", UNREADABLE)
def test_what_cannot_be_read_is_rejected_by_the_reading_s_name_and_nothing_else(
    tmp_path: Path, column: str
) -> None:
    texts, name = UNREADABLE[column]
    rows = [[f"{n}@example.com", *("" for _ in HEADER[1:])] for n in range(len(texts))]
    for row, text in zip(rows, texts, strict=True):
        row[HEADER.index(column)] = text
    result, staged = validated(tmp_path, [*rows, GOOD])
    assert (len(staged), result.reasons) == (1, {f"{column}:{name}": len(texts)})
    assert [row[column] for row in dicts_of(result.rejects_file)] == texts


def test_countries_as_forms_and_people_call_them(tmp_path: Path) -> None:
    called = {
        "Holland": "NL",
        "Hong Kong": "HK",
        "Korea, Republic of": "KR",
        "Iran (Islamic Republic of)": "IR",
        "COTE D'IVOIRE": "CI",
        "Osterreich": "AT",
        "Great Britain": "GB",
        "U.S.A.": "US",
        "Turkey": "TR",
        "NGA": "NG",
        "Áo": "AT",
        "ao": "AO",
        "Hongkong": "HK",
        "Republica Dominicana": "DO",
    }
    rows = [[f"{n}@example.com", *("" for _ in HEADER[1:])] for n in range(len(called))]
    for row, text in zip(rows, called, strict=True):
        row[HEADER.index("COUNTRY")] = text
    _, staged = validated(tmp_path, rows)
    assert [row["COUNTRY"] for row in staged] == list(called.values())


def test_what_was_read_is_judged(tmp_path: Path) -> None:
    rows = [[*GOOD], ["ANNA@example.com ", *GOOD[1:]], ["c@example.com", "", "31.12.1890", "", "", ""]]
    result, staged = validated(tmp_path, rows)
    assert len(staged) == 1
    assert result.reasons == {"EMAIL:field_uniqueness": 1, "DOB:too_early": 1}


def test_mended_rejects_are_read_again_and_a_key_that_still_repeats_stays_out(tmp_path: Path) -> None:
    rows = [[*GOOD], ["Anna@Example.com", *GOOD[1:]], ["c@example.com", "", "31.02.1990", "", "", ""]]
    result, _ = validated(tmp_path, rows)
    assert result.reasons == {"EMAIL:field_uniqueness": 1, "DOB:date": 1}
    mended = tmp_path / "mended.csv"
    text = Path(str(result.rejects_file)).read_text(encoding="utf-8-sig")
    mended.write_text(text.replace("31.02.1990", "28.02.1990").replace("Anna@", "ANNA@", 1))
    result, staged = validated(tmp_path, mended)
    assert result.reasons == {"EMAIL:field_uniqueness": 1}
    assert [row["DOB"] for row in staged] == ["1990-02-28"]


def test_blanks_alone_are_an_empty_cell_once_they_are_trimmed(tmp_path: Path) -> None:
    result, staged = validated(tmp_path, [["a@example.com", "", "", "  ", "", ""], ["  ", *GOOD[1:]]])
    assert [row["SCORE"] for row in staged] == [""]
    assert result.reasons == {"EMAIL:not_nullable": 1}


def test_the_key_of_a_row_is_filled_though_it_cannot_be_read(tmp_path: Path) -> None:
    rows = [["", "12", "", "", "", ""], ["", "", "", "", "", ""], GOOD]
    result, _ = validated(tmp_path, rows, primary_key=["EMAIL", "MOBILE"])
    assert result.reasons == {"EMAIL:not_nullable": 2, "MOBILE:phone": 1, "_row:primary_key": 1}


def test_what_is_staged_does_not_depend_on_the_slices(tmp_path: Path) -> None:
    lines = [as_csv([HEADER]).strip(), '"a@example.com",,,,,"needless quotes"']
    lines += [f"{n}@example.com,0171 {2345678 + n},,,Deutschland,x" for n in range(60)]
    (tmp_path / "contract.py").write_text(CONTRACT)
    (tmp_path / "in.csv").write_text("\n".join(lines))
    own = {"schema": str(tmp_path / "contract.py:CONTACT"), "read": READ_BY_CONFIG}
    staged = []
    for size in (64, 1 << 20):
        validate(tmp_path / "in.csv", {"contract": own}, output=tmp_path / "out", slice_bytes=size)
        staged.append((tmp_path / "out" / "accepted.csv").read_bytes())
    assert staged[0] == staged[1]


def test_a_frame_is_read_too(tmp_path: Path) -> None:
    result, staged = validated(tmp_path, pl.DataFrame([GOOD], HEADER, orient="row"))
    assert (result.accepted, staged[0]["MOBILE"]) == (1, "491712345678")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("shout", "no reading"),
        ("date", "date DD.MM.YYYY"),
        ("date MM.YYYY", "YYYY, MM and DD"),
        ("date DD.MM.YYYY.YYYY", "YYYY, MM and DD"),
        ("date DD.hh.YYYY", "YYYY, MM and DD"),
        ("date DD.MM.YYYY until 2026", "years of two digits"),
        ("phone Germany", "Germany"),
        ("decimal point", "decimal comma"),
        ("country DE", "country"),
    ],
)
def test_words_that_are_no_reading_are_refused_with_what_would_be_right(
    tmp_path: Path, words: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=r"contract\.read, DOB") as refused:
        validated(tmp_path, [GOOD], read={"DOB": words})
    assert says in str(refused.value)


def test_a_year_of_two_digits_is_one_of_the_hundred_until_the_one_that_is_named(tmp_path: Path) -> None:
    cells = ["31.12.27", "1.2.55", "1.2.26", "29.02.00", "29.02.01"]
    rows = [[*GOOD[:2], cell, *GOOD[3:]] for cell in cells]
    for number, row in enumerate(rows):
        row[0] = f"a{number}@example.com"
    found = {}
    for until in (1999, 2026, 2069, 2155):
        read = READ_BY_CONFIG | {"DOB": f"date DD.MM.YY until {until}"}
        _, staged = validated(tmp_path, rows, read=read)
        found[until] = [row["DOB"] for row in staged]
    assert found == {
        1999: ["1927-12-31", "1955-02-01", "1926-02-01"],  # 1900 had no 29 February
        2026: ["1927-12-31", "1955-02-01", "2026-02-01", "2000-02-29"],
        2069: ["2027-12-31", "2055-02-01", "2026-02-01", "2000-02-29"],
        2155: ["2127-12-31", "2155-02-01", "2126-02-01"],
    }
    assert readings.date("DD.MM.YY", until=2026) == parse("date DD.MM.YY until 2026")[0]


def test_a_currency_beside_an_amount_goes(tmp_path: Path) -> None:
    cells = [
        "R$ 2.251,27",
        "-R$1,5",
        "87,48 €",
        "1\u202f234,5\u00a0€",
        "EUR 7",
        "$-3,10",
        "€",
        "7,5 x",
        "1,2,3 €",
    ]
    rows = [[f"a{n}@example.com", *GOOD[1:3], cell, *GOOD[4:]] for n, cell in enumerate(cells)]
    result, staged = validated(tmp_path, rows)
    found = [row["SCORE"] for row in staged]
    assert found == ["2251.27", "-1.5", "87.48", "1234.5", "7", "-3.10"]
    assert result.reasons == {"SCORE:decimal_comma": 3}


def test_phone_numbers_may_hold_blanks_at_which_no_line_breaks(tmp_path: Path) -> None:
    rows = [
        ["a@example.com", "0171\u00a02345678", *GOOD[2:]],
        ["b@example.com", "0171\u202f234 56 79", *GOOD[2:]],
    ]
    _, staged = validated(tmp_path, rows)
    assert [row["MOBILE"] for row in staged] == ["491712345678", "491712345679"]


def test_a_reading_of_no_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"contract\.read names BIRTHDAY"):
        validated(tmp_path, [GOOD], read={"BIRTHDAY": "trim"})


def test_metadata_that_are_no_reading_are_refused() -> None:
    with pytest.raises(ConfigError, match="column DOB"):
        describe(pa.DataFrameSchema({"DOB": pa.Column(pa.Date, metadata={"read": 7})}))


def test_words_and_functions_say_the_same() -> None:
    assert parse("trim lower date DD.MM.YYYY HH:mm") == (
        readings.trim(),
        readings.lower(),
        readings.date("DD.MM.YYYY HH:mm"),
    )
    assert parse("phone DE country decimal comma") == (
        readings.phone("DE"),
        readings.country(),
        readings.decimal_comma(),
    )


def test_rules_with_readings_can_be_sent_to_a_worker() -> None:
    schema = pa.DataFrameSchema({"DOB": pa.Column(pa.Date, metadata={"read": readings.date("%d.%m.%Y")})})
    rules = describe(schema)
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301
    assert rules.reads


def read_by_hand(text: str | None, reading: Reading) -> str | None:
    """The same as the table, text by text, slowly; None where it cannot be read. Blank stays blank."""
    if not text:
        return text
    match reading.name:
        case "trim":
            return text.strip()
        case "lower":
            return text.lower()
        case "date":
            try:
                return dt.datetime.strptime(text.strip(" "), "%d/%m/%Y").date().isoformat()
            except ValueError:
                return None
        case "phone":
            return phonedigits.digits(text, reading.argument or None)
        case "decimal_comma":
            whole, _, rest = text.strip(" ").partition(",")
            groups = whole.lstrip("+-").split(".")
            right = all(g.isdecimal() for g in groups) and all(len(g) == 3 for g in groups[1:])
            right &= len(groups) == 1 or len(groups[0]) <= 3
            right &= not ("," in text and not rest.isdecimal()) and len(whole) - len(whole.lstrip("+-")) < 2
            return whole.replace(".", "") + ("." + rest if rest else "") if right else None
    raise AssertionError(reading)


COLUMNS: dict[str, tuple[Any, pa.Check, Reading, list[str]]] = {
    "D": (pa.Date, pa.Check.ge(dt.date(1990, 1, 1), error="early"), readings.date("DD/MM/YYYY"),
          ["01/02/1990", "31/12/1989", "31/02/1990", " 1/2/1990 ", "1990-02-01", "x", "01/13/1990"]),
    "N": (float, pa.Check.le(1000, error="much"), readings.decimal_comma(),
          ["1,5", "1.000,25", "-3", "1.00", "12.5", "1.234", "+7,", "x", "1,5 "]),
    "T": (str, pa.Check.str_length(max_value=3, error="long"), readings.trim(),
          [" ab", "abcd", " ", "abc  ", "\ta"]),
    "L": (str, pa.Check.isin(["é", "ab"], error="known"), readings.lower(), ["É", "AB", "ab", "x", "ß"]),
    "P": (str, pa.Check.str_matches("49", error="german"), readings.phone("DE"),
          ["0171 2345678", "+919876543210", "12", "491712345678", "0171 2345678", "(030) 2345678"]),
}  # fmt: skip


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_reading_and_a_contract_say_what_reading_by_hand_and_the_contract_say(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    height = data.draw(st.integers(1, 6))
    cells = {
        name: data.draw(
            st.lists(st.sampled_from([None, *COLUMNS[name][3]]), min_size=height, max_size=height)
        )
        for name in names
    }
    opaque = data.draw(st.booleans())

    def schema(*, read: bool) -> pa.DataFrameSchema:
        columns = {}
        for name in names:
            dtype, check, reading, _ = COLUMNS[name]
            columns[name] = pa.Column(
                dtype,
                [check, *[pa.Check(lambda s: s.notna(), name="mine")] * opaque],
                nullable=name != "L",
                unique=name == "T",
                report_duplicates="exclude_first",
                metadata={"read": reading} if read else None,
            )
        return pa.DataFrameSchema(columns)

    by_hand = {
        name: [read_by_hand(text, COLUMNS[name][2]) for text in texts] for name, texts in cells.items()
    }
    lost = {
        (row, name)
        for name, texts in cells.items()
        for row, text in enumerate(texts)
        if text and by_hand[name][row] is None
    }
    frame = {name: pl.Series(texts, dtype=pl.String) for name, texts in cells.items()}
    hand = {name: pl.Series(texts, dtype=pl.String) for name, texts in by_hand.items()}
    ours, theirs = (
        examined(schema(read=True), pl.DataFrame(frame)),
        examined(schema(read=False), pl.DataFrame(hand)),
    )
    expected = {
        (row, reason) for row, reason in theirs.faults.pairs if (row, reason.split(":")[0]) not in lost
    }
    expected |= {(row, f"{name}:{COLUMNS[name][2].name}") for row, name in lost}
    assert set(ours.faults.pairs) == expected
    good = np.array(sorted(set(range(height)) - {row for row, _ in expected}), np.int64)
    assert ours.staged.texts(good).to_list() == theirs.staged.texts(good).to_list()


REGIONS = [None, "DE", "IN", "US", "IT"]


@pytest.mark.slow
@pytest.mark.parametrize("region", REGIONS)
def test_phone_digits_by_patterns_are_those_of_the_library(region: str | None) -> None:
    """Example numbers of every region as they are written there and elsewhere, and near misses of them."""
    texts = set()
    for country in phonenumbers.SUPPORTED_REGIONS:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            if number := phonenumbers.example_number_for_type(country, kind):
                forms = [phonenumbers.format_number(number, form) for form in (0, 1, 2)]
                texts |= {
                    *forms,
                    forms[0][1:],
                    forms[0][1:-1],
                    f"00{forms[0][1:]}",
                    str(number.national_number),
                }
    column = pl.DataFrame({"text": sorted(texts)})
    got = column.select(READ["phone"](pl.col("text"), region or "").alias("digits"))["digits"].to_list()
    assert got == [phonedigits.digits(text, region) for text in column["text"]]


def test_of_two_valid_numbers_the_mobile_one_is_meant() -> None:
    assert phonedigits.digits("919876543210", "DE") == "919876543210"
    assert phonedigits.digits("491711234567", "DE") == "491711234567"
    assert phonedigits.digits("3901234567", "IT") == "393901234567"
