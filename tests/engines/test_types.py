"""What each engine's columns become: the text that docs/frames.md promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from world import World

from pipeline import SourceError, run

from .clusters import DaskCluster, Here, SparkCluster, cut
from .contacts import config, plain

if TYPE_CHECKING:
    from distributed import Client

MOMENTS = [dt.datetime(1990, 5, 1), dt.datetime(1991, 6, 2), None, dt.datetime(1992, 7, 3)]


@pytest.mark.parametrize("last", [dt.datetime(1993, 1, 1), dt.datetime(1993, 1, 1, 13, 5)])
def test_columns_of_dask_become_the_text_that_pandas_columns_do(
    world: World, here: Here, dask_client: Client, tmp_path: Path, last: dt.datetime
) -> None:
    """Whether all are midnights is decided by all partitions."""
    moments = pd.Series([*MOMENTS, last])
    frame = pd.DataFrame(
        {
            "EMAIL": pd.Series([f"user{number}@example.com" for number in range(5)], dtype="str"),
            "AGE": [1.0, 2.0, None, 4.5, 1e-7],
            "COUNT": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "VIP": pd.array([True, None, False, True, True], dtype="boolean"),
            "BORN": moments,
            "SEEN": moments.dt.tz_localize("Asia/Kolkata"),
            "KIND": pd.Categorical(["F", None, "M", "F", "F"], categories=["F", "M"]),
        }
    )
    schema = plain(tmp_path)
    pieces = cut(frame, 3)
    local = run(here.frame(pieces), config(world, tmp_path, contract={"schema": schema}), until="stage")
    found = run(
        DaskCluster(dask_client, tmp_path).frame(pieces),
        config(world, tmp_path, contract={"schema": schema}),
        until="stage",
    )
    assert world.hosted(found) == world.hosted(local)
    assert (b"1990-05-01," in world.hosted(found)) is (last.hour == 0)


COLUMNS = {
    "EMAIL": "concat('user', id, '@example.com')",
    "AGE": "cast(id as double) / 4",
    "COUNT": "if(id = 1, null, id)",
    "VIP": "id > 2",
    "PRICE": "cast(id as decimal(10, 2))",
    "BORN": "date_add(date'1990-05-01', cast(id as int))",
    "SEEN": "timestamp_ntz'2024-02-29 13:05:01.5'",
    "ZONED": "timestamp'2024-02-29 13:05:00'",
    "CODE": "encode('Köln', 'utf-8')",
}


def test_columns_of_spark_become_the_text_that_arrow_columns_do(
    world: World, spark: Callable[[Path], SparkCluster], tmp_path: Path
) -> None:
    frame = (
        spark(tmp_path)
        .session.range(0, 6, 1, 3)
        .selectExpr(*(f"{value} {name}" for name, value in COLUMNS.items()))
    )
    made = config(world, tmp_path, contract={"schema": plain(tmp_path)})
    local = run(frame.toArrow(), made, until="stage")
    found = run(frame, made, until="stage")
    assert world.hosted(found) == world.hosted(local)
    assert b",1990-05-03," in world.hosted(found)
    with pytest.raises(SourceError, match="'LIST': values of type list"):
        run(frame.selectExpr("EMAIL", "array(1) LIST"), made, until="validate")
