"""The typed view equals the slow one, on text made to be nearly right and on any text at all."""

from __future__ import annotations

import re
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import BAD, value_of

from pipeline.contract import typed
from pipeline.contract.rules import CellType

TYPES = [
    CellType(),
    *(CellType("integer", bits=bits, signed=signed) for bits in (8, 32, 64) for signed in (True, False)),
    CellType("decimal"),
    CellType("decimal", bits=32),
    CellType("boolean"),
    CellType("date"),
    *(CellType("datetime", unit=unit) for unit in ("ms", "us", "ns")),
    CellType("datetime", zone="UTC"),
    CellType("datetime", unit="us", zone="Europe/Berlin"),
    CellType("category"),
    CellType("category", categories=("a", "true", "12")),
]

_day = r"(?:[0-2][0-9]{3}|19[0-9]{2}|20[0-2][0-9])-[01][0-9]-[0-3][0-9]"
_zone = "(?:Z|z|[+-][0-2][0-9]:?[0-6][0-9])"
_shapes = (
    r"[+-]?[0-9]{1,4}",
    r"[+-]?(?:922337203685477580[0-9]|1844674407370955161[0-9]|0{0,30}[0-9]{1,22})",
    r"[+-]?[0-9]{0,3}\.?[0-9]{0,3}(?:[eE][+-]?[0-9]{1,3})?",
    r"[+-]?[0-9]{30,320}(?:\.[0-9]+)?",
    r"[0-9]{1,40}\.[0-9]{1,40}",
    r"(?i:true|false|tru|yes|1)",
    _day,
    rf"{_day}[T t][0-2][0-9]:[0-6][0-9](?::[0-6][0-9](?:\.[0-9]{{1,10}})?)?{_zone}?",
    r"(?:inf|nan|NA|null|-|\+|0x1|1_000|1,5)",
)
near = st.one_of(*(st.from_regex(shape, fullmatch=True) for shape in _shapes))
spoilt = st.tuples(near, st.integers(0, 40), st.sampled_from(" \n\t٣０Ａſ'\"\0é")).map(
    lambda it: it[0][: it[1]] + it[2] + it[0][it[1] :]
)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
cells = st.lists(st.one_of(st.none(), st.just(""), near, near, spoilt, any_text), min_size=1, max_size=60)


def ticks(values: pl.Series) -> list[Any]:
    return values.to_physical().to_list() if values.dtype == pl.Datetime else values.to_list()


@pytest.mark.parametrize("type_", TYPES, ids=str)
@settings(max_examples=12, deadline=None)
@given(cells=cells)
def test_the_view_is_the_slow_one(type_: CellType, cells: list[str | None]) -> None:
    if type_.zone:  # polars knows no summer time from 2100 on, Python does: polars' word counts
        cells = [text for text in cells if not re.match("2[1-9]", text or "")]
    values, faults = typed.view(pl.DataFrame({"c": cells}, schema={"c": pl.String}), {"c": type_})
    expected = [value_of(text, type_) for text in cells]
    assert faults["c"].to_list() == [value is BAD for value in expected]
    assert ticks(values["c"]) == [None if value is BAD else value for value in expected]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@settings(max_examples=50, deadline=None)
@given(
    cells=st.lists(st.one_of(st.none(), st.just(""), st.from_regex(_day, fullmatch=True), spoilt, any_text))
)
@example(
    cells=["0000-01-01", "0001-01-01", "1677-09-20", "1677-09-22", "2262-04-11", "2262-04-12", "9999-12-31"]
)
def test_days_are_what_they_are_among_moments(
    unit: Literal["ms", "us", "ns"], cells: list[str | None]
) -> None:
    type_ = CellType("datetime", unit=unit)
    short = pl.DataFrame({"c": [text if len((text or "").encode()) <= 10 else None for text in cells]})
    text = pl.col("c").cast(pl.String)
    quick = typed.quick(text, type_)
    assert quick is not None
    days = short.select(quick).to_series()
    moments = short.select(typed.value(text, type_).dt.to_string("%Y-%m-%d")).to_series()
    assert moments.filter(days.is_not_null()).equals(days.drop_nulls())
    usual = short.select(
        text.str.contains(r"^(1[7-9]|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$")
    ).to_series()
    assert not (usual & days.is_null()).any()


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (
            CellType("integer"),
            ["0", "+12", "-007", "9223372036854775807"],
            ["9223372036854775808", "12.0", "1e2", " 12", "12 ", "12\n", "٣", "１２", "1_0", "+", ""],
        ),
        (CellType("integer", signed=False), ["-0", "18446744073709551615"], ["-1"]),
        (
            CellType("decimal"),
            ["1", "-1.50", "007.0"],
            [".5", "5.", "1e3", "inf", "nan", "NaN", "1,5", "1" + "0" * 400],
        ),
        (CellType("boolean"), ["true", "FALSE", "tRue"], ["falſe", "yes", "1", "T"]),
        (
            CellType("date"),
            ["2000-02-29", "0001-01-01", "9999-12-31"],
            ["2001-02-29", "1900-02-29", "0000-01-01", "2001-2-9", "2001-02-28T00:00", "31/12/1990"],
        ),
        (
            CellType("datetime"),
            [
                *("2024-02-29", "2024-02-29T10:11", "2024-02-29 10:11:12.5+05:30", "2024-02-29T10:11Z"),
                *("2024-02-29 10:11:12+00", "2024-02-29 10:11:12.000 -0800", "2024-02-29 10:11 UTC"),
            ],
            [
                "2024-02-29 10:11+5",
                "2024-02-29 10:11+0560",
                "2024-02-29+00",
                "2024-02-29 10:11 CET",
                "2024-02-29T24:00",
                "2024-02-29T10:11:60",
                "2024-02-29t10:11",
                "2024-02-29T10",
                "1677-01-01",
                "2263-01-01",
            ],
        ),
        (CellType("text"), ["NA", "null", " "], []),
    ],
    ids=lambda value: value.kind if isinstance(value, CellType) else None,
)
def test_what_is_a_value_and_what_is_not(type_: CellType, good: list[str], bad: list[str]) -> None:
    values, faults = typed.view(pl.DataFrame({"c": good + bad}), {"c": type_})
    assert faults["c"].to_list() == [False] * len(good) + [text != "" for text in bad]
    assert values["c"].is_null().to_list() == [False] * len(good) + [True] * len(bad)


def test_every_way_to_write_an_offset_is_the_same_moment() -> None:
    noon = [
        "2024-02-29T12:00:00Z",
        "2024-02-29 12:00 UTC",
        "2024-02-29 17:30:00+05:30",
        "2024-02-29 17:30 +0530",
    ]
    noon += ["2024-02-29T04:00:00.000 -0800", "2024-02-29 13:00:00+01", "2024-02-29 12:00:00.0+00:00"]
    for zone in (None, "UTC", "Europe/Berlin"):
        values, faults = typed.view(pl.DataFrame({"c": noon}), {"c": CellType("datetime", zone=zone)})
        assert not faults["c"].any()
        assert values["c"].n_unique() == 1
