"""A worker that dies midway or lags: its tasks are run again, and the file is the same, in one piece."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from world import World

from pipeline import run

from .clusters import Cluster, Here, SparkCluster, cut
from .contacts import config, contacts, facts, plain, rejects_of


@pytest.mark.parametrize("computed", [2, 5])
def test_a_worker_that_is_killed_midway_changes_nothing(
    world: World, here: Here, cluster: Cluster, tmp_path: Path, computed: int
) -> None:
    """In pass 1, or in pass 2: with the `computed`-th partition that is computed its worker dies."""
    rows = pd.DataFrame({"EMAIL": [f"user{number}@example.com" for number in range(120_000)]}, dtype="str")
    rows["CITY"] = "a city with a long name, " * 4
    pieces = cut(rows, 4)
    log = tmp_path / "computed"

    def deadly(part: pd.DataFrame) -> pd.DataFrame:
        with log.open("a") as file:
            file.write("x")
        if log.stat().st_size == computed:
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    schema = plain(tmp_path)
    local = run(here.frame(pieces), config(world, tmp_path, contract={"schema": schema}), until="stage")
    found = run(
        cluster.frame(pieces, deadly), config(world, tmp_path, contract={"schema": schema}), until="stage"
    )
    assert log.stat().st_size > 2 * len(pieces)  # some were computed once more
    assert found.accepted == local.accepted == len(rows)
    assert world.hosted(found) == world.hosted(local)
    assert world.unfinished == 0


def test_a_straggler_that_spark_runs_twice_changes_nothing(
    world: World, here: Here, spark: Callable[[Path], SparkCluster], tmp_path: Path
) -> None:
    """In pass 1 and in pass 2; Dask runs no task twice but for a lost worker."""
    pieces = cut(contacts(400), 4)
    log = tmp_path / "computed"

    def slow_at_times(part: pd.DataFrame) -> pd.DataFrame:
        with log.open("a") as file:
            file.write("x")
        if log.stat().st_size in (4, 9):
            time.sleep(20)
        return part

    made = config(world, tmp_path)
    local = run(here.frame(pieces), made, until="stage")
    found = run(spark(tmp_path).frame(pieces, slow_at_times), made, until="stage")
    assert log.stat().st_size == 2 * len(pieces) + 2
    assert facts(found) == facts(local)
    assert world.hosted(found) == world.hosted(local)
    assert rejects_of(world, found) == rejects_of(world, local)
    assert world.unfinished == 0
