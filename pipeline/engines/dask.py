"""A Dask DataFrame: its partitions stay on the workers, and so does what is shuffled between them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa

from pipeline.engines.mapreduce import BY, ORDER, SENT
from pipeline.errors import SourceError

if TYPE_CHECKING:
    from pipeline.engines.mapreduce import MapReduce

T = TypeVar("T")


@dataclass(frozen=True)
class DaskEngine:
    """A `dask.dataframe.DataFrame` (an `Engine`), computed by the client that is active, if there is one."""

    frame: Any = field(repr=False)
    name: str = "a Dask frame"

    @property
    def columns(self) -> Sequence[object]:
        """The names of its columns."""
        return list(self.frame.columns)

    @property
    def empty(self) -> pd.DataFrame:
        """Its columns and dtypes, without rows."""
        empty: pd.DataFrame = self.frame._meta  # Dask's own documentation names it so
        return empty

    def each(self, work: Callable[[pd.DataFrame], T], columns: list[str]) -> list[T]:
        """What `work` makes of these columns of each partition, in order."""
        import dask

        return list(_computed(lambda: dask.compute(*map(dask.delayed(work), _parts(self.frame[columns])))))

    def carry_out(self, job: MapReduce) -> pa.Table:
        """What the job comes to. Raises SourceError where the frame cannot be computed."""
        import dask
        import dask.dataframe as dd

        # One node of the graph, for each task would carry its own copy.
        shared = dask.delayed(job, name=f"job-{secrets.token_hex(8)}", traverse=False)
        work = dask.delayed(_mapped, pure=True)
        mapped = [work(shared, number, part) for number, part in enumerate(_parts(self.frame))]
        between = dd.from_delayed(mapped, meta=_to_pandas(SENT.empty_table()), verify_meta=False)
        sorted_by = between.shuffle(BY, npartitions=job.places, ignore_index=True)
        reduced = sorted_by.map_partitions(
            _reduced, shared, meta=_to_pandas(job.result.empty_table()), enforce_metadata=False
        )
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
            return _to_arrow(_computed(reduced.compute), job.result)


def _parts(frame: Any) -> Sequence[Any]:
    parts: Sequence[Any] = frame.to_delayed()
    return parts


def _mapped(job: MapReduce, number: int, part: pd.DataFrame) -> pd.DataFrame:
    return _to_pandas(pa.Table.from_batches(job.map(number, part), SENT))


def _reduced(rows: pd.DataFrame, job: MapReduce) -> pd.DataFrame:
    table = _to_arrow(rows, SENT).sort_by([(name, "ascending") for name in ORDER])
    return _to_pandas(pa.Table.from_batches(job.reduce(iter(table.to_batches())), job.result))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def _computed(compute: Callable[[], T]) -> T:
    try:
        return compute()
    except Exception as error:  # noqa: BLE001 - the user's own code runs in it, and fails with anything
        raise SourceError(
            f"The Dask frame could not be computed: {type(error).__name__}.",
            hint="Compute it by itself to see why: frame.map_partitions(len).compute(). The workers need "
            "this package, too: docs/dask.md.",
        ) from None
