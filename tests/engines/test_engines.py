"""One contract for all engines: what is hosted, what is rejected and why do not depend on where rows are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from world import World

from pipeline import run

from .clusters import Cluster, Here, cut
from .contacts import config, contacts, facts, plain, rejects_of


@pytest.mark.parametrize(("parts", "keep"), [(1, "exclude_first"), (5, "exclude_last"), (40, "all")])
def test_hosted_bytes_rejects_and_verdicts_are_those_of_the_local_engine(
    world: World, here: Here, cluster: Cluster, tmp_path: Path, parts: int, keep: str
) -> None:
    pieces = cut(contacts(1000), parts)
    local = run(here.frame(pieces), config(world, tmp_path, keep), until="stage")
    found = run(cluster.frame(pieces), config(world, tmp_path, keep), until="stage")
    assert facts(found) == facts(local)
    assert found.rejected > 300
    assert world.hosted(found) == world.hosted(local)
    assert rejects_of(world, found) == rejects_of(world, local)


def test_parts_begin_and_end_within_partitions_and_across_them(
    world: World, here: Here, cluster: Cluster, tmp_path: Path
) -> None:
    """Three parts of 8 MiB: one partition has a whole one, small ones have to be put together."""
    rows = pd.DataFrame({"EMAIL": [f"user{number}@example.com" for number in range(200_000)]}, dtype="str")
    rows["CITY"] = "a city with a long name, " * 4
    pieces = [rows.iloc[:150_000], *cut(rows.iloc[150_000:], 12)]
    schema = plain(tmp_path)
    local = run(here.frame(pieces), config(world, tmp_path, contract={"schema": schema}), until="stage")
    found = run(cluster.frame(pieces), config(world, tmp_path, contract={"schema": schema}), until="stage")
    assert facts(found) == facts(local)
    assert found.hosted
    assert local.hosted
    assert found.hosted.bytes > 20 << 20
    assert world.hosted(found) == world.hosted(local)
    assert found.hosted.head_sha256 == local.hosted.head_sha256


def test_the_whole_way_makes_one_job(world: World, cluster: Cluster, tmp_path: Path) -> None:
    pieces = cut(contacts(60), 3)
    jobs = len(world.jobs)
    made = config(world, tmp_path)
    first = run(cluster.frame(pieces), made)
    again = run(cluster.frame(pieces), made)
    assert (first.state, again.state, again.duplicate_of) == ("submitted", "duplicate_of", first.run_id)
    assert len(world.jobs) == jobs + 1
    assert world.unfinished == 0
