"""What workers send one another through the engine's shuffle: few rows, each of them a number and some bytes.

In pass 1 the number is a share of all hashes and the bytes are keys, in pass 2 it is a part of the file and
the bytes are a piece of it. What is under the number RECORD is for the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.engines.mapreduce import SENT
from pipeline.spread.records import Record, encoded

if TYPE_CHECKING:
    from pipeline.engines.mapreduce import Batches

RECORD = -1


def sent(rows: Iterable[tuple[int, bytes | memoryview]], start: int = 0) -> pa.RecordBatch:
    """Numbers and bytes as rows; `start` is where these bytes stand among all of their number."""
    numbers, data = zip(*rows, strict=True)
    columns = [pa.array(numbers, pa.int32()), pa.array([start] * len(numbers)), pa.array(data, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=SENT)


def as_sent(record: Record) -> pa.RecordBatch:
    """The row of a record."""
    return sent([(RECORD, encoded(record))])


def by_number(received: Batches) -> Iterator[tuple[int, list[memoryview]]]:
    """All bytes of each number, of rows that together are sorted by ORDER."""
    rows = (
        (number, memoryview(data.as_buffer()))
        for batch in received
        for number, data in zip(batch.column("number").to_pylist(), batch.column("data"), strict=True)
    )
    for number, group in groupby(rows, itemgetter(0)):
        yield number, [data for _, data in group]
