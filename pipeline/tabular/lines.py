"""Records looked at whole, as lines: which match a pattern, and single columns of those that do.

For records whose own bytes are staged: comma, `"`, LF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.tabular.records import Records, between, spliced

if TYPE_CHECKING:
    from pipeline.handoffs import Mask, Offsets


def whole(records: Records) -> pl.Series | None:
    """Each of the packed records with its LF, a String; None where they are not UTF-8 altogether."""
    offsets, data = pa.py_buffer(np.append(0, records.stops)), pa.py_buffer(records.data)
    lines = pa.Array.from_buffers(pa.large_string(), len(records), [None, offsets, data])
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return _series(lines)


def columns(records: Records, which: Mask, names: Sequence[str], wanted: Sequence[str]) -> pl.DataFrame:
    """The cells of the columns `wanted`, an empty one null, of those packed records that the mask says.

    They must be known to have the columns `names`, and neither NUL nor byte order mark anywhere.
    """
    count = int(np.count_nonzero(which))
    if not wanted or not count:
        return pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    starts, stops = records.starts[which], records.stops[which]
    data = spliced(records.data, starts, stops)
    hidden = _without_line_ends(data, np.cumsum(stops - starts) - 1)
    schema = dict.fromkeys(names, pl.String)
    cells = pl.read_csv(hidden, has_header=False, schema=schema, columns=list(map(names.index, wanted)))
    if cells.height != count:
        raise RuntimeError(f"polars {pl.__version__} read {cells.height} rows of {count}")
    if hidden is not data:
        cells = cells.with_columns(pl.all().str.replace_all("\0", "\n", literal=True))
    return cells.with_columns(pl.when(pl.all() != "").then(pl.all())) if b'"' in data else cells


def _without_line_ends(data: bytes, ends: Offsets) -> bytes:
    """The same with NUL for each LF but those at `ends`; `data` itself where there are no others.

    So it is not polars that finds out which of them end a record.
    """
    if data.count(b"\n") == len(ends):
        return data
    at = np.frombuffer(data, np.uint8)
    found = at == ord("\n")
    found[ends] = False
    hidden = at & (found.view(np.uint8) - np.uint8(1))  # and NUL, or and 255
    return bytes(hidden.data)


def first_column(lines: pl.Series, name: str) -> pl.DataFrame | None:
    """The cells of the first of several columns, as above but faster; None where some are quoted."""
    if lines.str.starts_with('"').any():
        return None
    line = pl.col(name)
    first = line.str.splitn(",", 2).struct.field("field_0").alias(name)
    cells = lines.alias(name).to_frame().select(first)
    return cells.with_columns(pl.when(line != "").then(line))


def texts(data: bytes, starts: Offsets, stops: Offsets) -> pl.Series:
    """The pieces `data[starts[i]:stops[i]]` of UTF-8, which do not overlap, as a String column."""
    return _series(between(data, starts, stops, pa.large_string())).gather_every(2)


class _Arrow:
    """An array of which polars sees no more than the Arrow C interface: else it imports pyarrow.compute."""

    def __init__(self, array: pa.Array) -> None:
        self.__arrow_c_array__ = array.__arrow_c_array__


def _series(array: pa.Array) -> pl.Series:
    return pl.Series(_Arrow(array))
