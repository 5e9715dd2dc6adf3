"""The sieve passes no record that the careful way would reject, and nearly all of the good ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_screen import TYPES, checks, mutated

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline.contract import Contract, ranges
from pipeline.contract.describe import describe
from pipeline.contract.judge import Judge
from pipeline.contract.sieve import Sieve
from pipeline.errors import ConfigError
from pipeline.tabular.cells import CANONICAL
from pipeline.tabular.cutting import cut

ROOT = Path(__file__).parents[1]
SINCE_1999 = pa.Check.ge(dt.date(1999, 1, 1))
UNDAMAGED = [
    pa.Check.no_scientific_notation(),
    pa.Check.no_trailing_decimal(),
    pa.Check.no_leading_apostrophe(),
]


def contract_of(schema: pa.DataFrameSchema) -> Contract:
    rules = describe(schema)
    return Contract(rules, lambda columns: Judge(schema, rules, columns, "contract.py"))


def passed(sieve: Sieve, data: bytes) -> tuple[list[bytes], pl.DataFrame]:
    """The records that pass, without their line ends, and what is told of them."""
    records = cut(data, CANONICAL, 1 << 20).records.packed()
    found, cells = sieve.passed(records)
    spans = zip(records.starts[found].tolist(), records.ends[found].tolist(), strict=True)
    return [records.data[a:b] for a, b in spans], cells


def rejects(contract: Contract, row: pl.DataFrame) -> bool:
    try:
        judgement = contract.judge(row)
    except ConfigError:  # an error in the contract, which must be told
        return True
    return bool(judgement.failures)


fields = st.sampled_from(
    [
        *("{}", "{}", "{}", '"{}"', '"{}"', '{}"', '"{}', "{}\r", "\ufeff{}", "{},"),
        *('"{}\n"', '"{}\r\nb"', '"\n{}"', '"{}""b"', '"""{}"""', '"{}"""', '"{}\0"', "'{}", '"{}, b"'),
    ]
)


@st.composite
def files(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, bytes]:
    """A contract, and a file of records that may be anything: right, wrong, odd, broken."""
    columns, texts = {}, {}
    for number in range(draw(st.integers(1, 3))):
        dtype, kind, known = draw(st.sampled_from(TYPES))
        nullable = draw(st.booleans())
        columns[f"C{number}"] = pa.Column(dtype, draw(st.lists(checks(kind), max_size=3)), nullable=nullable)
        texts[f"C{number}"] = mutated(known)
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        cells = [draw(fields).format(draw(texts[name]) or "") for name in texts]
        lines.append(",".join(cells))
    return pa.DataFrameSchema(columns), "\n".join(["", *lines, ""]).encode()


def is_sound(schema: pa.DataFrameSchema, data: bytes) -> None:
    contract, columns = contract_of(schema), tuple(schema.columns)
    sieve = contract.sieve(columns, columns[:1])
    if sieve is None:
        return
    records, cells = passed(sieve, data)
    assert cells.height == len(records)
    for number, record in enumerate(records):
        row = [field.decode() or None for field in CANONICAL.fields(record)]
        assert len(row) == len(columns), record
        assert row[0] == cells[columns[0]][number]
        frame = pl.DataFrame([row], schema=dict.fromkeys(columns, pl.String), orient="row").drop(sieve.asks)
        assert not rejects(contract, frame) or rejects(contract, frame.clear(1)), record


@given(case=files())
@settings(max_examples=150, deadline=None)
@example(case=(pa.DataFrameSchema({"A": pa.Column(str), "B": pa.Column(str)}), b"a,b,c\n"))
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches("[^x]+"))}), b'a,b\n"a,b"\n'))
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches("a*"))}), b'""\nb\n'))
@example(case=(pa.DataFrameSchema({"A": pa.Column(str), "B": pa.Column(str)}), "éé,bcd\n".encode()))
def test_no_record_passes_that_is_broken_or_that_the_judge_rejects(
    case: tuple[pa.DataFrameSchema, bytes],
) -> None:
    is_sound(*case)


@pytest.mark.slow
@given(case=files())
@settings(max_examples=1000, deadline=None)
def test_nor_in_many_more_cases(case: tuple[pa.DataFrameSchema, bytes]) -> None:
    is_sound(*case)


@pytest.mark.parametrize(
    ("column", "good", "open_"),
    [
        (pa.Column(str), "a b", False),
        (pa.Column(str, pa.Check.str_length(2, 4)), "äbc", False),
        (pa.Column(str, pa.Check.str_matches(r"^[6-9]\d{9}$")), "9876543210", False),
        (pa.Column(str, pa.Check.str_contains("b|c")), "abc", False),
        (pa.Column(str, pa.Check.isin(["a b", "c"])), "a b", False),
        (pa.Column(str, pa.Check.email()), "Ann.O'Hara@mail.example.com", False),
        (pa.Column(str, UNDAMAGED), "00123", False),
        (pa.Column(str, [*UNDAMAGED, pa.Check.str_length(max_value=8)]), "EC1E 1.0", False),
        (pa.Column(str, [*UNDAMAGED, pa.Check.no_lost_leading_zero(length=5)]), "E1", False),
        (pa.Column(str, [pa.Check.str_length(2), pa.Check.str_length(max_value=2)]), "äb", False),
        (pa.Column("Int64", pa.Check.in_range(-5, 120)), "-5", False),
        (pa.Column("Int64", [pa.Check.ge(-5), pa.Check.gt(-5), pa.Check.lt(9), pa.Check.le(9)]), "8", False),
        (pa.Column("date", [pa.Check.gt(dt.date(2000, 12, 31)), SINCE_1999]), "2001-01-02", False),
        (pa.Column("date", pa.Check.ge(dt.date(2001, 1, 1))), "2001-01-01", False),
        (pa.Column("datetime64[ns]"), "2001-12-31T23:59:59.5", False),
        (pa.Column(float), "-1.50", False),
        (pa.Column(bool), "True", False),
        (pa.Column("category"), "a", True),
        (pa.Column(str, [pa.Check.str_length(1), pa.Check.ne("x")]), "a", True),
        (pa.Column(str, pa.Check(lambda s: s != "x")), "a", True),
        (pa.Column(str, pa.Check.phone(region="IN")), "9876543210", True),
    ],
    ids=str,
)
def test_what_a_pattern_can_say_of_a_column(column: pa.Column, good: str, open_: bool) -> None:
    schema = pa.DataFrameSchema({"A": column, "B": pa.Column(str), "C": pa.Column(str, nullable=True)})
    sieve = contract_of(schema).sieve(("A", "B", "C", "unknown"), ())
    assert sieve is not None
    assert sieve.apart == (("A",) if open_ else ())
    good_lines = f'{good},b,c,d\n"{good}","b,b","",\n'.encode()
    code = bool(column.checks) and column.checks[0].name == "<lambda>"
    assert sieve.asks == (("A",) if code else ())
    assert len(passed(sieve, good_lines)[0]) == 2
    blank = b"" if code else b",b,c,d\n"
    assert passed(sieve, blank + f"{good},,c,d\n{good},b\n{good},b,c,d,e\n".encode())[0] == []


def test_quotes_and_line_ends_within_quotes_do_not_hold_a_record_back() -> None:
    free, short = pa.Column(str, nullable=True), pa.Column(str, pa.Check.str_length(max_value=4))
    key = pa.Column(str, pa.Check.phone(region="IN"))
    sieve = contract_of(pa.DataFrameSchema({"A": free, "B": short, "C": key})).sieve(("A", "B", "C"), ("A",))
    assert sieve is not None
    good = [
        b'"a\nb","a\r\nb",9876543210',
        b'"""a""","""""",9876543210',
        b'"\n","\n\n","9876543210"',
        b'"",a,9876543210',
    ]
    bad = [
        b'"a""b",""""",9876543210',
        b'a,"""""""""""",9876543210',
        b'a"",b,9876543210',
        b'a,"b\n\n\n\n",9876543210',
    ]
    records, cells = passed(sieve, b"\n".join([*good, *bad, b""]))
    assert records == good
    assert cells["A"].to_list() == ["a\nb", '"a"', "\n", None]
    assert cells["C"].to_list() == ["9876543210"] * 4


def test_where_there_is_nothing_to_gain_there_is_no_sieve() -> None:
    opaque = pa.Column(str, pa.Check(lambda s: s != "x"))
    rows = pa.Check(lambda frame: frame["A"] != frame["B"])
    for schema in (
        pa.DataFrameSchema({"A": opaque, "B": pa.Column(str), "C": opaque}),
        pa.DataFrameSchema({"A": pa.Column(str), "B": pa.Column(str), "C": pa.Column(str)}, checks=rows),
    ):
        assert contract_of(schema).sieve(("A", "B", "C"), ()) is None


def test_a_slice_that_is_not_utf8_is_left_to_the_careful_way() -> None:
    sieve = contract_of(pa.DataFrameSchema({"A": pa.Column(str)})).sieve(("A",), ())
    assert sieve is not None
    assert passed(sieve, b"a\n\xff\n")[0] == []
    assert passed(sieve, b"")[0] == []


@given(low=st.integers(-2000, 2000), size=st.integers(0, 3000), numbers=st.lists(st.integers(-6000, 6000)))
def test_a_range_of_numbers_is_that(low: int, size: int, numbers: list[int]) -> None:
    pattern, high = ranges.numbers(low, low + size), low + size
    asked = [low, high, low - 1, high + 1, *numbers]
    found = pl.Series(list(map(str, asked))).str.contains(rf"\A(?:{pattern})\z").to_list()
    assert found == [low <= number <= high for number in asked]
    assert ranges.numbers(1, 0) is None


days = st.dates(dt.date(1650, 1, 1), dt.date(2250, 12, 31))


@given(first=days, last=days, some=st.lists(days, min_size=1))
@example(first=dt.date(2000, 1, 1), last=dt.date(2000, 1, 31), some=[dt.date(2000, 1, 31)])
def test_a_range_of_days_has_no_other_days(first: dt.date, last: dt.date, some: list[dt.date]) -> None:
    pattern = ranges.days(first, last)
    near = [day + dt.timedelta(days=more) for day in (first, last) for more in (-31, -1, 0, 1, 31)]
    texts = [day.isoformat() for day in (*some, *near)]
    found = pl.Series(texts).str.contains(rf"\A(?:{pattern})\z").to_numpy() if pattern else np.zeros(1, bool)
    within = [first <= day <= last for day in (*some, *near)]
    assert not (found & ~np.array(within)).any()
    whole = [
        day for day in some if first <= day.replace(day=1) and (day.replace(day=28) + dt.timedelta(3)) < last
    ]
    usual = [day for day in whole if 1700 <= day.year <= 2199 and (day.month, day.day) != (2, 29)]
    assert all(pl.Series([day.isoformat() for day in usual], dtype=pl.String).str.contains(pattern or "x"))
