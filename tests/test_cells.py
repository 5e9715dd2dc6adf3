"""Records to cells and back: polars and the careful tokenizer must agree, and no byte may get lost."""

from __future__ import annotations

import csv
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.csv import cells, escapes
from pipeline.csv.cutting import cut
from pipeline.csv.dialect import Dialect

DIALECTS = [Dialect(), Dialect(";", "'"), Dialect("\t", ""), Dialect("|", '"', "\\")]
PIECES = [b"a", b" ", b",", b",", b";", b"\t", b"|", b'"', b'""', b'"a,"', b"'", b"\n", b"\n", b"\r\n", b"\r"]
STRANGE = [b"\xc3\xa9", b"\xff", b"\xed\xb2\x80", b"\0", b"\xef\xbb\xbf", b"#", b"\\"]
texts = st.lists(st.sampled_from(PIECES + STRANGE), max_size=40).map(b"".join)

ESCAPING = [Dialect(",", '"', "\\"), Dialect(",", "", "\\"), Dialect("N", '"', "\\"), Dialect(",", "N", "\\")]
ESCAPES = [
    b"a",
    b"N",
    b",",
    b",",
    b"\\N",
    b",\\N,",
    b'"',
    b'"a\\N',
    b"\\",
    b"\\,",
    b"\n",
    b"\n",
    b"\r\n",
    b"\xc3",
    b"\xa9",
    b"\0",
    b"\x01",
    bytes(escapes.CONTROLS[4:]),  # then there are not enough left for marks
]
escaping = st.lists(st.sampled_from(ESCAPES), max_size=30).map(b"".join)

ALPHABET = "abé漢😀 ,;\"\n\r'\ufeff\\\t#|"
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(st.text(st.sampled_from(ALPHABET), max_size=6), min_size=width, max_size=width), max_size=8
    )
)


def frame(rows: list[list[str]]) -> pl.DataFrame:
    width = len(rows[0]) if rows else 1
    columns = [[row[i] or None for row in rows] for i in range(width)]
    return pl.DataFrame({f"c{i}": pl.Series(column, dtype=pl.String) for i, column in enumerate(columns)})


@given(texts, st.sampled_from(DIALECTS), st.integers(1, 3))
@example(b"a\n\xef\xbb\xbfb\n", Dialect(), 1)
@example(b"\xef\xbb\xbfa\n", Dialect(), 1)
@example(b"\xef\xbb\xbf,\na\na\na\n", Dialect(), 2)
@example(b'""\n\n""\n', Dialect(), 1)
def test_each_record_is_read_as_the_careful_tokenizer_reads_it_or_broken(
    data: bytes, dialect: Dialect, width: int
) -> None:
    check_reading(data, dialect, width)


@given(escaping, st.sampled_from(ESCAPING), st.integers(1, 3))
@example(b'"a,\\N,b"\n\\N\n\\NN\n"\\N"\na\\N\n', ESCAPING[0], 1)
@example(b"\\\\N,\\\\,\\\\\\N\n\\\\\\\\,\\,,\\\\\\,\n", ESCAPING[0], 3)
@example(b"a\\\r\nb,\\\n\n\xc3\\\xa9,\\\xc3\xa9\n", ESCAPING[0], 2)
def test_escapes_are_read_as_the_careful_tokenizer_reads_them(
    data: bytes, dialect: Dialect, width: int
) -> None:
    check_reading(data, dialect, width)


def check_reading(data: bytes, dialect: Dialect, width: int) -> None:
    records = cut(data, dialect, 1000, width=width).records
    carefully = cut(data, dialect, 1000).records
    assert records.malformed == carefully.malformed
    for one in ("data", "starts", "ends", "stops", "places"):
        assert np.array_equal(getattr(records, one), getattr(carefully, one))
    columns = [f"c{i}" for i in range(width)]
    read, left = cells.parse(records, dialect, columns)
    assert cells.parse(records, dialect, columns, columns[-1:])[0].equals(read.select(columns[-1:]))
    rows, broken = [], {one.place: one.reason for one in records.malformed}
    for line, start, end in zip(records.places, records.starts, records.ends, strict=True):
        raw = records.data[start:end]
        fields = dialect.fields(raw)
        try:
            raw.decode()
            text = [field.decode() or None for field in fields]
        except UnicodeDecodeError:
            broken[int(line)] = "encoding"
            continue
        if b"\0" in raw or len(fields) != width:
            broken[int(line)] = "nul" if b"\0" in raw else "field_count"
        else:
            rows.append(tuple(text))
    assert read.rows() == rows
    assert {one.place: one.reason for one in left.malformed} == broken
    assert len(left) == len(rows)


@given(tables)
def test_what_polars_reads_fast_is_what_the_careful_tokenizer_reads(rows: list[list[str]]) -> None:
    written = cells.write(frame(rows))
    columns = [f"c{i}" for i in range(len(rows[0]) if rows else 1)]
    assert cells.parse_carefully(written, Dialect(), columns).equals(frame(rows))
    assert cells.parse(written, Dialect(), columns)[0].equals(frame(rows))


@given(tables)
def test_written_records_are_what_the_csv_module_reads(rows: list[list[str]]) -> None:
    written = cells.write(frame(rows))
    text = io.StringIO(written.data.decode(), newline="")
    assert list(csv.reader(text, strict=True)) == rows
    assert written.data == b"".join(
        written.data[a:b] for a, b in zip(written.starts, written.stops, strict=True)
    )


def test_quoted_only_where_it_must_be() -> None:
    table = frame([["a b", ",", '"'], [" x ", "\r", "\n"], ["", "", "'"]])
    assert cells.write(table).data == b'a b,",",""""\n x ,"\r","\n"\n,,\'\n'
    assert cells.write(frame([["a"], [""]])).data == b'a\n""\n'
    assert cells.write(frame([])).data == b""


def test_a_parser_that_loses_something_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    records = cut(b"a,b\nc,d\n", Dialect(), 100).records
    monkeypatch.setattr(pl, "read_csv", lambda *_, **__: pl.DataFrame({"x": ["a"], "y": ["b"]}))
    with pytest.raises(RuntimeError, match="2 records as 1 rows"):
        cells.parse(records, Dialect(), ["x", "y"])


@pytest.mark.parametrize("bad", [b"a", b"a,b,c", b"a,\xff", b"\xed\xa0\x80,", b"a,\0"])
@pytest.mark.parametrize("place", [0, 30_000, 60_000])
def test_one_bad_record_among_many(bad: bytes, place: int) -> None:
    rows = [b'%d,"x, %d"' % (i, i) for i in range(60_000)]
    rows.insert(place, bad)
    records = cut(b"\n".join(rows), Dialect(), 1000).records
    read, left = cells.parse(records, Dialect(), ["n", "x"])
    assert [one.place for one in left.malformed] == [place + 1]
    assert read["n"].to_list() == [str(i) for i in range(60_000)]
    assert read["x"][-1] == "x, 59999"
