"""A DataFrame's values as text."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.csv.text import NoTextError, of_objects, of_series, of_zoned
from pipeline.read.columns import arrow_text

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))


def texts(values: Any, **how: Any) -> list[str | None]:
    found = of_series(pl.Series(values, **how))
    assert not found.undecodable
    return found.cells.to_list()


@given(st.lists(st.floats(allow_infinity=False).filter(lambda x: not abs(x) >= 2**53)))
@example([-0.0, 1e-7, 5e-324, 0.1, -2.5, 1e15, float("nan")])
def test_floats_keep_their_value_and_show_no_exponent(values: list[float]) -> None:
    for value, text in zip(values, texts(values, dtype=pl.Float64), strict=True):
        if math.isnan(value):
            assert text is None
            continue
        assert text is not None
        assert set(text) <= set("-0123456789.")
        assert float(text) == value
        assert ("." in text) == (value != int(value))


@given(st.floats(width=32, allow_nan=False, min_value=-(2**24) + 1, max_value=2**24 - 1))
def test_floats_of_32_bits_show_their_own_shortest_digits(value: float) -> None:
    (text,) = texts([value], dtype=pl.Float32)
    assert text is not None
    assert np.float32(text) == np.float32(value)
    assert len(text.strip("-0.").replace(".", "")) <= 9


@given(
    st.floats() | st.floats(-(2.0**54), 2.0**54), st.sampled_from([float, np.float64, np.float32, np.float16])
)
@example(-0.0, float)
@example(5e-324, float)
@example(1e22, float)
@example(16777217.0, np.float32)
@example(0.1, np.float16)
def test_a_float_among_objects_is_what_it_is_in_a_column(number: float, kind: Any) -> None:
    with np.errstate(over="ignore"):
        value = kind(number)
    try:
        expected: Any = arrow_text(pa.array(np.array([value]), from_pandas=True)).cells.to_list()
    except NoTextError as error:
        expected = error.why
    try:
        found: Any = of_objects([value]).cells.to_list()
    except NoTextError as error:
        found = error.why
    assert found == expected


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [(np.float64, 2.0**53 - 1), (np.float32, 2.0**24 - 1), (np.float16, 2.0**11 - 1)],
)
def test_floats_that_may_have_lost_digits_are_refused(dtype: Any, largest: float) -> None:
    def cells(*values: float) -> list[str | None]:
        return arrow_text(pa.array(np.array(values, dtype), from_pandas=True)).cells.to_list()

    assert cells(largest, -largest, math.nan) == [f"{largest:.0f}", f"-{largest:.0f}", None]
    for value in (largest + 1, -largest - 1, float("inf"), -float("inf")):
        with pytest.raises(NoTextError) as caught:
            cells(math.nan, 1.0, value)
        assert caught.value.row == 2


@pytest.mark.skipif(not hasattr(pl, "Float16"), reason="this polars has no Float16")
def test_halves_of_polars_are_floats_of_16_bits() -> None:
    assert texts([0.1, 2047.0, None], dtype=pl.Float16) == ["0.099975586", "2047", None]
    with pytest.raises(NoTextError):
        texts([2048.0], dtype=pl.Float16)


def test_columns_of_one_type() -> None:
    moment = dt.datetime(2024, 2, 29, 13, 5)
    half = moment.replace(microsecond=500_000)
    assert texts([1, None, -3], dtype=pl.Int8) == ["1", None, "-3"]
    assert texts([2**63], dtype=pl.UInt64) == ["9223372036854775808"]
    assert texts([True, False, None]) == ["true", "false", None]
    assert texts([Decimal("1.50"), Decimal("1E+3")], dtype=pl.Decimal(20, 2)) == ["1.50", "1000.00"]
    assert texts([dt.date(2024, 2, 29), None]) == ["2024-02-29", None]
    assert texts([moment, half]) == ["2024-02-29T13:05:00", "2024-02-29T13:05:00.500"]
    there = moment.replace(tzinfo=IST)
    assert texts([there], dtype=pl.Datetime("ns", "Asia/Kolkata")) == ["2024-02-29T13:05:00+05:30"]
    assert texts([moment], dtype=pl.Datetime("ms", "UTC")) == ["2024-02-29T13:05:00+00:00"]
    assert texts([dt.time(1, 2, 3)]) == ["01:02:03"]
    assert texts(["b", "a", None], dtype=pl.Categorical) == ["b", "a", None]
    assert texts(["b"], dtype=pl.Enum(["a", "b"])) == ["b"]
    assert texts([None, None], dtype=pl.Null) == [None, None]
    assert texts([b"\xc3\xa9", None]) == ["é", None]
    assert texts([" x ", "00123", "NA"]) == [" x ", "00123", "NA"]


def test_bytes_that_are_no_text_are_told() -> None:
    found = of_series(pl.Series([b"a", b"\xff\xc3\xa9", None, b"\x80"]))
    assert found.undecodable == [1, 3]
    assert found.cells.to_list() == ["a", "\\xffé", None, "\\x80"]


@pytest.mark.parametrize(
    "values", [[[1]], [{"a": 1}], [dt.timedelta(1)], pl.Series([object()], dtype=pl.Object)]
)
def test_types_without_text_are_refused(values: Any) -> None:
    with pytest.raises(NoTextError, match="no text form"):
        texts(values)


def test_a_fixed_offset_is_kept() -> None:
    utc = pl.Series([dt.datetime(2024, 1, 1, 20), None])
    assert of_zoned(utc, dt.timedelta(hours=5, minutes=30)).cells.to_list() == [
        "2024-01-02T01:30:00+05:30",
        None,
    ]
    assert of_zoned(utc, -dt.timedelta(minutes=90)).cells[0] == "2024-01-01T18:30:00-01:30"


def test_values_of_mixed_types() -> None:
    values = {
        None: None, "": None, "a": "a", b"b": "b", True: "true", np.bool_(False): "false", 7: "7",
        10**30: "1" + "0" * 30, 2.0: "2", 0.5: "0.5", 1e-7: "0.0000001", np.float32(0.1): "0.1",
        np.int8(3): "3", pd.NA: None, Decimal("1E+3"): "1000", Decimal("1.50"): "1.50",
        dt.date(2024, 1, 2): "2024-01-02", dt.datetime(2024, 1, 2): "2024-01-02T00:00:00",
        dt.datetime(2024, 1, 2, 3, 4, 5, 500_000, IST): "2024-01-02T03:04:05.500+05:30",
        pd.Timestamp("2024-01-02 03:04:05.123456789"): "2024-01-02T03:04:05.123456789",
        pd.Timestamp("2024-01-02 03:04:05.123456").as_unit("ns"): "2024-01-02T03:04:05.123456",
        np.datetime64("2024-01-02"): "2024-01-02", dt.time(1, 2): "01:02:00",
        np.str_("x"): "x", "\ufffd": "\ufffd", UUID(int=1): str(UUID(int=1)),
    }  # fmt: skip
    nothing = [float("nan"), np.float64("nan"), np.datetime64("NaT", "ns"), pd.NaT, Decimal("nan"), b""]
    found = of_objects([*values, *nothing])
    assert found.cells.to_list() == [*values.values(), *[None] * len(nothing)]
    assert not found.undecodable


def test_mixed_values_that_are_no_text_are_told() -> None:
    found = of_objects(["a", b"\xff", "x\ud800", b"\xef\xbf\xbd"])
    assert found.undecodable == [1, 2]
    assert found.cells.to_list() == ["a", "\\xff", "x\\ud800", "\ufffd"]


@pytest.mark.parametrize(
    "value",
    [[1], {}, object(), float("inf"), 2.0**54, 1j, np.array([1, 2]), dt.timedelta(1), Decimal("inf"),
     np.complex64(1), np.timedelta64(1, "D")],
)  # fmt: skip
def test_values_without_text_are_refused(value: Any) -> None:
    with pytest.raises(NoTextError) as caught:
        of_objects(["a", value])
    assert caught.value.row == 1
