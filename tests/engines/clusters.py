"""A frame as each engine has it: cut into partitions, its rows in the same order."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from distributed import Client

Change = Callable[[pd.DataFrame], pd.DataFrame]


class Cluster(Protocol):
    """Where frames are computed."""

    name: str

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        """A frame of these partitions; `change` is made to each by the workers, whenever it is computed."""

    def logs(self) -> str:
        """What the workers have logged."""


@dataclass(frozen=True)
class Here:
    """This machine: one pandas DataFrame."""

    name: str = "local"

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        return pd.concat([change(part) if change else part for part in parts], ignore_index=True)

    def logs(self) -> str:
        return ""


@dataclass(frozen=True)
class DaskCluster:
    """Worker processes of Dask."""

    client: Client
    folder: Path
    name: str = "dask"

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        import dask
        import dask.dataframe as dd

        made = []
        for part in parts:
            path = self.folder / secrets.token_hex(8)
            part.to_pickle(path)
            made.append(dask.delayed(_read)(path, change))
        return dd.from_delayed(made, meta=parts[0].head(0))

    def logs(self) -> str:
        return f"{self.client.get_worker_logs()}{self.client.get_scheduler_logs()}"


@dataclass(frozen=True)
class SparkCluster:
    """Executors of Spark, which log in a folder: one row for each partition, with the path of it."""

    session: Any
    executors: Path
    folder: Path
    name: str = "spark"

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        paths = []
        for part in parts:
            paths.append((str(self.folder / secrets.token_hex(8)),))
            part.to_pickle(paths[-1][0])
        spread = self.session.sparkContext.parallelize(paths, len(paths)).toDF("path string")
        kinds = [SPARK_TYPES[kind.kind] for kind in map(np.dtype, _plain(parts[0]).dtypes)]
        schema = ", ".join(f"{name} {kind}" for name, kind in zip(parts[0].columns, kinds, strict=True))

        def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for path in batch.column("path").to_pylist():
                    part = _plain(_read(Path(path), change))
                    yield from pa.Table.from_pandas(part, preserve_index=False).to_batches(1000)

        return spread.mapInArrow(read, schema)

    def logs(self) -> str:
        app = self.session.sparkContext.applicationId
        return "".join(path.read_text() for path in self.executors.glob(f"*/work/{app}/*/std*"))


SPARK_TYPES = {"O": "string", "f": "double", "i": "bigint", "M": "timestamp_ntz"}


def _plain(part: pd.DataFrame) -> pd.DataFrame:
    """Texts as objects, which pandas and Arrow take for text, whichever versions they are of."""
    texts = [name for name in part if pd.api.types.is_string_dtype(part[name])]
    return part.astype(dict.fromkeys(texts, object))


def _read(path: Path, change: Change | None) -> pd.DataFrame:
    part: pd.DataFrame = pd.read_pickle(path)  # noqa: S301 - written above
    return change(part) if change else part


def cut(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """The frame in so many pieces of about one size; some are empty where there are few rows."""
    bounds = [len(frame) * number // count for number in range(count + 1)]
    return [frame.iloc[a:b] for a, b in itertools.pairwise(bounds)]
