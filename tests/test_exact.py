"""What is said of rows by the one table of checks is what pandera says, and pandera is asked about little."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from judging import examined, judge, without_pandera
from test_judge import POOLS, frame, schemas

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline.contract import ContractSource, load_contract
from pipeline.contract.describe import describe
from pipeline.contract.patterns import translate
from pipeline.contract.rules import ANY_FILLED, CheckRule
from pipeline.errors import ConfigError
from pipeline.formats import emails

ROOT = Path(__file__).parents[1]
INTEGERS = ["0", "1", "+2", "03", "-4", "-0", "127", "128", "255", "256", "50", " 1", "1.0", "x", "9" * 20]
DECIMALS = ["1", "2.5", "-0.5", "3.0", "0.1", "1e3", ".5", "5.", "nan", "inf", "9" * 400, "-0", "0.30000001"]
DAYS = ["2001-01-01", "2001-02-29", "2000-02-29", "1900-02-29", "1999-12-31", "2001-1-1", "0000-01-01"]
MOMENTS = [*DAYS, "2001-01-01T00:00", "2001-01-01 12:30:01.5", "2001-01-01T05:30+05:30", "2001-01-01T00:00Z"]
MOMENTS += ["1699-01-01", "2262-04-12", "2200-01-01", "2001-01-01T24:00", "2001-01-01T00:00:01", "1677-09-22"]
TEXTS = [
    "a",
    "ab",
    "Ab",
    "b\n",
    "1 2",
    " a",
    "é",
    "٣",
    "a\n",
    "12",
    "12\n",
    "c-d",
    "a.b",
    "\v",
    "e\u0301",
    "ſ",
]
TEXTS += [
    "a@b.com",
    "a@b",
    "+919876543210",
    "9876543210",
    "9.19E+11",
    "12.0",
    "'12",
    "0012",
    "a,b",
    '"',
    "\u2028",
]
PIECES = [
    "a",
    "b",
    "[ab]",
    "[^a]",
    r"\d",
    r"\w",
    r"\s",
    r"\S",
    r"\D",
    ".",
    "1",
    r"\.",
    "é",
    "[0-9]",
    "[^0-9]",
]
PIECES += ["(?:a|b)", "(a|ab)", "[a-c-]", "[]a]", r"[\d.]", r"[^\d]", r"\b", "(?=a)", "(?i:A)", " ", r"\-"]
TIMES = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "+?", "{0}"]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    inner = "".join(
        draw(st.sampled_from(PIECES)) + draw(st.sampled_from(TIMES)) for _ in range(draw(st.integers(1, 4)))
    )
    if draw(st.integers(0, 4)) == 0:
        inner += "|" + draw(st.sampled_from(PIECES))
    return (
        draw(st.sampled_from(["", "", "^", r"\A", "(?i)"])) + inner + draw(st.sampled_from(["", "$", r"\Z"]))
    )


def valid(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


@given(
    pattern=patterns().filter(valid),
    texts=st.lists(st.text("ab12 .-\n\r\té٣ſk\u212a_", max_size=5), min_size=1, max_size=20),
)
@settings(max_examples=150, deadline=None)
@example(pattern="a$", texts=["a\n"])
@example(pattern=r"\d", texts=["٣"])
@example(pattern="a|b", texts=["ab", "cb"])
def test_a_translated_pattern_matches_nothing_that_the_original_does_not(
    pattern: str, texts: list[str]
) -> None:
    for at_start, look in ((True, re.match), (False, re.search)):
        ours = translate({"pattern": pattern}, at_start=at_start)
        if ours is not None:
            found = pl.Series(texts).str.contains(ours).to_list()
            wrong = [t for t, hit in zip(texts, found, strict=True) if hit and not look(pattern, t)]
            assert not wrong, (ours, wrong)


@pytest.mark.parametrize(
    "pattern",
    [r"C[0-9]{8}\Z", r"[A-Z]{2}\Z", r"[a-z]{2,3}(-[A-Za-z]{2,4})?\Z", r"^[6-9]\d{9}$", r"[^@\s]+@x\.com"],
)
def test_what_people_write_is_translated(pattern: str) -> None:
    assert (translate({"pattern": pattern}, at_start=True) is None) == (r"^@\s" in pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(?i)a", r"\bx", "(?=a)b", r"(a)\1", "é", "a++", "(?>a)", "a|b|cd", "(?s:.)", "a{2000}", "a{,2}"],
)
def test_what_may_mean_something_else_is_not(pattern: str) -> None:
    assert translate({"pattern": pattern}, at_start=True) is None


NUMBERS: list[Any] = [-4, 0, 1, 2, 3, 50, 127, 300, 2.5, 0.1, True, "1"]
BOUNDS: dict[str, list[Any]] = {
    "integer": NUMBERS,
    "decimal": NUMBERS,
    "text": ["a", "ab", "b", " ", "é", "1", 1],
    "day": [dt.date(1999, 12, 31), dt.date(2000, 2, 29), dt.date(2001, 1, 1)],
    "moment": [
        *(pd.Timestamp(text) for text in ("2001-01-01", "2001-01-01T00:00:01", "2001-01-01T12:30:01.5")),
        pd.Timestamp("2001-01-01T00:00:00.000000001"),
        dt.date(2001, 1, 1),
    ],
    "boolean": [True, False, 1],
    "category": ["a", "ab", "z"],
}
TYPES: list[tuple[Any, str, list[str]]] = [
    *((dtype, "integer", INTEGERS) for dtype in (int, "Int64", "uint8", "Int8", "int32", "UInt64")),
    *((dtype, "decimal", DECIMALS) for dtype in (float, "Float64", "float32")),
    *((dtype, "text", TEXTS) for dtype in (str, object, None, "string")),
    ("date", "day", DAYS),
    *((d, "moment", MOMENTS) for d in ("datetime64[ns]", "datetime64[ms]", "datetime64[ns, Europe/Berlin]")),
    ("boolean", "boolean", ["true", "FALSE", "yes", "1"]),
    (pd.CategoricalDtype(["a", "ab"]), "category", ["a", "ab", "b"]),
]


@st.composite
def checks(draw: st.DrawFn, kind: str) -> Any:
    one = st.sampled_from(BOUNDS[kind])
    some = st.lists(one, min_size=1, max_size=3)
    ordered = st.lists(one, min_size=2, max_size=2).filter(_ascending)
    options: dict[str, Any] = draw(st.sampled_from([{}, {}, {}, {"ignore_na": False}]))
    names = ["eq", "ne", "isin", "notin", "gt", "ge", "lt", "le", "in_range", "opaque"]
    names += (
        ["matches", "contains", "startswith", "endswith", "length", "registered"] if kind == "text" else []
    )
    match draw(st.sampled_from(names)):
        case "in_range":
            ends = {"include_min": draw(st.booleans()), "include_max": draw(st.booleans())}
            return pa.Check.in_range(*draw(ordered), **ends, **options)
        case "isin" | "notin" as name:
            return getattr(pa.Check, name)(draw(some), **options)
        case "matches" | "contains" as name:
            pattern: Any = draw(patterns().filter(valid))
            pattern = re.compile(pattern) if draw(st.integers(0, 9)) == 0 else pattern
            return getattr(pa.Check, f"str_{name}")(pattern, **options)
        case "startswith" | "endswith" as name:
            return getattr(pa.Check, f"str_{name}")(draw(st.sampled_from(["a", "é", "", "b\n"])), **options)
        case "length":
            low, high = sorted((draw(st.integers(0, 3)), draw(st.integers(0, 3))))
            return draw(
                st.sampled_from(
                    [
                        pa.Check.str_length(low, high, **options),
                        pa.Check.str_length(min_value=low, **options),
                        pa.Check.str_length(exact_value=low, **options),
                    ]
                )
            )
        case "registered":
            made: list[Any] = [
                pa.Check.email(),
                pa.Check.phone(region="IN"),
                pa.Check.no_scientific_notation(),
                pa.Check.no_trailing_decimal(),
                pa.Check.no_leading_apostrophe(),
                pa.Check.no_lost_leading_zero(length=4),
            ]
            return draw(st.sampled_from(made))
        case "opaque":
            return pa.Check(lambda series: series.astype(str).str.len() % 2 == 0, name="even", **options)
        case name:
            return getattr(pa.Check, name)(draw(one), **options)


def _ascending(pair: list[Any]) -> bool:
    try:
        return bool(pair[0] < pair[1])
    except TypeError:
        return False


def mutated(texts: list[str]) -> st.SearchStrategy[str | None]:
    """A cell: one of these, with a character more or less, or anything."""
    one = st.sampled_from(texts)
    more = st.tuples(one, st.integers(0, 12), st.sampled_from("019-+. \nTZaé")).map(
        lambda found: found[0][: found[1]] + found[2] + found[0][found[1] :]
    )
    less = st.tuples(one, st.integers(0, 12)).map(
        lambda found: found[0][: found[1]] + found[0][found[1] + 1 :]
    )
    return st.one_of(one, one, one, st.none(), more, less, st.text("ab12.-:@é\n ", max_size=6))


@st.composite
def cases(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, pl.DataFrame]:
    columns, cells, height = {}, {}, draw(st.integers(1, 12))
    for number in range(draw(st.integers(1, 3))):
        dtype, kind, texts = draw(st.sampled_from(TYPES))
        columns[f"C{number}"] = pa.Column(
            dtype,
            draw(st.lists(checks(kind), max_size=2)),
            nullable=draw(st.booleans()),
            default="a" if kind == "text" and draw(st.integers(0, 5)) == 0 else None,
            parsers=pa.Parser(lambda s: s.str.strip())
            if kind == "text" and draw(st.integers(0, 9)) == 0
            else None,
        )
        column = st.lists(mutated(texts), min_size=height, max_size=height)
        cells[f"C{number}"] = draw(column)
    rows = pa.Check(lambda frame: frame["C0"].notna(), name="first", ignore_na=False)
    schema = pa.DataFrameSchema(columns, checks=rows if draw(st.integers(0, 9)) == 0 else None)
    return schema, pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))


def agrees(schema: pa.DataFrameSchema, cells: pl.DataFrame) -> None:
    """The pipeline's verdict is pandera's on all rows, and so are the changes."""
    cells = cells.with_columns(pl.when(pl.all() != "").then(pl.all()))
    try:
        known = judge(schema, cells)
    except ConfigError:  # the contract's own error over some row; row by row it may have a word on others
        return
    found = examined(schema, cells)
    assert found.faults.pairs == known.faults.pairs
    assert {name for name, where in found.changed.items() if where.any()} == known.changed.keys()


@given(case=cases())
@settings(max_examples=80, deadline=None)
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches("a$"))}), frame(A=["a\n", "b"])))
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches(r"\d"))}), frame(A=["٣", "b"])))
@example(
    case=(
        pa.DataFrameSchema({"A": pa.Column("datetime64[ms]", pa.Check.gt(dt.datetime(2001, 1, 1)))}),
        frame(A=["2001-01-01T00:00:00.0009", "2001-01-01T00:00:00.001"]),
    )
)
def test_the_verdict_is_pandera_s(case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
    agrees(*case)


def many(data: st.DataObject) -> None:
    schema, names = data.draw(schemas())
    row = st.tuples(*(st.sampled_from([None, *POOLS[kind][2]]) for kind in names.values()))
    rows = data.draw(st.lists(row, min_size=1, max_size=10))
    agrees(schema, pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"))


@pytest.mark.parametrize("pattern", [r"\s", r"a|\s", r"x\s\Z", r"[\s.]", r"\w", r"\d", "x$", "x.", "[^x]"])
@pytest.mark.parametrize("check", [pa.Check.str_matches, pa.Check.str_contains])
def test_patterns_on_every_ascii_character(check: Callable[[str], pa.Check], pattern: str) -> None:
    characters = [chr(number) for number in range(1, 128)]
    cells = frame(A=[*characters, *(f"x{character}" for character in characters), "x\n\n", "xx"])
    agrees(pa.DataFrameSchema({"A": pa.Column(str, check(pattern))}), cells)


@pytest.mark.slow
@given(data=st.data(), case=cases())
@settings(max_examples=300, deadline=None)
def test_so_it_is_in_many_more_cases(
    data: st.DataObject, case: tuple[pa.DataFrameSchema, pl.DataFrame]
) -> None:
    many(data)
    agrees(*case)


def test_what_has_a_counterpart_is_decided_without_pandera() -> None:
    schema = pa.DataFrameSchema(
        {
            "ID": pa.Column(str, pa.Check.str_matches(r"C[0-9]{3}\Z")),
            "AGE": pa.Column("Int64", [pa.Check.in_range(0, 120), pa.Check.ne(7)], nullable=True),
            "DAY": pa.Column("date", pa.Check.ge(dt.date(2001, 1, 1)), nullable=True),
            "EMAIL": pa.Column(str, pa.Check.email(), nullable=True),
        }
    )
    rows: list[tuple[Any, ...]] = [
        ("C001", "7", "2001-01-01", "a@example.com"),
        ("x", "700", "2000-12-31", None),
        (None, "seven", "2001-02-30", None),
        ("C001", None, None, "no address"),
        ("é", "1", None, None),
    ]
    cells = pl.DataFrame(rows, schema=["ID", "AGE", "DAY", "EMAIL"], orient="row")
    matches = "ID:str_matches('C[0-9]{3}\\Z')"
    assert without_pandera(schema, cells).faults.pairs == (
        (0, "AGE:not_equal_to(7)"),
        (1, matches),
        (1, "AGE:in_range(0, 120)"),
        (1, "DAY:greater_than_or_equal_to(2001-01-01)"),
        (2, "ID:not_nullable"),
        (2, "AGE:coerce_dtype('Int64')"),
        (2, "DAY:coerce_dtype('date')"),
        (3, "EMAIL:email"),
        (4, matches),
    )


PLANTED = "planted@@example.com"
EMAILS = ("a@b.example", "anna@müller.example", "anna@@example.com", "a@example.test", "'a@example.com", "٣")
PHONES = ("+919876543210", "98765 43210", "'919876543210", "9.19877E+11", "919876543210.0", "٩", "x" * 300)


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("region", ["IN", None])
def test_addresses_and_numbers_are_decided_by_what_the_libraries_say(
    region: str | None, *, nullable: bool
) -> None:
    checks = [pa.Check.phone(region=region), pa.Check.no_leading_apostrophe(), pa.Check.no_trailing_decimal()]
    schema = pa.DataFrameSchema(
        {
            "EMAIL": pa.Column(str, pa.Check.email(), nullable=nullable),
            "MOBILE": pa.Column(str, checks, nullable=nullable),
        }
    )
    rows = [(email, phone) for email in (*EMAILS, *PHONES, None) for phone in (*PHONES, *EMAILS, None)]
    cells = pl.DataFrame(rows, schema=["EMAIL", "MOBILE"], orient="row")
    assert without_pandera(schema, cells).faults.pairs == judge(schema, cells).faults.pairs


@pytest.mark.parametrize("pattern", [r"[A-Z0-9._-]+@[a-z]+\Z", r"a.b\Z", "^[^@]+@", r"(?:a|[^0-9]{2})\Z"])
def test_a_pattern_that_spells_out_its_letters_is_decided_on_any_text(pattern: str) -> None:
    cells = frame(A=["é", "a@b\n", "a\nb", "٣", "A@b", "aé", "a\u2028b", "ſ@k", "😀", "\r\n", "İb", "a\vb"])
    for check in (pa.Check.str_matches(pattern), pa.Check.str_contains(pattern)):
        schema = pa.DataFrameSchema({"A": pa.Column(str, check)})
        assert without_pandera(schema, cells).faults.pairs == judge(schema, cells).faults.pairs


def test_about_one_with_classes_pandera_is_asked_where_they_mean_more() -> None:
    schema = pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches(r"\d+"))})
    assert [row for row, _ in without_pandera(schema, frame(A=["1", "x"])).faults.pairs] == [1]
    with pytest.raises(ConfigError, match="no contract file"):
        without_pandera(schema, frame(A=["é"]))


def test_of_a_primary_key_of_several_columns_one_must_be_filled() -> None:
    schema = pa.DataFrameSchema({name: pa.Column(str, nullable=True) for name in "AB"})
    key = CheckRule("primary_key", ANY_FILLED, {"columns": ("A", "B")})
    rules = dataclasses.replace(describe(schema), rows=(key,))
    cells = frame(A=["a", None, None], B=[None, None, "b"])
    assert examined(schema, cells, rules).faults.pairs == ((1, "_row:primary_key"),)


def test_a_library_that_breaks_is_told_of_without_what_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(text: str) -> bool:
        raise IndexError(text)

    monkeypatch.setattr(emails, "accepts", breaks)
    schema = pa.DataFrameSchema({"A": pa.Column(str, pa.Check.email())})
    assert without_pandera(schema, frame(A=["a@example.com"])).faults.pairs == ()
    with pytest.raises(ConfigError, match="raised IndexError") as caught:
        without_pandera(schema, frame(A=[f"é{PLANTED}"]))
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_pandera_is_asked_about_the_columns_concerned_alone() -> None:
    seen: list[list[Any]] = []

    def even(numbers: Any) -> Any:
        seen.append(numbers.tolist())
        return numbers % 2 == 0

    schema = pa.DataFrameSchema(
        {
            "AGE": pa.Column("Int64", [pa.Check.ge(0), pa.Check(even, name="even")], nullable=True),
            "DAY": pa.Column("date", pa.Check(raises, name="raises"), nullable=True),
        }
    )
    rows = frame(AGE=["1", "-2", None, "x"], DAY=[None] * 4)
    assert examined(schema, rows).faults.pairs == (
        (0, "AGE:even"),
        (1, "AGE:greater_than_or_equal_to(0)"),
        (3, "AGE:coerce_dtype('Int64')"),
    )
    assert seen == [[1, -2]]


def raises(_: Any) -> Any:
    raise AssertionError("asked about a column with nothing in it")


def test_no_row_of_the_example_is_left_to_pandera() -> None:
    contract = load_contract(ContractSource("schemas/contact.py:CONTACT", ROOT, ("EMAIL",), None, "IN"))
    found = without_pandera(contract.schema, ROOT / "examples" / "contacts.csv", contract.rules)
    assert len(found.faults.failing) > 100
