"""Uniqueness where the rows are on many machines: keys sorted by their engine, equal ones are neighbours.

`key_rows` is what a slice contributes, `repeated` the walk over what was sorted by `ORDER`. Rows of one hash
are in one place; whatever it finds alike is compared by the keys themselves. The rule is that of `Repeats`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.arrays import Offsets
from pipeline.contract.rules import Keep
from pipeline.unique.hashfilter import HALF
from pipeline.unique.seen import ROW, Keys

KEYS = pa.schema(
    [
        ("hash", pa.int64()),
        ("rule", pa.int32()),
        ("key", pa.binary()),
        ("part", pa.int32()),
        ("row", pa.int64()),
        ("size", pa.int64()),
    ]
)
"""A row's key: which `rule`'s it is, the `part` of the source and the `row` in it, the bytes to be staged."""

ORDER = ("rule", "hash", "key", "part", "row")
REPEATS = pa.schema([("rule", pa.int32()), ("part", pa.int32()), ("row", pa.int64()), ("size", pa.int64())])


def key_rows(keys: Sequence[Keys], part: int, first: int, sizes: Offsets) -> Iterator[pa.RecordBatch]:
    """The keys of a slice, blank ones left out; its first row is `first` of `part`, `sizes` are its rows'."""
    for rule, one in enumerate(keys):
        rows = (one.entries & ROW).astype(np.int64)
        buffers = [None, pa.py_buffer(one.offsets), pa.py_buffer(one.texts)]
        texts = pa.Array.from_buffers(pa.large_binary(), len(one.offsets) - 1, buffers)
        columns = [
            pa.array((one.entries >> HALF).astype(np.int64)),
            pa.array(np.full(len(rows), rule, np.int32)),
            texts.take(pa.array(rows)).cast(pa.binary()),
            pa.array(np.full(len(rows), part, np.int32)),
            pa.array(rows + first),
            pa.array(sizes[rows]),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=KEYS)


def repeated(batches: Iterable[pa.RecordBatch], keeps: Sequence[Keep]) -> Iterator[pa.RecordBatch]:
    """The rows that repeat others, by the rules' `keeps`, of batches that together are sorted by `ORDER`."""
    held = pl.DataFrame(schema={**_frame(pa.Table.from_batches([], KEYS)).schema, "before": pl.Boolean})
    for batch in batches:
        rows = pl.concat([held, _frame(batch).with_columns(before=None)])
        same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("rule", "hash", "key"))
        rows = rows.with_columns(before=pl.coalesce("before", same, pl.lit(value=False)))
        # Whether the last one goes can depend on the first of the next batch.
        yield _going(rows.with_columns(after=pl.col("before").shift(-1)).head(-1), keeps)
        held = rows.tail(1)
    yield _going(held.with_columns(after=pl.lit(value=False)), keeps)


def _going(rows: pl.DataFrame, keeps: Sequence[Keep]) -> pa.RecordBatch:
    by_keep = {
        "first": pl.col("before"),
        "last": pl.col("after"),
        "none": pl.col("before") | pl.col("after"),
    }
    goes = [(pl.col("rule") == rule) & by_keep[keep] for rule, keep in enumerate(keeps)]
    gone = rows.filter(pl.any_horizontal(goes) if goes else False).select(REPEATS.names)
    return pa.RecordBatch.from_arrays([column.to_arrow() for column in gone], schema=REPEATS)


def _frame(batch: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    return pl.DataFrame({name: pl.from_arrow(batch.column(name)) for name in KEYS.names})
