"""A Spark DataFrame: its partitions stay on the executors, and so does what is shuffled between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.engines.mapreduce import BY, ORDER, SENT
from pipeline.errors import SourceError

if TYPE_CHECKING:
    from pipeline.engines.mapreduce import MapReduce

_TYPES = {pa.int32(): "int", pa.int64(): "bigint", pa.binary(): "binary"}


@dataclass(frozen=True)
class SparkEngine:
    """A `pyspark.sql.DataFrame` (an `Engine`), computed by its own session."""

    frame: Any = field(repr=False)
    name: str = "a Spark frame"

    @property
    def columns(self) -> Sequence[object]:
        """The names of its columns."""
        return list(self.frame.columns)

    def carry_out(self, job: MapReduce) -> pa.Table:
        """What the job comes to. Raises SourceError where the frame cannot be computed."""
        try:
            mapped = self.frame.mapInArrow(_Map(job), _schema(SENT))
            places = (BY,) if job.places is None else (job.places, BY)
            sorted_by = mapped.repartition(*places).sortWithinPartitions(*ORDER)
            return _collected(sorted_by.mapInArrow(job.reduce, _schema(job.result)), job.result)
        except Exception as error:  # noqa: BLE001 - the user's own code runs in it, and fails with anything
            raise SourceError(
                f"The Spark frame could not be computed: {type(error).__name__}.",
                hint="Compute it by itself to see why: frame.count(). The executors need this package, "
                "too: docs/spark.md.",
            ) from None


@dataclass(frozen=True)
class _Map:
    """The map, as Spark calls it: it says itself which partition it is."""

    job: MapReduce = field(repr=False)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        yield from self.job.map(context.partitionId() if context else 0, batches)


def _schema(schema: pa.Schema) -> str:
    """As Spark's DDL has it."""
    return ", ".join(f"`{one.name}` {_TYPES[one.type]}" for one in schema)


def _collected(frame: Any, schema: pa.Schema) -> pa.Table:
    if hasattr(frame, "toArrow"):
        return frame.toArrow().cast(schema)
    rows = [row.asDict() for row in frame.collect()]  # Spark 3.5
    return pa.Table.from_pylist(rows, schema)
