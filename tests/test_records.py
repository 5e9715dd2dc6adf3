"""The strict CSV grammar: against a tokenizer written byte by byte, the csv module, and a nasty corpus."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.csv.cutting import Cut, LineTooLongError, cut
from pipeline.csv.dialect import Dialect
from pipeline.csv.records import Malformed, Records

DIALECTS = [Dialect(), Dialect(";", "'"), Dialect("\t", ""), Dialect("|", '"', "\\"), Dialect(",", "", "\\")]
PIECES = [
    b"a",
    b"b",
    b" ",
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b'""',
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b"\r",
    b"\xc3\xa9",
]
texts = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
limits = st.sampled_from([3, 8, 1000])


def line_at(data: bytes, start: int) -> tuple[int, int]:
    """Where the physical line at `start` ends, without and with its line end."""
    at = start
    while at < len(data) and data[at] not in b"\r\n":
        at += 1
    return at, at + (2 if data[at : at + 2] == b"\r\n" else 1)


def record_at(data: bytes, start: int, dialect: Dialect, limit: int) -> tuple[int, str]:
    """The rule, byte by byte: where the record at `start` ends, or why it is none."""
    d, q, e = (ord(x) if x else -1 for x in (dialect.delimiter, dialect.quotechar, dialect.escapechar))
    at, state = start, "field"
    while at - start <= limit:
        if at >= len(data):
            escaped_end = data[-1:] in (b"\n", b"\r") and state == "plain"
            return at, "quote" if state in ("inside", "escape") or escaped_end else ""
        byte = data[at]
        if byte == e and state != "closed":
            taken = 2 if data[at + 1 : at + 3] == b"\r\n" else 1
            if at + 1 >= len(data):
                return at, "quote" if at + 1 - start <= limit else "too_long"
            if at + taken - start > limit:
                return at, "too_long"
            at += taken
            state = "plain" if state == "field" else state
        elif state == "inside":
            state = "closed" if byte == q else "inside"
        elif state == "closed" and byte == q:
            state = "inside"
        elif byte in b"\r\n":
            return at, ""
        elif byte == d:
            state = "field"
        elif state == "closed" or (byte == q and state == "plain"):
            return at, "quote"
        else:
            state = "inside" if byte == q else "plain"
        at += 1
    return at, "too_long"


def reference(data: bytes, dialect: Dialect, limit: int) -> list[tuple[int, str, bytes]]:
    found, at, line = [], 0, 1
    while at < len(data):
        end, reason = record_at(data, at, dialect, limit)
        first_end, after = line_at(data, at)
        if reason:
            found.append((line, reason, data[at:first_end]))
        elif end > at:
            found.append((line, "", data[at:end]))
            after = line_at(data, end)[1]
        while at < min(after, len(data)):
            at, line = line_at(data, at)[1], line + 1
        at = after
    return found


def listed(records: Records) -> list[tuple[int, str, bytes]]:
    spans = zip(records.places.tolist(), records.starts.tolist(), records.ends.tolist(), strict=True)
    good = [(line, "", records.data[start:end]) for line, start, end in spans]
    return sorted(good + [(one.place, one.reason, one.raw) for one in records.malformed])


def cut_in_pieces(data: bytes, dialect: Dialect, limit: int, size: int) -> list[Cut]:
    cuts, carry, line, at, final = [], b"", 1, 0, False
    while not final:
        final = at >= len(data)
        block = carry + data[at : at + size]
        at += size
        cuts.append(cut(block, dialect, limit, line=line, final=final))
        carry, line = block[cuts[-1].used :], cuts[-1].line
    return cuts


@given(texts, st.sampled_from(DIALECTS), limits)
@example(b'a,"b', Dialect(), 1000)
@example(b"a\\\n", Dialect(",", "", "\\"), 1000)
@example(b"a\\\rb\n", Dialect(",", "", "\\"), 1000)
@example(b"a\\\r\nb\n", Dialect(",", "", "\\"), 1000)
@example(b'"a\\"|"b\\"\n', Dialect("|", '"', "\\"), 1000)
@example(b'a\\|"b"\n|\\"|\\\\|"\\""\n', Dialect("|", '"', "\\"), 1000)
@example(b'\r"\r', Dialect(), 8)
def test_cut_follows_the_rule(data: bytes, dialect: Dialect, limit: int) -> None:
    try:
        found = listed(cut(data, dialect, limit).records)
    except LineTooLongError:
        assert limit == 3
        return
    assert found == reference(data, dialect, limit)


@given(texts, st.sampled_from(DIALECTS), limits, st.integers(1, 30))
def test_where_the_file_is_cut_changes_nothing(data: bytes, dialect: Dialect, limit: int, size: int) -> None:
    try:
        whole = listed(cut(data, dialect, limit).records)
    except LineTooLongError:
        with pytest.raises(LineTooLongError):
            cut_in_pieces(data, dialect, limit, size)
        return
    pieces = cut_in_pieces(data, dialect, limit, size)
    assert [one for piece in pieces for one in listed(piece.records)] == whole


@given(texts, st.sampled_from(DIALECTS))
def test_every_byte_but_line_ends_is_in_exactly_one_record(data: bytes, dialect: Dialect) -> None:
    found = listed(cut(data, dialect, 1000).records)
    bare = bytes.maketrans(b"", b"")
    assert b"".join(raw for _, _, raw in found).translate(bare, b"\r\n") == data.translate(bare, b"\r\n")


@given(texts, st.sampled_from(DIALECTS))
def test_packed_records_are_the_same_with_lf_between_them(data: bytes, dialect: Dialect) -> None:
    records = cut(data, dialect, 1000).records
    packed = records.packed()
    assert packed.data == b"".join(raw + b"\n" for _, reason, raw in listed(records) if not reason)
    assert listed(packed) == listed(records)


def test_without_moves_records_to_the_broken_ones() -> None:
    records = cut(b'a\nb\n"x\nc\n', Dialect(), 100).records.without({1: "nul"})
    assert listed(records) == [(1, "", b"a"), (2, "nul", b"b"), (3, "quote", b'"x'), (4, "", b"c")]


rows = st.lists(
    st.lists(st.text(st.sampled_from('ab ,;"\n\r é'), max_size=5), min_size=2, max_size=3), max_size=8
)


@given(rows, st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]], end: str) -> None:
    out = io.StringIO(newline="")
    # Minimal quoting leaves a bare CR or LF unquoted where the line end is the other one.
    minimal = end == "\r\n"
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_MINIMAL if minimal else csv.QUOTE_ALL).writerows(
        rows
    )
    records = cut(out.getvalue().encode(), Dialect(), 1000).records
    assert not records.malformed
    fields = [[f.decode() for f in Dialect().fields(raw)] for _, _, raw in listed(records)]
    assert fields == rows
    strict = csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)
    assert list(strict) == rows


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\n\r\n\r\r\n", []),
        (b"x", [(1, "", b"x")]),
        (b'"', [(1, "quote", b'"')]),
        (b'a,"b\nc,d\n', [(1, "quote", b'a,"b'), (2, "", b"c,d")]),
        (b'a,b"c\nd', [(1, "quote", b'a,b"c'), (2, "", b"d")]),
        (b'"a"b,c\nd', [(1, "quote", b'"a"b,c'), (2, "", b"d")]),
        (b'"a" ,c\nd', [(1, "quote", b'"a" ,c'), (2, "", b"d")]),
        (b' "a",c\nd', [(1, "quote", b' "a",c'), (2, "", b"d")]),
        (b'"a\nb","c"\r\rd\r\n', [(1, "", b'"a\nb","c"'), (4, "", b"d")]),
        (b'"a\n\nb"\nc', [(1, "", b'"a\n\nb"'), (4, "", b"c")]),
        (b'"a\nb"x\nc"\n', [(1, "quote", b'"a'), (2, "quote", b'b"x'), (3, "quote", b'c"')]),
        (b'"",""""\n', [(1, "", b'"",""""')]),
        (b'"""\n', [(1, "quote", b'"""')]),
        (b" \n\t\n", [(1, "", b" "), (2, "", b"\t")]),
        (b"\x00\xff\n", [(1, "", b"\x00\xff")]),
    ],
)
def test_nasty(data: bytes, found: list[tuple[int, str, bytes]]) -> None:
    assert listed(cut(data, Dialect(), 1 << 20).records) == found


@pytest.mark.parametrize("limit", [5, 6])
def test_too_long_is_decided_by_the_content_alone(limit: int) -> None:
    for end in (b"", b"\n", b"\r\n"):
        found = listed(cut(b"123456" + end, Dialect(), limit).records)
        assert found == [(1, "too_long" if limit == 5 else "", b"123456")]
    unclosed = listed(cut(b'"1\n2\n3\n4\n"\n', Dialect(), limit).records)
    assert unclosed[0] == (1, "too_long", b'"1')


def test_a_line_without_end_is_told_by_its_number() -> None:
    with pytest.raises(LineTooLongError) as caught:
        cut(b"a\nb\n" + b"x" * 161, Dialect(), 10, final=False)
    assert caught.value.line == 3


@pytest.mark.slow
def test_a_file_full_of_violations_is_read_in_linear_time() -> None:
    records = cut(b'a"\nb"c\n' * 40_000, Dialect(), 1000).records
    assert len(records) + len(records.malformed) == 80_000


def test_fields_unescape() -> None:
    assert Dialect("|", '"', "\\").fields(b'a\\|b|"c""d\\"e"|\\\\|') == [b"a|b", b'c"d"e', b"\\", b""]
    assert Dialect("\t", "").fields(b'"a\t') == [b'"a', b""]
    with pytest.raises(ValueError, match="well-formed"):
        Dialect().fields(b'a"b')


def test_broken_is_told_by_line_and_reason() -> None:
    assert cut(b'"\n', Dialect(), 9, line=7).records.malformed == (Malformed(7, 0, "quote", b'"'),)
