"""Uniqueness where the rows are on many machines: equal keys come together, by the first bits of their hash.

`packed_keys` is what a slice contributes, `repeated` looks through one or more whole shares. Whatever has one
hash is compared by the keys themselves. The rule is that of `Repeats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.arrays import Offsets
from pipeline.contract.rules import Keep
from pipeline.unique.hashfilter import HALF
from pipeline.unique.seen import ROW, Keys

SHARES = 128
_SHARE = np.uint64(57)  # the first bits of a hash say in which it is

_KEYS = pa.schema(
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

_ORDER = ("rule", "hash", "key", "part", "row")
REPEATS = pa.schema([("rule", pa.int32()), ("part", pa.int32()), ("row", pa.int64()), ("size", pa.int64())])


def packed_keys(
    keys: Sequence[Keys], part: int, first: int, sizes: Offsets
) -> Iterator[tuple[int, memoryview]]:
    """The keys of a slice, blank ones left out, by the share of hashes they are in.

    Its first row is `first` of `part`, `sizes` are its rows'. A few cells of bytes, for engines take long for
    many rows.
    """
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
        batch = pa.RecordBatch.from_arrays(columns, schema=_KEYS)
        edges = np.searchsorted(one.entries >> _SHARE, np.arange(SHARES + 1, dtype=np.uint64)).tolist()
        for share in range(SHARES):
            start, end = edges[share : share + 2]
            if start < end:
                yield share, memoryview(batch.slice(start, end - start).serialize())


def repeated(packed: Sequence[memoryview], keeps: Sequence[Keep]) -> pa.RecordBatch:
    """The rows that repeat others, by the rules' `keeps`, of whole shares of packed keys."""
    table = pa.Table.from_batches(
        [pa.ipc.read_record_batch(pa.py_buffer(one), _KEYS) for one in packed], _KEYS
    )
    keys = pl.DataFrame({name: pl.from_arrow(table.column(name)) for name in _KEYS.names})
    by_hash = pl.col("hash") * len(keeps) + pl.col("rule")
    rows = keys.filter(by_hash.is_duplicated()).sort(_ORDER)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("rule", "hash", "key"))
    rows = rows.with_columns(before=same.fill_null(value=False))
    rows = rows.with_columns(after=pl.col("before").shift(-1, fill_value=False))
    by_keep = {
        "first": pl.col("before"),
        "last": pl.col("after"),
        "none": pl.col("before") | pl.col("after"),
    }
    goes = [(pl.col("rule") == rule) & by_keep[keep] for rule, keep in enumerate(keeps)]
    gone = rows.filter(pl.any_horizontal(goes) if goes else False).select(REPEATS.names)
    return pa.RecordBatch.from_arrays([column.to_arrow() for column in gone], schema=REPEATS)
