"""Property: every record of any file ends up exactly once, and how a file is cut or written changes nothing.

The reference is the rule read one character after the other: slow, and it shares no code with the reader.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline import PipelineError, Result, validate

LIMIT = 64
CONTRACT = """
import pandera.pandas as pa

SCHEMA = pa.DataFrameSchema({
    "ID": pa.Column(str, pa.Check.str_matches(r"[^x]*\\Z", error="no_x"), nullable=True,
                    unique=True, report_duplicates="exclude_first"),
    "N": pa.Column("Int64", nullable=True),
})
"""


@dataclass
class Reference:
    """What the rule says: the cells of well-formed records with their lines, and the lines of the others."""

    rows: list[tuple[int, list[str]]]
    broken: list[tuple[int, str]]


def split(text: str) -> list[tuple[str, str]]:
    """Physical lines with their ends, of which there are three."""
    lines, at, start = [], 0, 0
    while at < len(text):
        if text[at] in "\r\n":
            end = at + (2 if text[at : at + 2] == "\r\n" else 1)
            lines.append((text[start:at], text[at:end]))
            at = start = end
        else:
            at += 1
    return [*lines, (text[start:], "")] if start < len(text) else lines


def fields(text: str) -> tuple[list[str] | None, int]:
    """The fields of the record that `text` begins with and where it ends.

    No fields where it breaks the rule; then the second is where, or how long `text` is if it ends before.
    """
    found, at = [], 0
    while True:
        if text[at : at + 1] == '"':
            value, at = "", at + 1
            while True:
                if at >= len(text):
                    return None, at
                if text[at] != '"':
                    value, at = value + text[at], at + 1
                elif text[at + 1 : at + 2] == '"':
                    value, at = value + '"', at + 2
                else:
                    at += 1
                    break
        else:
            start = at
            while at < len(text) and text[at] not in ',"\r\n':
                at += 1
            value = text[start:at]
        found.append(value)
        if at == len(text) or text[at] in "\r\n":
            return found, at
        if text[at] != ",":
            return None, at
        at += 1


def reference(body: bytes, width: int, first_line: int) -> Reference:
    """Bytes are read as Latin-1, so that every byte is a character; what is no UTF-8 is found afterwards."""
    known, text, line = Reference([], []), body.decode("latin-1"), first_line
    while text:
        head, end = split(text)[0]
        if not head:
            text, line = text[len(end) :], line + 1
            continue
        read, at = fields(text[: LIMIT + 1])
        if read is None or at > LIMIT:
            known.broken.append((line, "too_long" if at > LIMIT else "quote"))
            text, line = text[len(head) + len(end) :], line + 1
            continue
        cells, record = [cell.encode("latin-1") for cell in read], text[:at]
        end = "\r\n" if text[at : at + 2] == "\r\n" else text[at : at + 1]
        try:
            decoded = [cell.decode() for cell in cells]
        except UnicodeDecodeError:
            known.broken.append((line, "encoding"))
        else:
            if "\0" in record:
                known.broken.append((line, "nul"))
            elif len(cells) != width:
                known.broken.append((line, "field_count"))
            else:
                known.rows.append((line, decoded))
        line += len(split(record + end))
        text = text[at + len(end) :]
    return known


def is_integer(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9]+", text))


def reasons_of(known: Reference) -> Counter[str]:
    """What the contract and the rule have against the records."""
    reasons, seen = Counter(f"_record:{why}" for _, why in known.broken), set()
    for _, (id_, number) in known.rows:
        reasons["ID:no_x"] += "x" in id_
        reasons["N:coerce_dtype('Int64')"] += bool(number) and not is_integer(number)
        reasons["ID:field_uniqueness"] += bool(id_) and id_ in seen
        seen.add(id_)
    return +reasons


def is_good(row: list[str], before: list[list[str]]) -> bool:
    number = not row[1] or is_integer(row[1])
    return "x" not in row[0] and number and not (row[0] and any(row[0] == other[0] for other in before))


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as made:
        (Path(made) / "contract.py").write_text(CONTRACT)
        yield Path(made)


@dataclass
class Ended:
    result: Result
    accepted: bytes
    rejects: bytes

    @property
    def cells(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.accepted.decode(), newline=""), strict=True))[1:]

    @property
    def rejected(self) -> list[dict[str, str]]:
        """The rows of the rejects file, which is written as the source is."""
        mark = self.rejects[:2]
        text = self.rejects.decode("utf-16" if mark == b"\xff\xfe" else "utf-8-sig")
        head = text.partition("_line")[0] or text.partition("_row")[0]
        delimiter = next((one for one in ",;\t" if one in head), ",")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))

    def same(self, *but: str) -> tuple[Any, ...]:
        """What may not differ, without these columns of the rejects file."""
        kept = [{k: v for k, v in row.items() if k not in but} for row in self.rejected]
        return self.accepted, kept, self.result.records, self.result.reasons


def ends(
    folder: Path, given: Any, *, slice_bytes: int | None = None, workers: int | None = None, **source: Any
) -> Ended:
    if isinstance(given, bytes):
        (folder / "source.csv").write_bytes(given)
        given = folder / "source.csv"
    config = {
        "source": {"max_record_bytes": LIMIT, **source},
        "contract": {"schema": str(folder / "contract.py:SCHEMA"), "max_rejected": "100%"},
    }
    out = folder / "out"
    try:
        result = validate(given, config, output=out, slice_bytes=slice_bytes, workers=workers)
    except PipelineError as error:
        if error.result is None:
            raise
        result = error.result  # nothing accepted, or nothing there
    accepted, rejects = out / "accepted.csv", out / "rejects.csv"
    assert accepted.exists() == bool(result.records)
    assert rejects.exists() == bool(result.rejected)
    ended = Ended(result, *(path.read_bytes() if path.exists() else b"" for path in (accepted, rejects)))
    rmtree(out, ignore_errors=True)
    return ended


PIECES = [b"a", b"b", b"x", b"1", b"2", b"+", b" ", b",", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r"]
PIECES += [
    "é漢".encode(),
    "\ufeff".encode(),
    b"\xff",
    b"\xc3",
    b"\0",
    b"\x1a",
    b"y" * 70,
    b'"q,\n"',
    b"\n\n\n",
    b"7,1\n",
]
NASTY = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


CUTS = (st.sampled_from([None, 1, 5, 64]), st.sampled_from([None, 1, 3]))


@given(NASTY, *CUTS)
@example(b'"\na,1\n","\nb,2\n', None, None)
@example(b"a,+1\nb,-2\nc,+", None, None)
@example(b'a,"' + b"y" * 70 + b'"\nb,2', 5, 1)
@quick
def test_every_record_ends_up_once(
    folder: Path, body: bytes, slice_bytes: int | None, workers: int | None
) -> None:
    each_ends_up_once(folder, body, slice_bytes, workers)


@pytest.mark.slow
@given(NASTY, *CUTS)
@settings(quick, max_examples=600)
def test_so_it_does_in_many_more_cases(
    folder: Path, body: bytes, slice_bytes: int | None, workers: int | None
) -> None:
    each_ends_up_once(folder, body, slice_bytes, workers)


def each_ends_up_once(folder: Path, body: bytes, slice_bytes: int | None, workers: int | None) -> None:
    known = reference(body, 2, 2)
    ended = ends(folder, b"ID,N\n" + body, slice_bytes=slice_bytes, workers=workers)
    result = ended.result
    assert result.records == len(known.rows) + len(known.broken)
    assert result.accepted + result.rejected == result.records
    good = [row for i, (_, row) in enumerate(known.rows) if is_good(row, [r for _, r in known.rows[:i]])]
    assert ended.cells == good
    rejects = ended.rejected
    bad_lines = [line for line, row in known.rows if row not in good or (line, row) not in kept(known, good)]
    assert [int(row["_line"]) for row in rejects] == sorted([*bad_lines, *(line for line, _ in known.broken)])
    assert Counter(result.reasons) == reasons_of(known)


def kept(known: Reference, good: list[list[str]]) -> list[tuple[int, list[str]]]:
    """The accepted rows with their lines: `good` are their cells in order."""
    left, found = list(good), []
    for line, row in known.rows:
        if left and row == left[0]:
            found.append((line, left.pop(0)))
    return found


CELL = st.text(st.sampled_from("abx 12,;\"'\n\r\té漢\ufeff"), max_size=5)
TABLE = st.lists(st.tuples(CELL, st.sampled_from(["", "1", "007", "x", "2"])), max_size=12)


def written(rows: list[tuple[str, str]], **how: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **{"lineterminator": "\n", "quoting": csv.QUOTE_ALL, **how}).writerows(
        [("ID", "N"), *rows]
    )
    return out.getvalue()


@given(TABLE, st.sampled_from([None, 1, 40]), st.sampled_from([1, 3]))
@settings(quick, max_examples=6)
def test_how_a_table_is_written_cut_and_handed_over_changes_nothing(
    folder: Path, rows: list[tuple[str, str]], slice_bytes: int | None, workers: int
) -> None:
    """Cells with blank records in them too: one whose two cells are empty is a record, being `"",""`."""
    cut = partial(ends, folder, slice_bytes=slice_bytes, workers=workers)
    first = ends(folder, written(rows, quoting=csv.QUOTE_ALL).encode())
    plain = first.same("_line", "_row", "_raw")
    cells = [list(row) for row in rows]
    good = [row for i, row in enumerate(cells) if is_good(row, cells[:i])]
    assert first.cells == good
    # Bytes are passed through where they are in the staged form already, else written anew: equal as cells.
    dialects: list[Callable[[], Ended]] = [
        lambda: cut(written(rows, lineterminator="\r\n").encode()),
        lambda: cut(written(rows, lineterminator="\r").encode()),
        lambda: cut(written(rows, delimiter=";").encode("utf-8-sig"), delimiter=";"),
        lambda: cut(written(rows, quotechar="'").encode(), quotechar="'"),
        lambda: cut(written(rows, delimiter="\t").encode("utf-16"), delimiter="\t"),
        lambda: cut(pd.DataFrame(rows, columns=["ID", "N"], dtype=str)),
        lambda: cut(pl.DataFrame(rows, schema={"ID": pl.String, "N": pl.String}, orient="row")),
        lambda: cut(pa.table({"ID": [a for a, _ in rows], "N": [b for _, b in rows]}, schema=ARROW)),
    ]
    assert cut(written(rows).encode()).same("_line") == first.same("_line")
    for again in dialects:
        ended = again()
        assert ended.cells == good
        assert ended.same("_line", "_row", "_raw")[1:] == plain[1:]


ARROW = pa.schema({"ID": pa.string(), "N": pa.string()})
