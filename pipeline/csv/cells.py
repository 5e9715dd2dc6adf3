"""Records to text cells and text cells to records: polars does the work, and is never trusted.

`parse` gives fields as text, byte for byte. polars reads fast and forgives much (a short row, a stray quote,
a byte order mark in mid-file), so it is given only what leaves it nothing to forgive: regular records of
UTF-8 (structure.py). Where some are not so, the records at fault are singled out, and if the rest still is
not, every record is read by the careful tokenizer. `write` is the way back, in the staged file's own form.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.arrays import NO_ROWS, Offsets
from pipeline.csv import escapes
from pipeline.csv.dialect import Dialect
from pipeline.csv.records import Records, as_series, between, shifted
from pipeline.csv.structure import line_ends, record_ends

CANONICAL = Dialect()


def parse(
    records: Records, dialect: Dialect, columns: Sequence[str], wanted: Iterable[str] | None = None
) -> tuple[pl.DataFrame, Records]:
    """The cells of the records in the `wanted` columns (None: all), and the records read.

    Cells are String columns, an empty cell null; `columns` names all that a record has. The records come
    back packed. Those that are no row of this table have become malformed: `encoding` (no UTF-8), `nul` (a
    NUL byte), `field_count` (other than `len(columns)` cells).
    """
    wanted = columns if wanted is None else list(wanted)
    records, plain = records.packed(), replace(dialect, escapechar=None)
    if not dialect.escapechar or dialect.escapechar.encode() not in records.data:
        return _parse(records, plain, columns, wanted)
    found = escapes.hidden(records, dialect)
    if not found:
        return _parse(records, dialect, columns, wanted)
    bare, marks = found
    cells, read = _parse(replace(bare, malformed=()), plain, columns, wanted)
    rows = np.searchsorted(records.places, [one.place for one in read.malformed])
    reasons = {int(row): one.reason for row, one in zip(rows, read.malformed, strict=True)}
    return escapes.restored(cells, marks), records.without(reasons).packed()


def _parse(
    records: Records, dialect: Dialect, columns: Sequence[str], wanted: Sequence[str]
) -> tuple[pl.DataFrame, Records]:
    """The same for packed records, whose escapes, if any, only the careful tokenizer knows."""
    cells = _parse_fast(records, dialect, columns, wanted)
    if cells is None:
        records = records.without(_faults(records, dialect, len(columns))).packed()
        cells = _parse_fast(records, dialect, columns, wanted)
    if cells is None:
        cells = parse_carefully(records, dialect, columns).select(wanted)
    if dialect != CANONICAL or b'"' in records.data:  # polars reads "" as an empty text, not as null
        cells = cells.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return cells, records


def parse_carefully(records: Records, dialect: Dialect, columns: Sequence[str]) -> pl.DataFrame:
    """The same cells, record by record in Python: slow, and the reference for the fast way."""
    spans = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
    rows = [[f.decode() or None for f in dialect.fields(records.data[a:b])] for a, b in spans]
    return pl.DataFrame(rows, schema=_schema(columns), orient="row")


def _schema(columns: Sequence[str]) -> dict[str, type[pl.String]]:
    return dict.fromkeys(columns, pl.String)


def _parse_fast(
    records: Records, dialect: Dialect, columns: Sequence[str], wanted: Sequence[str]
) -> pl.DataFrame | None:
    """The cells as polars reads them; None for records that leave it something to forgive."""
    data = records.data
    if not len(records):
        return pl.DataFrame(schema=_schema(wanted))
    if dialect.escapechar or b"\0" in data or data.startswith(BOM_UTF8) or not _is_utf8(data):
        return None
    if records.width != len(columns):
        ends = record_ends(data, dialect, len(columns), complete=True)
        if ends is None or not np.array_equal(ends + 1, records.stops):
            return None
    cells = pl.read_csv(
        data,
        has_header=False,
        schema=_schema(columns),
        columns=[columns.index(name) for name in wanted],
        infer_schema=False,
        separator=dialect.delimiter,
        quote_char=dialect.quotechar or None,
    )
    if cells.height != len(records):
        raise RuntimeError(f"polars {pl.__version__} read {len(records)} records as {cells.height} rows")
    return cells.select(wanted)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    all_of_it = between(data, np.array([0]), np.array([len(data)]), pa.large_binary())
    try:
        as_series(all_of_it).cast(pl.String)  # several times as fast as bytes.decode
    except pl.exceptions.PolarsError:
        return False
    return True


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


def write(cells: pl.DataFrame, delimiter: str = ",") -> Records:
    """The cells as records of the staged file: UTF-8, comma, quoted only where it must be, LF.

    A cell with the delimiter, a quote, CR or LF is quoted, and so is the one empty cell of a record.
    """
    if not cells.height:
        return Records(b"", NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS)
    out = io.BytesIO()
    cells.with_columns(pl.all().fill_null("") if cells.width == 1 else ()).write_csv(
        out, include_header=False, quote_style="necessary", separator=delimiter
    )
    data = out.getvalue()
    ends = line_ends(data)
    if len(ends) != cells.height:
        raise RuntimeError(f"polars {pl.__version__} wrote {cells.height} rows as {len(ends)} records")
    stops = ends + 1
    return Records(data, shifted(stops), ends, stops, np.arange(cells.height), width=cells.width)
