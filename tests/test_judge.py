"""The judge says what pandera says over the typed view: the same rows, columns and names, nothing more."""

from __future__ import annotations

import datetime as dt
import logging
import os
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from judging import examined, judge
from oracle import BAD, value_of
from pandera.errors import SchemaErrors
from reading import pairs

from pipeline.contract import Contract
from pipeline.contract.describe import describe
from pipeline.contract.pandera_judge import Judge
from pipeline.contract.rules import CellType
from pipeline.errors import ConfigError
from pipeline.unique import Repeats

# Of each kind: a dtype, texts that are values and texts that are not, and values for the checks' arguments.
POOLS: dict[str, tuple[Any, CellType, list[str], list[Any]]] = {
    "integer": (
        "Int64",
        CellType("integer"),
        ["1", "+2", "03", "-4", "50", "x", "1.0", "9" * 20],
        [-4, 1, 2, 3, 50],
    ),
    "decimal": (
        "float64",
        CellType("decimal"),
        ["1", "2.5", "-0.5", "1e3", "3.0", "."],
        [-0.5, 1.0, 2.5, 3.0],
    ),
    "text": (str, CellType(), ["a", "ab", "Ab", "b\n", "1 2", " a", "é", "٣"], ["a", "ab", "b", " ", "é"]),
    "date": (
        "date",
        CellType("date"),
        ["2001-01-01", "2001-02-29", "1999-12-31", "2024-02-29", "1/1/99"],
        [dt.date(1999, 12, 31), dt.date(2001, 1, 1), dt.date(2024, 2, 29)],
    ),
    "datetime": (
        "datetime64[ns]",
        CellType("datetime"),
        ["2001-01-01", "2001-01-01T00:00:01", "2001-01-01T05:30+05:30", "2300-01-01", "now"],
        [pd.Timestamp("2001-01-01"), pd.Timestamp("2001-01-01T00:00:01")],
    ),
    "boolean": ("boolean", CellType("boolean"), ["true", "FALSE", "yes"], [True, False]),
    "category": (
        pd.CategoricalDtype(["a", "ab"]),
        CellType("category", categories=("a", "ab")),
        ["a", "ab", "b"],
        ["a", "ab"],
    ),
}
PATTERNS = ["a", "[0-9]", r"\d", "^a$", r"(?i)AB\Z", "b?", ".+ ."]
TEXT = str(pd.Series(["a"]).dtype)  # what text is to this pandas: "str", or "object" before 3


@st.composite
def checks(draw: st.DrawFn, kind: str) -> pa.Check:
    """Any built-in check, with arguments that are near the values."""
    values = POOLS[kind][3]
    one, some = st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, unique=True)
    options: dict[str, Any] = draw(st.sampled_from([{}, {}, {"n_failure_cases": 1}, {"error": "mine"}]))
    made: list[Callable[[], pa.Check]] = [
        lambda: pa.Check.eq(draw(one), **options),
        lambda: pa.Check.ne(draw(one), **options),
        lambda: pa.Check.isin(draw(some), **options),
        lambda: pa.Check.notin(draw(some), **options),
    ]
    if kind not in ("boolean", "category"):
        made += [
            lambda: pa.Check.gt(draw(one), **options),
            lambda: pa.Check.ge(draw(one), **options),
            lambda: pa.Check.lt(draw(one), **options),
            lambda: pa.Check.le(draw(one), **options),
            lambda: pa.Check.in_range(
                *sorted(draw(st.lists(one, min_size=2, max_size=2, unique=True))),
                include_min=draw(st.booleans()),
                include_max=draw(st.booleans()),
                **options,
            ),
        ]
    if kind == "text":
        made += [
            lambda: pa.Check.str_matches(draw(st.sampled_from(PATTERNS)), **options),
            lambda: pa.Check.str_contains(draw(st.sampled_from(PATTERNS)), **options),
            lambda: pa.Check.str_startswith(draw(one), **options),
            lambda: pa.Check.str_endswith(draw(one), **options),
            lambda: pa.Check.str_length(
                *sorted((draw(st.integers(0, 3)), draw(st.integers(0, 3)))), **options
            ),
            lambda: pa.Check(lambda s: s.str.islower(), name="lower", ignore_na=draw(st.booleans())),
        ]
    if kind == "integer":
        made.append(lambda: pa.Check(lambda x: x % 2 == 0, element_wise=True, name="even"))
    return draw(st.sampled_from(made))()


@st.composite
def schemas(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, dict[str, str]]:
    kinds = draw(st.lists(st.sampled_from([*POOLS]), min_size=1, max_size=4))
    names = {f"C{i}": kind for i, kind in enumerate(kinds)}
    reports: st.SearchStrategy[Any] = st.sampled_from(["exclude_first", "exclude_last", "all"])
    columns = {
        name: pa.Column(
            POOLS[kind][0],
            draw(st.lists(checks(kind), max_size=3)),
            nullable=draw(st.booleans()),
            unique=draw(st.booleans()),
            report_duplicates=draw(reports),
        )
        for name, kind in names.items()
    }
    together = draw(st.lists(st.sampled_from([*names]), unique=True, max_size=2))
    rows = [pa.Check(lambda df: df["C0"].notna(), name="first_filled", ignore_na=False)]
    schema = pa.DataFrameSchema(
        columns,
        checks=rows if draw(st.booleans()) else None,
        unique=together or None,
        report_duplicates=draw(reports),
    )
    return schema, names


def typed_frame(cells: pl.DataFrame, names: dict[str, str]) -> tuple[pd.DataFrame, dict[str, set[int]]]:
    """The typed view in pandas, made cell by cell, and the rows that hold no value, by column."""
    frame, bad = {}, {}
    for name, kind in names.items():
        dtype, type_ = POOLS[kind][:2]
        values = [value_of(text, type_) for text in cells[name]]
        bad[name] = {row for row, value in enumerate(values) if value is BAD}
        values = [None if value is BAD else value for value in values]
        if kind == "datetime":
            frame[name] = pd.Series(pd.to_datetime(pd.Series(values, dtype="Int64"), unit="ns"), dtype=dtype)
        else:
            frame[name] = pd.Series(values, dtype=object if kind == "date" else dtype)
    return pd.DataFrame(frame), bad


def pandera_says(
    schema: pa.DataFrameSchema, cells: pl.DataFrame, names: dict[str, str]
) -> set[tuple[int, str]]:
    frame, bad = typed_frame(cells, names)
    said = set()
    for name, rows in bad.items():
        said |= {(row, f"{name}:coerce_dtype('{schema.columns[name].dtype}')") for row in rows}
    for column in schema.columns.values():  # DESIGN: n_failure_cases must not hide failures
        for check in column.checks:
            check.n_failure_cases = None
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as found:
        for case in found.failure_cases.itertuples():
            if case.index is None:
                reject()  # pandera found no words for blank categories on pandas 2, see below
            if case.schema_context == "DataFrameSchema":
                said.add((int(case.index), f"_row:{case.check}"))
            elif pd.notna(case.index) and case.index not in bad[case.column]:
                said.add((int(case.index), f"{case.column}:{case.check}"))
    return {(row, reason) for row, reason in said if reason is not None}


def agrees(data: st.DataObject) -> None:
    """The pipeline's verdict, and the judge's by itself, are pandera's over the typed view."""
    schema, names = data.draw(schemas())
    row = st.tuples(*(st.sampled_from([None, *POOLS[kind][2]]) for kind in names.values()))
    rows = data.draw(st.lists(row, min_size=1, max_size=10))
    cells = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    judgement = judge(schema, cells)
    found = examined(schema, cells)
    unique = Repeats(describe(schema).bind(cells.columns).uniques)
    repeats = pairs(unique.observe(found.keys) + ([] if unique.streams else unique.settle(0)))
    known = pandera_says(schema, cells, names)
    assert {*judgement.faults.pairs, *repeats} == known
    assert {*found.faults.pairs, *repeats} == known
    assert not judgement.changed
    assert not found.changed
    reasons = describe(schema).bind(cells.columns).reasons
    order = [(row, reasons.index(reason)) for row, reason in found.faults.pairs]
    assert order == sorted(set(order))


@settings(max_examples=16, deadline=None)
@given(data=st.data())
def test_it_says_what_pandera_says_over_the_typed_view(data: st.DataObject) -> None:
    agrees(data)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_it_says_what_pandera_says_many_times_over(data: st.DataObject) -> None:
    agrees(data)


def test_a_check_of_rows_finds_blank_categories() -> None:
    check = pa.Check(lambda df: df["A"].notna(), name="filled", ignore_na=False)
    column = pa.Column(pd.CategoricalDtype(["a"]), nullable=True)
    found = judged(pa.DataFrameSchema({"A": column}, checks=check), A=["", "a", None])
    assert found == {0: ["_row:filled"], 2: ["_row:filled"]}


def test_an_answer_about_a_blank_cell_is_the_same_on_every_pandas() -> None:
    cells: dict[str, Any] = {"A": ["ab", "AB", ""], "B": ["1", "", "2"]}
    for check in (
        lambda s: s.str.islower(),
        lambda s: s.str.startswith("a"),
        lambda s: s.str.contains("a") & s.str.contains("b"),
        lambda s: s.str.lower() == s,
        lambda s: s.str.len().between(0, 2) & s.str.contains("b", regex=False) & (s != "AB"),
    ):
        column = pa.Column(str, pa.Check(check, ignore_na=False, name="mine"), nullable=True)
        schema = pa.DataFrameSchema({"A": column, "B": pa.Column("Int64", nullable=True)})
        assert judged(schema, **cells) == {1: ["A:mine"], 2: ["A:mine"]}
        rows = pa.Check(lambda df, check=check: check(df["A"]), ignore_na=False, name="mine")
        schema = pa.DataFrameSchema({"A": pa.Column(str, nullable=True)}, checks=rows)
        assert judged(schema, A=cells["A"]) == {1: ["_row:mine"], 2: ["_row:mine"]}
    unknown = pa.Column("Int64", pa.Check(lambda s: s > 1, ignore_na=False, name="mine"), nullable=True)
    assert judged(pa.DataFrameSchema({"B": unknown}), B=cells["B"]) == {0: ["B:mine"]}


def judged(schema: pa.DataFrameSchema, **cells: Sequence[str | None]) -> dict[int, list[str]]:
    """The reasons of each rejected row, in order."""
    found: dict[int, list[str]] = {}
    for row, reason in judge(schema, frame(**cells)).faults.pairs:
        found.setdefault(row, []).append(reason)
    return found


def frame(**cells: Sequence[str | None]) -> pl.DataFrame:
    return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))


def test_one_bad_number_hides_nothing() -> None:
    column = pa.Column("Int64", pa.Check.in_range(0, 120), coerce=True)
    assert judged(pa.DataFrameSchema({"AGE": column}), AGE=["x", "200", "", "12"]) == {
        0: ["AGE:coerce_dtype('Int64')"],
        1: ["AGE:in_range(0, 120)"],
        2: ["AGE:not_nullable"],
    }


def test_reasons_stand_in_the_contracts_order() -> None:
    row = pa.Check(lambda df: df["A"] < df["B"], name="a_below_b")
    schema = pa.DataFrameSchema(
        {"B": pa.Column(int, [pa.Check.lt(5), pa.Check.ne(7)]), "A": pa.Column(int, pa.Check.gt(10))},
        checks=row,
    )
    assert judged(schema, A=["9"], B=["7"]) == {
        0: ["B:less_than(5)", "B:not_equal_to(7)", "A:greater_than(10)", "_row:a_below_b"]
    }


def test_a_pattern_matches_as_panderas_does() -> None:
    """Prefix-only, `$` before a last line end, `\\d` in any script: pandera's word is final."""
    loose, exact = pa.Check.str_matches(r"\d{4}$"), pa.Check.str_matches(r"[0-9]{4}\Z")
    schema = pa.DataFrameSchema({"A": pa.Column(str, [loose, exact])})
    given = ["1234", "1234\n", "١٢٣٤", "12345"]
    names = [rule.name for rule in describe(schema).columns[0].checks]
    assert judged(schema, A=given) == {
        1: [f"A:{names[1]}"],
        2: [f"A:{names[1]}"],
        3: [f"A:{name}" for name in names],
    }
    schema = pa.DataFrameSchema({"A": pa.Column(str, pa.Check.str_matches("[0-9]{10}"))})
    assert judged(schema, A=["9876543210; DROP"]) == {}


def test_text_that_looks_like_null_is_text_and_an_empty_cell_is_null() -> None:
    schema = pa.DataFrameSchema({"A": pa.Column(str)})
    assert judged(schema, A=["NA", "null", "None", "nan", " ", "", None]) == {
        5: ["A:not_nullable"],
        6: ["A:not_nullable"],
    }


@pytest.mark.parametrize("report", [1, 2])
def test_n_failure_cases_lets_nothing_through(report: int) -> None:
    check = pa.Check.gt(5, n_failure_cases=report)
    assert len(judged(pa.DataFrameSchema({"A": pa.Column(int, check)}), A=["1", "1", "2", "3"])) == 4


def test_a_check_that_only_warns_rejects_nothing_and_says_nothing() -> None:
    check = pa.Check.gt(5, raise_warning=True)
    schema = pa.DataFrameSchema({"A": pa.Column(int, [check, pa.Check.lt(9)])})
    assert judged(schema, A=["1", "9"]) == {1: ["A:less_than(9)"]}


def test_integers_keep_their_dtype_and_their_last_digit() -> None:
    seen: list[str] = []

    def watched(series: Any) -> Any:
        seen.append(str(series.dtype))
        return series != 9007199254740993

    check = pa.Check(watched, name="exact")
    for dtype, cells, expected in (
        (int, ["9007199254740993"], "int64"),
        (int, ["9007199254740993", ""], "Int64"),
        ("Int64", ["9007199254740993"], "Int64"),
        ("uint8", ["7"], "uint8"),
        ("int64[pyarrow]", ["9007199254740993", ""], "int64[pyarrow]"),
        ("float32", ["7", ""], "float32"),
        ("Float64", ["7", ""], "Float64"),
        (bool, ["true"], "bool"),
        (bool, ["true", ""], "boolean"),
        (object, ["a", ""], "object"),
        (str, ["a", ""], TEXT),
        (None, ["a", ""], TEXT),
        ("date32[day][pyarrow]", ["2001-01-01", ""], "date32[day][pyarrow]"),
        ("datetime64[ns, UTC]", ["2001-01-01", ""], "datetime64[ns, UTC]"),
        ("category", ["a", ""], "category"),
    ):
        schema = pa.DataFrameSchema({"A": pa.Column(dtype, check, nullable=True)})
        assert list(judged(schema, A=cells)) == [0] * ("9007199254740993" in cells)
        assert seen[-1] == expected


def test_an_unknown_answer_rejects_no_row_whatever_the_others_are() -> None:
    check = pa.Check(lambda df: df["A"] < df["B"], name="below")
    schema = pa.DataFrameSchema({c: pa.Column("Int64", nullable=True) for c in "AB"}, checks=check)
    assert judged(schema, A=["1", "", "1"], B=["2", "2", ""]) == {}
    assert judged(schema, A=["1", "", "1", "2"], B=["2", "2", "", "1"]) == {3: ["_row:below"]}


def test_row_checks_of_every_shape() -> None:
    def both(df: Any) -> Any:
        return df.notna()

    schema = pa.DataFrameSchema(
        {c: pa.Column(str, nullable=True) for c in "AB"},
        checks=[
            pa.Check(both, name="all", ignore_na=False),
            pa.Check(lambda row: row["A"] != row["B"], element_wise=True, name="differ"),
            pa.Check(lambda df: df["EXTRA"] != "no", name="extra"),
        ],
    )
    assert judged(schema, A=["a", "a", "b"], B=["a", "", "a"], EXTRA=["x", "x", "no"]) == {
        0: ["_row:differ"],
        1: ["_row:all"],
        2: ["_row:extra"],
    }


PLANTED = "planted-919876543210"


def raising(*_: Any) -> Any:
    raise ValueError(PLANTED)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"A": pa.Column(str, pa.Check(lambda s: s is None, name="scalar"))}, "A:scalar"),
        ({"A": pa.Column(str, pa.Check(lambda s: s.str.len().mean() > 99, name="mean"))}, "A:mean"),
        ({"A": pa.Column(str, pa.Check(raising, name="boom"))}, "A:boom raised ValueError"),
        ({"A": pa.Column(str, pa.Check(raising, element_wise=True, name="each"))}, "A:each"),
        ({"A": pa.Column(str, pa.Check(lambda s: s[:1] == "", name="short"))}, "A:short"),
        ({"A": pa.Column(str, pa.Check.in_range(1, 2))}, "A:in_range(1, 2)"),
        ({"A": pa.Column(str, parsers=pa.Parser(raising))}, "raised ValueError"),
        (
            {"A": pa.Column(int, parsers=pa.Parser(raising), coerce=True)},
            "parser of column A raised ValueError",
        ),
        ({"A": pa.Column(str, parsers=pa.Parser(lambda s: s.map(list)))}, "parser of column A"),
        ({"A": pa.Column(str, parsers=pa.Parser(lambda s: s[1:]))}, "column A takes rows out"),
        ({"A": pa.Column(str, parsers=pa.Parser(lambda s: s[0]))}, "column A takes rows out"),
        ({"A": pa.Column(int, parsers=pa.Parser(lambda s: s[1:]), coerce=True)}, "column A takes rows out"),
    ],
)
def test_what_names_no_row_is_an_error_in_the_contract(schema: dict[str, pa.Column], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judge(pa.DataFrameSchema(schema), frame(A=[PLANTED, "b"]))
    assert said in str(caught.value)
    assert caught.value.hint
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_row_level_code_that_raises_or_drops_rows_is_an_error_in_the_contract() -> None:
    column = {"A": pa.Column(str, nullable=True)}
    for schema, said in (
        (pa.DataFrameSchema(column, checks=pa.Check(raising, name="boom")), "_row:boom"),
        (pa.DataFrameSchema(column, checks=pa.Check(lambda df: df["NONE"] == "", name="gone")), "KeyError"),
        (pa.DataFrameSchema(column, parsers=pa.Parser(lambda df: df.dropna())), "takes rows or columns out"),
        (pa.DataFrameSchema(column, parsers=pa.Parser(lambda df: df[[]])), "takes rows or columns out"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            judge(schema, frame(A=[PLANTED, None]))
        assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_no_value_is_logged_warned_or_printed(caplog: Any, capfd: Any, recwarn: Any) -> None:
    caplog.set_level(logging.DEBUG)
    checks = [pa.Check.str_matches("[0-9]"), pa.Check.str_length(max_value=2, raise_warning=True)]
    judged(pa.DataFrameSchema({"A": pa.Column(str, checks)}), A=[PLANTED, ""])
    assert PLANTED not in caplog.text + "".join(capfd.readouterr())
    assert not [each for each in recwarn if PLANTED in str(each.message)]


@pytest.mark.slow
def test_the_hosts_switches_change_nothing() -> None:
    program = """
        import pandera.pandas as pa, polars as pl
        from pipeline.contract import Contract
        from pipeline.contract.describe import describe
        from pipeline.contract.pandera_judge import Judge
        schema = pa.DataFrameSchema({"A": pa.Column(int, pa.Check.gt(5))})
        judge = Judge(Contract(describe(schema), schema, ""), ["A"])
        print(judge(pl.DataFrame({"A": ["7", "1", "", "x"]})).faults.pairs)
    """
    environment = os.environ | {
        "PANDERA_VALIDATION_ENABLED": "False",
        "PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY",
    }
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    expected = ((1, "A:greater_than(5)"), (2, "A:not_nullable"), (3, "A:coerce_dtype('int64')"))
    assert done.stdout.strip() == repr(expected)


def test_parsers_and_defaults_are_the_only_ones_to_change_text() -> None:
    schema = pa.DataFrameSchema(
        {
            "NAME": pa.Column(
                str, pa.Check.str_length(min_value=2), parsers=pa.Parser(lambda s: s.str.strip())
            ),
            "N": pa.Column("Int64", pa.Check.ge(5), default=5, nullable=True),
            "SUM": pa.Column(float, parsers=pa.Parser(lambda s: s.str.replace(",", "")), coerce=True),
            "TWICE": pa.Column(int, parsers=pa.Parser(lambda s: s * 2)),
            "SAME": pa.Column("Int64", parsers=pa.Parser(lambda s: s + 0), nullable=True, coerce=False),
            "PLAIN": pa.Column("datetime64[ns]", coerce=True),
        }
    )
    cells = frame(
        NAME=[" Ann", "Bo ", " c "],
        N=["", "007", "x"],
        SUM=["1,000.50", "7", "7,x"],
        TWICE=["1", "021", "-3"],
        SAME=["+07", "", "8"],
        PLAIN=["2001-01-01", "2001-01-01 10:00", "2001-01-01T10:00Z"],
    )
    judgement = judge(schema, cells)
    assert judgement.faults.pairs == (
        (2, "NAME:str_length(2, None)"),
        (2, "N:coerce_dtype('Int64')"),
        (2, "SUM:coerce_dtype('float64')"),
    )
    assert {name: series.to_list() for name, series in judgement.changed.items()} == {
        "NAME": ["Ann", "Bo", "c"],
        "N": ["5", "007", "x"],
        "SUM": ["1000.50", "7", "7x"],
        "TWICE": ["2", "42", "-6"],
    }


def test_a_parser_of_whole_rows() -> None:
    def full(df: Any) -> Any:
        return df.assign(NAME=df["FIRST"] + " " + df["LAST"])

    schema = pa.DataFrameSchema(
        {name: pa.Column(str, nullable=True) for name in ("FIRST", "LAST", "NAME")}, parsers=pa.Parser(full)
    )
    judgement = judge(schema, frame(FIRST=["A", "C"], LAST=["B", ""], NAME=["", "x"]))
    assert judgement.faults.pairs == ((1, "NAME:parser"),)  # what was there is not there any more
    assert {name: series.to_list() for name, series in judgement.changed.items()} == {"NAME": ["A B", None]}


def test_uniqueness_is_over_what_the_contract_made_of_the_cells() -> None:
    schema = pa.DataFrameSchema(
        {"A": pa.Column(str, parsers=pa.Parser(lambda s: s.str.lower()), unique=True)}
    )
    cells = frame(A=["a", "A", "b"])
    unique = Repeats(describe(schema).bind(cells.columns).uniques)
    unique.observe(examined(schema, cells).keys)
    assert pairs(unique.settle(0)) == ((0, "A:field_uniqueness"), (1, "A:field_uniqueness"))


def test_any_number_of_rows_in_any_batches_any_thread() -> None:
    from concurrent.futures import ThreadPoolExecutor

    schema = pa.DataFrameSchema({"A": pa.Column(int, pa.Check.lt(90)), "B_1": pa.Column(str, nullable=True)})
    cells = frame(A=[str(i % 100) for i in range(1000)], B_1=[None] * 1000)
    ours = Judge(Contract(describe(schema), schema, "contract.py"), cells.columns)
    whole = ours(cells).faults.pairs
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda start: ours(cells[start : start + 37]).faults.pairs, range(0, 1000, 37))
        pieces = [(start * 37 + row, why) for start, part in enumerate(parts) for row, why in part]
    assert tuple(pieces) == whole
    assert len(whole) == 100
    assert ours(cells[:0]).faults.pairs == ()


@pytest.mark.parametrize("column", ["names", "found", "changed", "cls", "self"])
def test_a_column_may_be_called_anything(column: str) -> None:
    schema = pa.DataFrameSchema({column: pa.Column(str, default="x")})
    cells = pl.DataFrame([pl.Series(column, [None], pl.String)])
    assert judge(schema, cells).changed[column].to_list() == ["x"]
