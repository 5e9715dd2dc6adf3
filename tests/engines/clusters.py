"""A frame as each engine has it: cut into partitions, its rows in the same order."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

if TYPE_CHECKING:
    from distributed import Client

Change = Callable[[pd.DataFrame], pd.DataFrame]


class Cluster(Protocol):
    """Where frames are computed."""

    name: str

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        """A frame of these partitions; `change` is made to each by the workers, whenever it is computed."""


@dataclass(frozen=True)
class Here:
    """This machine: one pandas DataFrame."""

    name: str = "local"

    def frame(self, parts: Sequence[pd.DataFrame], change: Change | None = None) -> Any:
        return pd.concat([change(part) if change else part for part in parts], ignore_index=True)


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


def _read(path: Path, change: Change | None) -> pd.DataFrame:
    part: pd.DataFrame = pd.read_pickle(path)  # noqa: S301 - written above
    return change(part) if change else part


def cut(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """The frame in so many pieces of about one size; some are empty where there are few rows."""
    bounds = [len(frame) * number // count for number in range(count + 1)]
    return [frame.iloc[a:b] for a, b in itertools.pairwise(bounds)]
