"""What an engine of many machines does for us: a map over its partitions, a shuffle and sort, a reduce."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

    Batches = Iterator[pa.RecordBatch]
    Partition = pd.DataFrame | Batches

SENT = pa.schema([("number", pa.int32()), ("start", pa.int64()), ("data", pa.binary())])
"""What is shuffled: rows of one `number` come to one place, sorted by ORDER."""

BY, ORDER = "number", ("number", "start")


@dataclass(frozen=True)
class MapReduce:
    """One job on a cluster; its functions are sent to workers by pickle, and raise nothing of ours.

    `map` is given a partition's place in the frame, from 0, and its rows, and makes batches of the schema
    SENT. These come shuffled into `reduce`, which makes batches of the schema `result`. `places` is how many
    there are to be, None: as the engine likes.
    """

    map: Callable[[int, Partition], Batches] = field(repr=False)
    reduce: Callable[[Batches], Batches] = field(repr=False)
    result: pa.Schema
    places: int | None = None


class Engine(Protocol):
    """A frame on a cluster, its rows in an order of partitions and of rows in each."""

    @property
    def name(self) -> str:
        """What the frame is called."""

    @property
    def columns(self) -> Sequence[object]:
        """The names of its columns."""

    def carry_out(self, job: MapReduce) -> pa.Table:
        """What the job comes to, on this machine. Raises SourceError where the frame cannot be computed."""
