"""DataFrames as sources: the text a person would expect, the same cells as a CSV of that text."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read

from pipeline.csv.records import Malformed
from pipeline.errors import SourceError

CELLS = st.text(st.sampled_from('ab ,;"\n\ré漢😀\ufeff'), max_size=5)
# pyarrow 14 and 15 have no views.
VIEW = getattr(pa, "string_view", pa.string)()
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8)


def column(values: Any, **how: Any) -> list[str | None]:
    """The text of one pandas column, the same whether it is read at once or row by row."""
    frame = pd.DataFrame({"EMAIL": pd.Series(values, **how)})
    found = [row[0] for row in read(frame).rows]
    assert [row[0] for row in read(frame, slice_bytes=1).rows] == found
    return found


@given(ROWS, st.integers(1, 100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
def test_a_frame_of_text_is_read_like_its_csv(tmp_path: Path, rows: list[tuple[str, str]], size: int) -> None:
    names = ["EMAIL", "CITY"]
    path = tmp_path / "contacts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    from_csv = read(path)
    plain = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    sources: list[Any] = [
        pd.DataFrame(rows, columns=names),
        pd.DataFrame(rows, columns=names, dtype=object, index=[7] * len(rows)),
        pd.DataFrame(rows, columns=names).astype("string[pyarrow]"),
        pd.DataFrame(rows, columns=names).astype("category"),
        plain,
        plain.to_arrow(),
        pa.RecordBatchReader.from_batches(plain.to_arrow().schema, plain.to_arrow().to_batches(2)),
        plain.cast(pl.Binary).to_arrow(),
    ]
    staged = None
    for source in sources:
        got = read(source, slice_bytes=size)
        assert got.rows == from_csv.rows
        assert got.places == list(range(len(rows)))
        staged = staged or got.data
        assert got.data == staged


def test_numbers() -> None:
    assert column([1, None, 3]) == ["1", None, "3"]
    assert column([1.5, float("nan"), 919876543210.0]) == ["1.5", None, "919876543210"]
    assert column([1, None], dtype="Int64") == ["1", None]
    assert column([1.0, 0.1, None], dtype="Float32") == ["1", "0.1", None]
    assert column([1, None], dtype="int64[pyarrow]") == ["1", None]
    assert column([True, False]) == ["true", "false"]
    assert column([True, None], dtype="boolean") == ["true", None]
    assert column([Decimal("1.50"), Decimal("1E+2"), None]) == ["1.50", "100", None]
    assert column([2**63], dtype="uint64") == ["9223372036854775808"]
    assert column([0.5], dtype="float16") == ["0.5"]


def test_dates_and_times() -> None:
    days = [pd.Timestamp("2024-02-29"), pd.NaT]
    assert column(days) == ["2024-02-29", None]
    assert column([*days, pd.Timestamp("2024-02-29 00:00:01")]) == [
        "2024-02-29T00:00:00",
        None,
        "2024-02-29T00:00:01",
    ]
    assert column(days, dtype="datetime64[s]") == ["2024-02-29", None]
    assert column(days, dtype="timestamp[us][pyarrow]") == ["2024-02-29", None]
    assert column([dt.date(2024, 2, 29), None]) == ["2024-02-29", None]
    assert column([dt.date(2024, 2, 29)], dtype="date32[pyarrow]") == ["2024-02-29"]
    zoned = pd.Series([pd.Timestamp("2024-02-29T00:00:00+05:30"), pd.NaT])
    assert column(zoned) == ["2024-02-29T00:00:00+05:30", None]
    assert column(zoned.dt.tz_convert("UTC")) == ["2024-02-28T18:30:00+00:00", None]
    assert column(zoned.dt.tz_convert("America/New_York")) == ["2024-02-28T13:30:00-05:00", None]
    assert column(pd.Series(days).astype("category")) == ["2024-02-29", None]


def test_text_categories_bytes_and_nothing() -> None:
    assert column(["a", None, pd.NA, np.nan, "NA", ""]) == ["a", None, None, None, "NA", None]
    assert column(pd.Categorical(["b", None, "a", "b"])) == ["b", None, "a", "b"]
    assert column(pd.Categorical([10, None, 2])) == ["10", None, "2"]
    assert column([b"a", "b", 1, 2.0, True, None]) == ["a", "b", "1", "2", "true", None]
    assert column([b"\xc3\xa9", b"b"]) == ["é", "b"]
    assert column([None, None]) == [None, None]
    assert column([], dtype=object) == []


def test_polars_and_arrow_types() -> None:
    frame = pl.DataFrame(
        {
            "EMAIL": pl.Series(["a", None], dtype=pl.Categorical),
            "N": pl.Series([1, None], dtype=pl.Int128),
            "D": [dt.date(2024, 2, 29), None],
            "T": pl.Series([dt.datetime(2024, 2, 29), None]).dt.replace_time_zone("Asia/Kolkata"),
        }
    )
    assert read(frame).rows == [("a", "1", "2024-02-29", "2024-02-29T00:00:00+05:30"), (None,) * 4]
    table = pa.table(
        {
            "d": pa.array([1, None, 1]).dictionary_encode(),
            "x": pa.array([Decimal("1.5"), None, None], pa.decimal256(50, 2)),
            "m": pa.array([0, None, 1], pa.timestamp("s", "-01:30")),
            "e": pa.array([0, None, 86_400_000], pa.date64()),
            "v": pa.array(["a", None, "b"], VIEW),
        }
    )
    assert read(table).rows == [
        ("1", "1.50", "1969-12-31T22:30:00-01:30", "1970-01-01", "a"),
        (None,) * 5,
        ("1", None, "1969-12-31T22:30:01-01:30", "1970-01-02", "b"),
    ]


def test_rows_that_are_no_text_are_malformed() -> None:
    frame = pd.DataFrame(
        {"EMAIL": ["a", b"\xff", "c\0", "d", "\ud800"], "CITY": ["x", "y,z", "\0", None, ""]}, dtype=object
    )
    for size in (1, 64, None):
        got = read(frame, slice_bytes=size)
        assert (got.rows, got.places, got.data) == ([("a", "x"), ("d", None)], [0, 3], b"a,x\nd,\n")
        assert [(m.place, m.reason, m.raw) for m in got.malformed] == [
            (1, "encoding", b'\\xff,"y,z"'),
            (2, "nul", b"c\\x00,\\x00"),
            (4, "encoding", b"\\ud800,"),
        ]
    assert read(frame).malformed[2] == Malformed(4, 2, "encoding", b"\\ud800,")
    bad = pd.DataFrame({"EMAIL": pd.Categorical([b"a", b"\xff", None, b"\xff"])})
    assert read(bad).reasons == {1: "encoding", 3: "encoding"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, 2.0**54], "row 1"),
        ([1.0, float("inf")], "row 1"),
        (["a", 2.0**54], "row 1"),
        (["a", ["b"]], "row 1"),
        ([[1], [2]], "type list"),
        (pd.to_timedelta([1, 2]), "type"),
        (pd.period_range("2024", periods=2), "period"),
        ([1j, 2j], "type complex"),
        (pd.arrays.SparseArray([0, 1]), "Sparse"),
    ],
)
def test_values_without_certain_text_are_refused(values: Any, says: str) -> None:
    frame = pd.DataFrame({"CITY": ["a", "b"], "EMAIL": values})
    for size in (1, None):
        with pytest.raises(SourceError) as caught:
            read(frame, slice_bytes=size)
        assert "'EMAIL'" in caught.value.message
        assert says in caught.value.message
        assert "18014398509481984" not in str(caught.value)


def test_polars_and_arrow_types_without_text() -> None:
    nested = pl.DataFrame({"EMAIL": [[1]]})
    for source in (nested, nested.to_arrow(), pl.DataFrame({"EMAIL": [object()]})):
        with pytest.raises(SourceError, match="'EMAIL'"):
            read(source)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame([[1, 2]]), "column 1 is no text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns 1 and 2"),
        (pd.DataFrame([[1, 2]], columns=["", " "]), "names no column"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), "column 1"),
        (pd.DataFrame(), "no columns"),
        (pa.table([[1], [2]], names=["a", "a"]), "columns 1 and 2"),
        (pl.DataFrame(), "no columns"),
    ],
)
def test_columns_that_are_no_header(frame: Any, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(frame)


def test_an_empty_frame_has_no_records() -> None:
    for frame in (pd.DataFrame({"EMAIL": []}), pl.DataFrame({"EMAIL": []}), pa.table({"EMAIL": []})):
        got = read(frame)
        assert (got.rows, got.header.columns, got.size) == ([], ("EMAIL",), 0)


def test_mapping_kept_columns_and_places() -> None:
    frame = pd.DataFrame({"E-mail": ["a", None], "X": [1, 2]}, index=[5, 5])
    got = read(frame, columns={"E-mail": "EMAIL"}, resolve=lambda *_: (0,))
    assert (got.header.staged, got.rows, got.data) == (("EMAIL",), [("a", "1"), (None, "2")], b"a,1\n,2\n")
    assert (got.places, got.size, sum(got.sizes)) == ([0, 1], 2, 2)


def test_a_rejects_file_read_as_a_frame() -> None:
    frame = pd.DataFrame(
        {"EMAIL": ["a", None], "_line": ["3", "4"], "_reasons": "x:y", "_raw": [None, "q,\u00e9"]}
    )
    got = read(frame)
    assert (got.header.names, got.rows) == (("EMAIL",), [("a",)])
    assert got.malformed == [Malformed(4, 1, "not_mended", "q,é".encode())]
    assert got.places == [3]


def test_a_stream_that_breaks_off_is_told() -> None:
    def batches() -> Any:
        yield pa.record_batch({"EMAIL": ["secret"]})
        raise OSError("secret")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"EMAIL": pa.string()}), batches())
    with pytest.raises(SourceError, match="cannot be read to its end") as caught:
        read(reader)
    assert "secret" not in str(caught.value)
