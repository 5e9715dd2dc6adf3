"""Drivers that are killed and run again, and two at once: one job, as with files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from crashes import Bench, a_bench, all_at_once, check_after_a_death, check_nothing_is_left, killed_at

from .conftest import ENGINES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from rgw.server import Server

DRIVER = str(Path(__file__).with_name("driver.py"))
DEATHS = [
    ("dask", "partNumber", "after"),  # of a worker's request
    ("dask", "staged.json", "before"),
    ("dask", "claim.json", "after"),
    ("dask", "answer.json", "after"),
    ("spark", "partNumber", "after"),
]


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, rgw: Server, s3: S3Client, bucket: str, tmp_path: Path, engine: str
) -> Iterator[Bench]:
    """A bucket, an API, and drivers of that engine."""
    stage = {"bucket": bucket, "region": rgw.region}
    with a_bench(tmp_path / "drivers", s3, rgw.port, stage, rgw.owner) as made:
        if engine == "dask":
            client = request.getfixturevalue("dask_client")
            made.environment["DASK_SCHEDULER_ADDRESS"] = client.scheduler.address
        else:
            request.getfixturevalue("spark")  # which says what is missing here
            made.environment |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        made.command = (sys.executable, DRIVER, engine)
        yield made


@pytest.mark.parametrize(("engine", "name", "moment"), DEATHS)
def test_a_driver_that_is_killed_is_run_again(bench: Bench, name: str, moment: str) -> None:
    assert killed_at(bench, name, moment)
    check_after_a_death(bench, is_unknown=name == "claim.json")
    check_nothing_is_left(bench)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_drivers_at_once_submit_once(bench: Bench) -> None:
    results = all_at_once(bench, 2)
    assert sorted(result["state"] for result in results) == ["duplicate_of", "submitted"]
    assert {result["requestid"] for result in results} == set(bench.jobs.taken)
    assert len(bench.jobs.taken) == 1
    assert len([name for name in bench.names() if name.startswith(("hosted/", "upload"))]) == 1
