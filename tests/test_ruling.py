"""What is ruled without pandera is what pandera says: of each row everything, or nothing."""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Callable
from typing import Any

import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_judge import POOLS, contract, frame, schemas
from test_screen import cases

from pipeline.contract.judgement import Judgement
from pipeline.contract.rules import ANY_FILLED, CheckRule
from pipeline.errors import ConfigError
from pipeline.formats import emails


def agrees(schema: pa.DataFrameSchema, cells: pl.DataFrame) -> None:
    ours = contract(schema)
    try:
        judged = ours.judge(cells)
    except ConfigError:  # the contract's own error over some row; row by row it may have a word on others
        return
    said, verdict = judged.failures, ours.verdict(cells)
    assert verdict.failures == said
    assert verdict.changed.keys() == judged.changed.keys()
    assert all(verdict.changed[name].equals(new) for name, new in judged.changed.items())
    judgement, rows, columns = ours.rule(cells)
    assert set(judgement.failures) <= set(said)
    left = set(said) - set(judgement.failures)
    assert {row for row, _ in left} <= set(rows.tolist())
    assert {reason.partition(":")[0] for _, reason in left} <= {*columns, "_row"}


@given(case=cases())
@settings(max_examples=200, deadline=None)
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches("a$"))}), frame(A=["a\n", "b"])))
@example(case=(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches(r"\d"))}), frame(A=["٣", "b"])))
@example(
    case=(
        pa.DataFrameSchema({"A": pa.Column("datetime64[ms]", pa.Check.gt(dt.datetime(2001, 1, 1)))}),
        frame(A=["2001-01-01T00:00:00.0009", "2001-01-01T00:00:00.001"]),
    )
)
def test_a_ruling_is_pandera_s(case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
    agrees(*case)


def many(data: st.DataObject) -> None:
    schema, names = data.draw(schemas())
    row = st.tuples(*(st.sampled_from([None, "", *POOLS[kind][2]]) for kind in names.values()))
    rows = data.draw(st.lists(row, min_size=1, max_size=10))
    agrees(schema, pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"))


@pytest.mark.parametrize("pattern", [r"\s", r"a|\s", r"x\s\Z", r"[\s.]", r"\w", r"\d", "x$", "x.", "[^x]"])
@pytest.mark.parametrize("check", [pa.Check.str_matches, pa.Check.str_contains])
def test_patterns_on_every_ascii_character(check: Callable[[str], pa.Check], pattern: str) -> None:
    characters = [chr(number) for number in range(1, 128)]
    cells = frame(A=[*characters, *(f"x{character}" for character in characters), "x\n\n", "xx"])
    agrees(pa.DataFrameSchema({"A": pa.Column(str, check(pattern))}), cells)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_of_other_contracts_too(data: st.DataObject) -> None:
    many(data)


@pytest.mark.slow
@given(data=st.data(), case=cases())
@settings(max_examples=800, deadline=None)
def test_and_of_many_more(data: st.DataObject, case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
    many(data)
    agrees(*case)


def test_what_has_a_counterpart_is_ruled_and_the_rest_is_left() -> None:
    schema = pa.DataFrameSchema(
        {
            "ID": pa.Column(str, pa.Check.str_matches(r"C[0-9]{3}\Z")),
            "AGE": pa.Column("Int64", [pa.Check.in_range(0, 120), pa.Check.ne(7)], nullable=True),
            "DAY": pa.Column("date", pa.Check.ge(dt.date(2001, 1, 1)), nullable=True),
            "EMAIL": pa.Column(str, pa.Check.email(), nullable=True),
        }
    )
    ours = contract(schema)
    rows: list[tuple[Any, ...]] = [
        ("C001", "7", "2001-01-01", "a@example.com"),
        ("x", "700", "2000-12-31", None),
        (None, "seven", "2001-02-30", ""),
        ("C001", None, None, "no address"),
        ("é", "1", None, None),
    ]
    judgement, rest, _ = ours.rule(pl.DataFrame(rows, schema=["ID", "AGE", "DAY", "EMAIL"], orient="row"))
    assert not rest.size
    matches = "ID:str_matches('C[0-9]{3}\\Z')"
    assert judgement.failures == (
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
def test_addresses_and_numbers_are_ruled_by_what_the_libraries_say(
    region: str | None, *, nullable: bool
) -> None:
    checks = [pa.Check.phone(region=region), pa.Check.no_leading_apostrophe(), pa.Check.no_trailing_decimal()]
    schema = pa.DataFrameSchema(
        {
            "EMAIL": pa.Column(str, pa.Check.email(), nullable=nullable),
            "MOBILE": pa.Column(str, checks, nullable=nullable),
        }
    )
    ours = contract(schema)
    rows = [(email, phone) for email in (*EMAILS, *PHONES, None) for phone in (*PHONES, *EMAILS, "")]
    cells = pl.DataFrame(rows, schema=["EMAIL", "MOBILE"], orient="row")
    judgement, rest, _ = ours.rule(cells)
    assert not rest.size
    assert judgement.failures == ours.judge(cells).failures


@pytest.mark.parametrize("pattern", [r"[A-Z0-9._-]+@[a-z]+\Z", r"a.b\Z", "^[^@]+@", r"(?:a|[^0-9]{2})\Z"])
def test_a_pattern_that_spells_out_its_letters_is_ruled_on_any_text(pattern: str) -> None:
    texts = ["é", "a@b\n", "a\nb", "٣", "A@b", "aé", "a\u2028b", "ſ@k", "😀", "\r\n", "İb", "a\vb"]
    for check in (pa.Check.str_matches(pattern), pa.Check.str_contains(pattern)):
        ours, cells = contract(pa.DataFrameSchema({"A": pa.Column(str, check)})), frame(A=texts)
        judgement, rest, _ = ours.rule(cells)
        assert not rest.size
        assert judgement.failures == ours.judge(cells).failures


def test_one_with_classes_is_left_where_they_mean_more() -> None:
    ours = contract(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches(r"\d+"))}))
    assert ours.rule(frame(A=["1", "x", "é"])).rows.tolist() == [2]


def test_checks_of_whole_rows_are_left_but_for_the_primary_key() -> None:
    rows = pa.Check(lambda frame: frame["A"] != frame["B"], name="differ")
    ours = contract(pa.DataFrameSchema({"A": pa.Column(str), "B": pa.Column(str)}, checks=rows))
    assert ours.rule(frame(A=["a"], B=["b"])).rows.tolist() == [0]
    keyed = contract(pa.DataFrameSchema({name: pa.Column(str, nullable=True) for name in "AB"}))
    object.__setattr__(keyed.rules, "rows", (CheckRule("primary_key", ANY_FILLED, {"columns": ("A", "B")}),))
    assert keyed.rule(frame(A=["a", None], B=[None, ""])).judgement.failures == ((1, "_row:primary_key"),)


def test_a_library_that_breaks_is_told_of_without_what_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(text: str) -> bool:
        raise IndexError(text)

    monkeypatch.setattr(emails, "accepts", breaks)
    ours = contract(pa.DataFrameSchema({"A": pa.Column(str, pa.Check.email())}))
    assert ours.verdict(frame(A=["a@example.com"])).failures == ()
    with pytest.raises(ConfigError, match="raised IndexError") as told:
        ours.verdict(frame(A=[f"é{PLANTED}"]))
    assert PLANTED not in "".join(traceback.format_exception(told.value))


def test_the_judge_is_asked_about_the_columns_that_are_left_alone() -> None:
    seen: list[list[str]] = []
    even = pa.Check(lambda numbers: numbers % 2 == 0, name="even")
    schema = pa.DataFrameSchema(
        {
            "AGE": pa.Column("Int64", [pa.Check.ge(0), even], nullable=True),
            "DAY": pa.Column("date", pa.Check.ge(dt.date(2001, 1, 1))),
            "CODE": pa.Column(str, [pa.Check.str_matches(r"\d+"), pa.Check.str_length(max_value=3)]),
        }
    )
    ours = contract(schema)
    judge = ours.judge

    def ask(cells: pl.DataFrame) -> Judgement:
        seen.append(cells.columns)
        return judge(cells)

    object.__setattr__(ours, "judge", ask)
    rows: list[tuple[Any, ...]] = [
        ("1", "2000-01-01", "12345"),
        ("-2", "x", "é"),
        (None, None, "ééééé"),
        ("x", "2001-01-01", "1"),
        (None, "2000-01-01", "x"),
    ]
    cells = pl.DataFrame(rows, schema=["AGE", "DAY", "CODE"], orient="row")
    matches, long = "CODE:str_matches('\\d+')", "CODE:str_length(None, 3)"
    early, least = "DAY:greater_than_or_equal_to(2001-01-01)", "AGE:greater_than_or_equal_to(0)"
    expected = (
        *((0, "AGE:even"), (0, early), (0, long)),
        *((1, least), (1, "DAY:coerce_dtype('date')"), (1, matches)),
        *((2, "DAY:not_nullable"), (2, matches), (2, long)),
        (3, "AGE:coerce_dtype('Int64')"),
        *((4, early), (4, matches)),
    )
    assert ours.verdict(cells).failures == expected == judge(cells).failures
    assert ours.verdict(cells[:1]).failures == expected[:3]
    assert ours.verdict(cells[3:4]).failures == ((0, "AGE:coerce_dtype('Int64')"),)
    assert seen == [["AGE", "CODE"], ["AGE"]]
