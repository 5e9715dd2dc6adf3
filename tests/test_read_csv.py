"""CSV files as others write them: every record is read or told as malformed, and no cell differs."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import Read, keep_all, read, source_config

from pipeline.csv.records import Malformed
from pipeline.errors import SourceError
from pipeline.read import open_source, stream

CELLS = st.text(st.sampled_from("ab ,;\"\n\r\t'é漢😀|#\ufeff"), max_size=6)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8)
each_file_anew = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "contacts.csv"


def read_bytes(path: Path, data: bytes, **how: Any) -> Read:
    path.write_bytes(data)
    return read(path, **how)


def fails(path: Path, data: bytes, *says: str, **how: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read_bytes(path, data, **how)
    for words in says:
        assert words in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_a_plain_file_passes_through_as_it_is(path: Path) -> None:
    body = b'a@b.c,+1,"Pune, IN"\nd@e.f,,"say ""hi"""\n'
    got = read_bytes(path, b"EMAIL,MOBILE,CITY\n" + body)
    assert got.header.names == got.header.columns == got.header.staged == ("EMAIL", "MOBILE", "CITY")
    assert got.rows == [("a@b.c", "+1", "Pune, IN"), ("d@e.f", None, 'say "hi"')]
    assert got.places == [2, 3]
    assert got.data == body
    assert sum(got.sizes) == got.size == path.stat().st_size


def test_malformed_records_are_told_in_their_place(path: Path) -> None:
    lines = [
        b"EMAIL,MOBILE",
        b"a,1",
        b'b,"2',
        b"c,3,x",
        b"",
        b"d\xff,4",
        b"e,\0",
        b'"f\ng",5',
        b"h",
        b"x" * 70,
    ]
    got = read_bytes(path, b"\n".join([*lines, b""]), max_record_bytes=64)
    assert got.rows == [("a", "1"), ("f\ng", "5")]
    assert got.places == [2, 8]
    assert got.malformed == [
        Malformed(3, 1, "quote", b'b,"2'),
        Malformed(4, 1, "field_count", b"c,3,x"),
        Malformed(6, 1, "encoding", b"d\\xff,4"),
        Malformed(7, 1, "nul", b"e,\\x00"),
        Malformed(10, 2, "field_count", b"h"),
        Malformed(11, 2, "too_long", b"x" * 70),
    ]
    assert got.data == b'a,1\n"f\ng",5\n'


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [b"", b"END"])
def test_line_ends_change_nothing(path: Path, end: bytes, last: bytes) -> None:
    text = b'EMAIL,CITYENDa,"x\r\ny\rz\n"ENDENDb,cENDbad"ENDd,' + last
    got = read_bytes(path, text.replace(b"END", end))
    assert got.rows == [("a", "x\r\ny\rz\n"), ("b", "c"), ("d", None)]
    assert got.places == [2, 7, 9]
    assert got.reasons == {8: "quote"}
    assert got.data == b'a,"x\r\ny\rz\n"\nb,c\nd,\n'


@pytest.mark.slow
@given(
    ROWS,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030"]),
    st.integers(1, 200),
)
@each_file_anew
def test_neither_dialect_nor_encoding_nor_slices_change_what_is_read(
    tmp_path: Path, rows: list[list[str]], delimiter: str, quote: str, end: str, encoding: str, size: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["EMAIL", "CITY"], *rows])
    got = read_bytes(
        tmp_path / "x.csv",
        out.getvalue().encode(encoding),
        delimiter=delimiter,
        quotechar=quote,
        encoding=None if encoding.startswith("utf-8") else encoding,
        slice_bytes=size,
    )
    assert got.malformed == []
    assert got.rows == [tuple(cell or None for cell in row) for row in rows]
    text = io.StringIO(got.data.decode(), newline="")
    assert list(csv.reader(text, strict=True)) == rows


@pytest.mark.slow
@given(st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r\n", b"\r", b"\xff", b"\0"])).map(b"".join))
@each_file_anew
def test_slices_change_nothing_whatever_is_in_the_file(tmp_path: Path, data: bytes) -> None:
    whole = read_bytes(tmp_path / "x.csv", b"EMAIL,CITY\n" + data)
    for size in (1, 2, 7, 30):
        with patch.object(stream, "_HEAD", 16):
            part = read(tmp_path / "x.csv", slice_bytes=size)
        assert (part.rows, part.places, part.records) == (whole.rows, whole.places, whole.records)
        assert [(m.place, m.reason, m.raw) for m in part.malformed] == [
            (m.place, m.reason, m.raw) for m in whole.malformed
        ]
        assert sum(part.sizes) <= len(data) + 11


def test_a_file_is_read_to_the_end_of_a_line_if_one_is_near(path: Path) -> None:
    lines = [b"x" * (i % 90) + b"\n" for i in range(2_000)]
    path.write_bytes(data := b"".join(lines) + b"y" * 50)
    with patch.object(stream, "_HEAD", 100), stream.open_stream(str(path)) as opened:
        opened.decode(None)
        pieces = list(iter(lambda: opened.read(1_000), b""))
    assert b"".join(pieces) == data
    in_lines = [piece.endswith(b"\n") and 900 < len(piece) <= 1_000 for piece in pieces]
    assert all(in_lines[:-1])


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a", "é", ",", '"', "\n", "\r\n", "\udcff", "ſ"])).map("".join))
@each_file_anew
def test_bytes_that_are_no_text_cost_their_record_only(tmp_path: Path, text: str) -> None:
    data = ("EMAIL,CITY\n" + text).encode("shift_jis", "replace").replace(b"?", b"\x81\x20")
    whole = read_bytes(tmp_path / "x.csv", data, encoding="shift_jis")
    for size in (1, 3, 10):
        part = read(tmp_path / "x.csv", encoding="shift_jis", slice_bytes=size)
        assert (part.rows, part.places, part.reasons) == (whole.rows, whole.places, whole.reasons)


def test_undecodable_bytes_of_another_encoding_are_shown(path: Path) -> None:
    got = read_bytes(path, b"EMAIL,CITY\na,\x81\nb,\x80\n", encoding="cp1252")
    assert got.rows == [("b", "€")]
    assert got.malformed == [Malformed(2, 0, "encoding", b"a,\\x81")]
    odd = "EMAIL,CITY\na,b\n".encode("utf-16-le") + b"\x00"
    assert read_bytes(path, odd, encoding="utf-16-le").malformed[0].raw == b"\\x00"


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(path: Path, mark: str) -> None:
    got = read_bytes(path, "EMAIL,CITY\na,Zürich\n".encode(mark), slice_bytes=1)
    assert got.header.names == ("EMAIL", "CITY")
    assert got.rows == [("a", "Zürich")]
    assert got.data == "a,Zürich\n".encode()


def test_a_mark_that_is_not_at_the_start_is_text(path: Path) -> None:
    got = read_bytes(path, "EMAIL\n\ufeffa\n\ufeffb\n".encode(), slice_bytes=1)
    assert got.rows == [("\ufeffa",), ("\ufeffb",)]


def test_records_have_columns_that_are_not_staged_too(path: Path) -> None:
    got = read_bytes(path, b'EMAIL,X,CITY\na,"1,2",c\n', resolve=lambda *_: (0, 2))
    assert got.header.staged == ("EMAIL", "CITY")
    assert got.rows == [("a", "1,2", "c")]
    assert got.data == b'a,"1,2",c\n'


def test_header_names_are_mapped(path: Path) -> None:
    got = read_bytes(path, b" E-mail ,City\na,b\n", columns={"E-mail": "EMAIL", "City": "CITY"})
    assert got.header.names == (" E-mail ", "City")
    assert got.header.columns == ("EMAIL", "CITY")


def test_preamble_and_several_header_rows(path: Path) -> None:
    data = b'report of "today\r\n\r\nE,CITY\r\nMAIL,\r\na,b\r\n'
    got = read_bytes(path, data, skip_rows=2, header_rows=2, slice_bytes=1, columns={"E MAIL": "EMAIL"})
    assert got.header.names == ("E MAIL", "CITY")
    assert got.header.columns == ("EMAIL", "CITY")
    assert (got.rows, got.places) == ([("a", "b")], [5])


def test_no_header_means_the_contracts_order(path: Path) -> None:
    got = read_bytes(path, b"a,1,x\nb,2\n", header_rows=0, slice_bytes=1)
    assert got.header.names == ("EMAIL", "MOBILE", "CITY")
    assert (got.rows, got.places, got.reasons) == ([("a", "1", "x")], [1], {2: "field_count"})
    assert read_bytes(path, b'"\na,1,x\n', header_rows=0).reasons == {1: "quote"}
    fails(path, b"a,1\n", "line 1", "2 fields", "contract 3", header_rows=0)


@pytest.mark.parametrize("data", [b"EMAIL,CITY", b"EMAIL,CITY\r\n", b"\n\nEMAIL,CITY\n\n"])
def test_a_header_alone_has_no_records(path: Path, data: bytes) -> None:
    got = read_bytes(path, data)
    assert (got.header.names, got.rows, got.malformed) == (("EMAIL", "CITY"), [], [])


def test_one_column(path: Path) -> None:
    got = read_bytes(path, b'EMAIL\na\n\n""\n \n')
    assert (got.rows, got.places) == ([("a",), (None,), (" ",)], [2, 4, 5])
    assert got.data == b'a\n""\n \n'


def test_no_quoting_and_escapes(path: Path) -> None:
    got = read_bytes(path, b'EMAIL\tCITY\na"b\t"\n', delimiter="\t", quotechar="")
    assert (got.rows, got.data) == ([('a"b', '"')], b'"a""b",""""\n')
    got = read_bytes(path, b'EMAIL,CITY\na\\,b,c\\\nd\n"\\"",e\n', escapechar="\\", slice_bytes=3)
    assert (got.rows, got.places) == ([("a,b", "c\nd"), ('"', "e")], [2, 4])
    assert got.data == b'"a,b","c\nd"\n"""",e\n'


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "ends before its header"),
        (b"\n\r\n", "ends before its header"),
        (b",,\n", "names no column"),
        (b"EMAIL,CITY,EMAIL\n", "columns 1 and 3"),
        (b"EMAIL;CITY\na;b\n", 'source.delimiter: ";"'),
        (b'"EMAIL"\t"CITY"\n', 'source.delimiter: "\\t"'),
        (b'"EMAIL"|"CITY"\n', 'source.delimiter: "|"'),
        (b'EMAIL,"CITY\n', "malformed (quote)"),
        (b"EMAIL,CIT\xc9\n", "source.encoding"),
        (b"EMAIL,\0\n", "NUL"),
        ("EMAIL,CITY\n".encode("utf-16-le"), "utf-16-le"),
        ("EMAIL,CITY\n".encode("utf-16-be"), "utf-16-be"),
        (gzip.compress(b"EMAIL\n", mtime=0), ".gz"),
        (b"PK\x03\x04rest", "Excel"),
    ],
)
def test_what_is_no_table_is_told(path: Path, data: bytes, says: str) -> None:
    fails(path, data, says, "contacts.csv")


def test_errors_of_the_mapping(path: Path) -> None:
    fails(path, b"E-mail,City\n", "'E-Mail'", "'E-mail'", columns={"E-Mail": "EMAIL"})
    fails(path, b"E-mail,EMAIL\n", "same attribute", "1 and 2", columns={"E-mail": "EMAIL"})
    fails(path, b"a,b\nc\n", "2 and 1 columns", header_rows=2)
    fails(path, b"a\n", "ends before its header", skip_rows=3)


def test_a_line_without_end_is_told(path: Path) -> None:
    fails(path, b"EMAIL,CITY\na,b\n" + b"x" * 2000, "line 3", max_record_bytes=64)
    fails(path, b"x" * 2000, "line 1", max_record_bytes=64, skip_rows=1, slice_bytes=10)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path, says in [(tmp_path / "none.csv", "no such file"), (tmp_path, "directory")]:
        with pytest.raises(SourceError, match=says):
            read(path)


@pytest.mark.slow
def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv.gz"
    data = gzip.compress(b"EMAIL,CITY\n" + b"a,b\n" * 50_000)
    got = read_bytes(path, data, slice_bytes=50_000)
    assert len(got.rows) == 50_000
    assert sum(got.sizes) == got.size == len(data)
    for cut_short in (data[:-1], data[:-9], data[: len(data) // 2], data[:5], data[:-8] + b"\0" * 8):
        path.write_bytes(cut_short)
        with pytest.raises(SourceError, match="gzip"):
            read(path, slice_bytes=50_000)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"EMAIL,CITY\na,b\n")))
    got = read("-")
    assert (got.rows, got.size, sum(got.sizes)) == ([("a", "b")], None, 15)


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"EMAIL,CITY\na,b\n")
    os.close(writing)
    got = read(f"/dev/fd/{reading}")
    os.close(reading)
    assert (got.rows, got.size) == ([("a", "b")], None)


@pytest.mark.parametrize("change", ["append", "truncate", "replace", "touch", "delete"])
def test_a_file_that_changes_while_it_is_read(path: Path, change: str) -> None:
    path.write_bytes(b"EMAIL,CITY\n" + b"a,b\n" * 100_000)

    def resolve(columns: Any, _source: str) -> tuple[int, ...]:
        if change == "append":
            path.write_bytes(path.read_bytes() + b"c,d\n")
        elif change == "truncate":
            os.truncate(path, 200_000)
        elif change == "replace":
            other = path.with_suffix(".new")
            other.write_bytes(path.read_bytes())
            other.replace(path)
        elif change == "touch":
            os.utime(path, ns=(1, 1))
        else:
            path.unlink()
        return (0, 1)

    with pytest.raises(SourceError, match="changed while"):
        read(path, resolve=resolve)


def test_a_rejects_file_is_known_and_read_in_its_own_way(path: Path) -> None:
    data = (
        '\ufeffE-mail,City,_line,_reasons,_raw\r\n"a;x",b,2,CITY:x,\r\n,,3,_record:quote,"q""\n,1"\r\n'
        ",,4,CITY:y,\r\nc,d,5,_record:quote,old\r\n"
    )
    got = read_bytes(
        path, data.encode(), delimiter=";", encoding="utf-16", skip_rows=3, columns={"E-mail": "EMAIL"}
    )
    assert got.header.names == ("E-mail", "City")
    assert got.header.columns == ("EMAIL", "City")
    assert (got.rows, got.places) == ([("a;x", "b"), (None, None), ("c", "d")], [2, 4, 5])
    assert got.malformed == [Malformed(3, 1, "not_mended", b'q"\n,1')]
    assert got.data == b"a;x,b\n,\nc,d\n"


def test_no_message_or_repr_shows_a_contact(path: Path) -> None:
    path.write_bytes(b"EMAIL,CITY\nsecret,Pune\nsecret\n")
    with open_source(path, source_config(), contract_names=("EMAIL",), resolve=keep_all) as opened:
        (piece,) = opened.slices()
        table = piece.table(("EMAIL",))
    assert [one.reason for one in table.records.malformed] == ["field_count"]
    assert "secret" not in repr(piece) + repr(table)
    error = fails(path, b"secret,secret\n", "columns 1 and 2")
    assert "secret" not in str(error)


def test_other_things_are_refused() -> None:
    for source, says in [(42, "int cannot be read"), (pl.LazyFrame(), "collect")]:
        with pytest.raises(SourceError, match=says):
            read(source)
