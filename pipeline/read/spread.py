"""A frame that lies on a cluster: its head is read here, its rows are read by the workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pipeline.handoffs import Header, Slice
from pipeline.read.columns import has_only_days
from pipeline.read.framehead import check_index, head_of
from pipeline.read.header import UNNAMED_HINT

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import SourceConfig
    from pipeline.engines.mapreduce import Engine


@dataclass(frozen=True)
class SpreadFrame:
    """An opened frame on a cluster (a `Source`), whose slices the `engine` has.

    In the columns of `days` a midnight is its day; `added` are those that a rejects file of ours has.
    """

    engine: Engine
    header: Header
    added: tuple[str, ...]
    days: Sequence[bool]
    size: None = None
    crc32: None = None
    place_column: Literal["_row"] = "_row"
    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.engine.name

    @property
    def doubts(self) -> tuple[str, ...]:
        """A frame leaves nothing out."""
        return ()

    @property
    def hints(self) -> Mapping[str, str]:
        """What to do where nearly all records are malformed, by the reason."""
        return {"unnamed_cell": UNNAMED_HINT}

    def slices(self) -> Iterator[Slice]:
        """Those that are on this machine: none."""
        return iter(())


@contextmanager
def open_dask(
    frame: Any, config: SourceConfig, *, slice_bytes: int | None, **contract: Any
) -> Iterator[SpreadFrame]:
    """A Dask DataFrame, opened; see `open_source`. Partitions are its slices."""
    from pipeline.engines.dask import DaskEngine

    del slice_bytes
    engine = DaskEngine(frame)
    check_index(engine.empty, config, contract["contract_names"])
    head = head_of(engine.columns, config, **contract)
    moments = [str(name) for name, kind in engine.empty.dtypes.items() if str(kind).startswith(_MOMENTS)]
    found = engine.each(partial(_only_days, moments), moments) if moments else []
    only = {name: all(days[at] for days in found) for at, name in enumerate(moments)}
    days = [
        takes or only.get(str(name), False) for name, takes in zip(engine.columns, head.days, strict=True)
    ]
    yield SpreadFrame(engine, head.header, head.added, days)


@contextmanager
def open_spark(
    frame: Any, config: SourceConfig, *, slice_bytes: int | None, **contract: Any
) -> Iterator[SpreadFrame]:
    """A Spark DataFrame, opened; see `open_source`. Its types tell dates from date-times."""
    from pipeline.engines.spark import SparkEngine

    del slice_bytes
    engine = SparkEngine(frame)
    head = head_of(engine.columns, config, **contract)
    yield SpreadFrame(engine, head.header, head.added, head.days)


_MOMENTS = ("datetime64[", "timestamp[")


def _only_days(columns: Sequence[str], part: pd.DataFrame) -> list[bool]:
    """Which of the columns hold nothing but midnights, as far as this partition knows."""
    return [has_only_days(part[name]) for name in columns]
