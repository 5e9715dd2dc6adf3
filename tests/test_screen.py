"""The screen passes no row that the judge rejects or changes, and nearly all of the good ones."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline.contract import Contract, load_contract
from pipeline.contract.describe import describe
from pipeline.contract.judge import Judge
from pipeline.contract.patterns import translated
from pipeline.errors import ConfigError

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
@settings(max_examples=300, deadline=None)
@example(pattern="a$", texts=["a\n"])
@example(pattern=r"\d", texts=["٣"])
@example(pattern="a|b", texts=["ab", "cb"])
def test_a_translated_pattern_matches_nothing_that_the_original_does_not(
    pattern: str, texts: list[str]
) -> None:
    for at_start, look in ((True, re.match), (False, re.search)):
        ours = translated(pattern, at_start=at_start)
        if ours is not None:
            found = pl.Series(texts).str.contains(ours).to_list()
            wrong = [t for t, hit in zip(texts, found, strict=True) if hit and not look(pattern, t)]
            assert not wrong, (ours, wrong)


@pytest.mark.parametrize(
    "pattern",
    [r"C[0-9]{8}\Z", r"[A-Z]{2}\Z", r"[a-z]{2,3}(-[A-Za-z]{2,4})?\Z", r"^[6-9]\d{9}$", r"[^@\s]+@x\.com"],
)
def test_what_people_write_is_translated(pattern: str) -> None:
    assert (translated(pattern, at_start=True) is None) == (r"^@\s" in pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(?i)a", r"\bx", "(?=a)b", r"(a)\1", "é", "a++", "(?>a)", "a|b|cd", "(?s:.)", "a{2000}", "a{,2}"],
)
def test_what_may_mean_something_else_is_not(pattern: str) -> None:
    assert translated(pattern, at_start=True) is None


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
    return st.one_of(one, one, one, st.none(), st.just(""), more, less, st.text("ab12.-:@é\n ", max_size=6))


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


def is_sound(schema: pa.DataFrameSchema, cells: pl.DataFrame) -> None:
    rules = describe(schema)
    contract = Contract(rules, lambda columns: Judge(schema, rules, columns, "contract.py"))
    passed = (~contract.in_doubt(cells)).nonzero()[0].tolist()
    try:
        judgement = contract.judge(cells)
    except ConfigError:  # an error in the contract, which must be told
        blank = pl.DataFrame({name: [None] for name in cells.columns}, schema=cells.schema)
        # Where pandera's own code raises over nothing but nulls, a null cell says nothing of the screen.
        counted = passed if not _raises(contract, blank) else _filled(cells, passed)
        rejected = {row for row in counted if _is_an_error(contract, cells[row])}
    else:
        rejected = {row for row, _ in judgement.failures}
        for name, new in judgement.changed.items():
            before, after = cells[name].fill_null(""), new.fill_null("")
            rejected |= {*(before != after).arg_true().to_list()}
    assert not rejected & {*passed}, cells[sorted(rejected & {*passed})]


def _filled(cells: pl.DataFrame, rows: list[int]) -> list[int]:
    return [row for row in rows if all(cells.row(row))]


def _raises(contract: Contract, row: pl.DataFrame) -> bool:
    try:
        contract.judge(row)
    except ConfigError:
        return True
    return False


def _is_an_error(contract: Contract, row: pl.DataFrame) -> bool:
    try:
        return bool(contract.judge(row).failures)
    except ConfigError:
        return True


@given(case=cases())
@settings(max_examples=100, deadline=None)
def test_no_row_is_passed_that_the_judge_rejects(case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
    is_sound(*case)


@pytest.mark.slow
@given(case=cases())
@settings(max_examples=500, deadline=None)
def test_nor_in_many_more_cases(case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
    is_sound(*case)


def test_nearly_all_good_rows_of_the_example_are_passed() -> None:
    from pipeline.tabular.cells import parse
    from pipeline.tabular.cutting import cut
    from pipeline.tabular.dialect import Dialect

    contract = load_contract("schemas/contact.py:CONTACT", base=ROOT, primary_key=["CUSTOMER_ID"])
    data = (ROOT / "examples" / "contacts.csv").read_bytes()
    records = cut(data, Dialect(), 1 << 20).records
    head = Dialect().fields(records.data[records.starts[0] : records.ends[0]])
    cells, _ = parse(records, Dialect(), [name.decode() for name in head])
    cells = cells[1:]
    good = cells.height - len({row for row, _ in contract.judge(cells).failures})
    assert (~contract.in_doubt(cells)).sum() >= 0.97 * good


def test_what_it_cannot_know_is_doubted_value_by_value() -> None:
    def doubts(column: pa.Column, *cells: str | None, **more: Any) -> list[bool]:
        rules = describe(pa.DataFrameSchema({"A": column}, **more))
        asked = Contract(rules, lambda _: pytest.fail("nobody is asked")).in_doubt(
            pl.DataFrame({"A": cells}, schema={"A": pl.String})
        )
        return list(asked.tolist())

    code = pa.Check(lambda series: series != "x")
    assert doubts(pa.Column(str, code, nullable=True), "a", None) == [True, False]
    assert doubts(pa.Column(str, nullable=True, default="a"), "a", None) == [False, True]
    assert doubts(pa.Column(str, pa.Check.gt("a", ignore_na=False), nullable=True), "b", None) == [
        False,
        True,
    ]
    assert doubts(pa.Column(str, nullable=True, parsers=pa.Parser(lambda s: s)), "a", None) == [True, True]
    assert doubts(pa.Column(str, nullable=True), "a", checks=pa.Check(lambda frame: frame["A"] == 1)) == [
        True
    ]
    assert doubts(pa.Column(str, nullable=True), "a", None) == [False, False]
    assert doubts(pa.Column(int, pa.Check.gt("a")), "1") == [True]
