"""Records to text cells and text cells to records: polars does the work, and is never trusted.

`parse` gives a record's fields as text, byte for byte. polars reads fast and forgives much (a short row, a
BOM in mid-file), so what it returns counts only if nothing is missing: as many rows as there are records,
and every byte of the records found again in a cell, a delimiter, a line end or a quote. Where that does
not hold, the records at fault are singled out, and if it still does not, every record is read by the
careful tokenizer instead. `write` is the way back, in the staged file's own form.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipeline.tabular import escapes
from pipeline.tabular.cutting import cut
from pipeline.tabular.dialect import Dialect
from pipeline.tabular.records import Records

if TYPE_CHECKING:
    from pipeline.handoffs import Offsets

CANONICAL = Dialect()


def parse(records: Records, dialect: Dialect, columns: Sequence[str]) -> tuple[pl.DataFrame, Records]:
    """The cells of the records, String columns named `columns`, an empty cell null; and the records read.

    The records come back packed. Those that are no row of this table have become broken ones: `encoding`
    (no UTF-8), `nul` (a NUL byte), `field_count` (other than `len(columns)` fields).
    """
    records, plain = records.packed(), replace(dialect, escapechar=None)
    if not dialect.escapechar or dialect.escapechar.encode() not in records.data:
        return _parsed(records, plain, columns)
    found = escapes.hidden(records, dialect)
    if not found:
        return _parsed(records, dialect, columns)
    bare, marks = found
    cells, read = _parsed(replace(bare, broken=()), plain, columns)
    rows = np.searchsorted(records.lines, [one.line for one in read.broken])
    reasons = {int(row): one.reason for row, one in zip(rows, read.broken, strict=True)}
    return escapes.shown(cells, marks), records.without(reasons).packed()


def _parsed(records: Records, dialect: Dialect, columns: Sequence[str]) -> tuple[pl.DataFrame, Records]:
    """The same for packed records, whose escapes, if any, only the careful tokenizer knows."""
    cells = _parsed_fast(records, dialect, columns)
    if cells is None:
        records = records.without(_faults(records, dialect, len(columns))).packed()
        cells = _parsed_fast(records, dialect, columns)
    if cells is None:
        cells = parse_carefully(records, dialect, columns)
    if dialect != CANONICAL or b'"' in records.data:  # then there may be `""`, which is read as ""
        cells = cells.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return cells, records


def parse_carefully(records: Records, dialect: Dialect, columns: Sequence[str]) -> pl.DataFrame:
    """The same cells, record by record in Python: slow, and the reference for the fast way."""
    spans = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
    rows = [[f.decode() or None for f in dialect.fields(records.data[a:b])] for a, b in spans]
    return pl.DataFrame(rows, schema=_schema(columns), orient="row")


def _schema(columns: Sequence[str]) -> dict[str, type[pl.String]]:
    return dict.fromkeys(columns, pl.String)


def _parsed_fast(records: Records, dialect: Dialect, columns: Sequence[str]) -> pl.DataFrame | None:
    """The cells as polars reads them, or None unless each byte is accounted for."""
    data = records.data
    if dialect.escapechar or b"\0" in data or data.startswith(BOM_UTF8):
        return None  # of a mark polars takes three bytes away, and three short rows would make up for them
    if not len(records):
        return pl.DataFrame(schema=_schema(columns))
    try:
        cells = pl.read_csv(
            data,
            has_header=False,
            schema=_schema(columns),
            infer_schema=False,
            separator=dialect.delimiter,
            quote_char=dialect.quotechar or None,
        )
    except pl.exceptions.PolarsError:
        return None  # too many fields in some record, or no UTF-8: the caller finds out which
    if cells.height != len(records):
        return None
    text = sum(cells.select(pl.all().str.len_bytes().sum()).row(0))
    found = text + cells.height * len(columns) + _unquoting(data, dialect)
    return cells if found == len(data) else None


def _unquoting(data: bytes, dialect: Dialect) -> int:
    """How many bytes well-formed records lose when their quotes are taken off."""
    quotechar = dialect.quotechar.encode()
    if not quotechar or quotechar not in data:
        return 0
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(quotechar))
    doubled = np.count_nonzero(quotes[2::2] - quotes[1:-1:2] == 1)
    return len(quotes) - int(doubled)


def _faults(records: Records, dialect: Dialect, width: int) -> dict[int, str]:
    """Which packed records are no row of the table, and why; the first reason counts."""
    at = np.frombuffer(records.data, np.uint8)
    faults = dict.fromkeys(_undecodable(records), "encoding")
    for i in np.searchsorted(records.stops, np.flatnonzero(at == 0), side="right").tolist():
        faults.setdefault(i, "nul")
    for i in np.flatnonzero(_widths(records, dialect) != width).tolist():
        faults.setdefault(i, "field_count")
    return faults


def _undecodable(records: Records) -> Iterator[int]:
    highest = np.maximum.reduceat(np.frombuffer(records.data, np.uint8), records.starts)
    for i in np.flatnonzero(highest > 127).tolist():
        try:
            records.data[records.starts[i] : records.ends[i]].decode()
        except UnicodeDecodeError:
            yield i


def _widths(records: Records, dialect: Dialect) -> Offsets:
    """How many fields each packed, well-formed record has."""
    if dialect.escapechar:
        spans = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
        return np.array([len(dialect.fields(records.data[a:b])) for a, b in spans], np.int64)
    at = np.frombuffer(records.data, np.uint8)
    delimiters = np.flatnonzero(at == ord(dialect.delimiter))
    if dialect.quotechar and dialect.quotechar.encode() in records.data:
        quotes = np.flatnonzero(at == ord(dialect.quotechar))
        delimiters = delimiters[np.searchsorted(quotes, delimiters) & 1 == 0]
    before = np.searchsorted(delimiters, records.stops)
    widths: Offsets = np.diff(before, prepend=0) + 1
    return widths


def write(cells: pl.DataFrame) -> Records:
    """The cells as records of the staged file: UTF-8, comma, quoted only where it must be, LF.

    A cell with a comma, quote, CR or LF is quoted, and so is the lone empty cell of a one-column file.
    """
    if not cells.height:
        nothing = np.zeros(0, np.int64)
        return Records(b"", nothing, nothing, nothing, nothing)
    out = io.BytesIO()
    cells.with_columns(pl.all().fill_null("") if cells.width == 1 else ()).write_csv(
        out, include_header=False, quote_style="necessary"
    )
    data = out.getvalue()
    records = cut(data, CANONICAL, len(data)).records
    if len(records) != cells.height or records.broken:
        raise RuntimeError(f"polars {pl.__version__} wrote {cells.height} rows as {len(records)} records")
    return records
