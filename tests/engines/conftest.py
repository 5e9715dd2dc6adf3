"""Tests of frames on clusters, all marked `engines`: `make test-engines` runs them, `make test` does not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rgw.packages import NoPackages
from rgw.server import Server
from world import World, a_world

from .clusters import Cluster, DaskCluster, Here, SparkCluster

if TYPE_CHECKING:
    from distributed import Client
    from pyspark.sql import SparkSession

ENGINES = ("dask", "spark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope="session")
def dask_client() -> Iterator[Client]:
    """Two worker processes, and a scheduler."""
    distributed = pytest.importorskip("distributed", reason="needs .[dask]")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def spark_session() -> Iterator[SparkSession]:
    """Two executors, each a process of its own with one core, and a driver."""
    sql = pytest.importorskip("pyspark.sql", reason="needs .[spark]")
    if not shutil.which("java"):
        pytest.skip("needs Java 17: apt-get install openjdk-17-jre-headless")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        # Executors unpickle what the tests define by name.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "4",
            "spark.task.maxFailures": "4",
            "spark.log.level": "ERROR",
        }.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield session
        session.stop()


@pytest.fixture(params=ENGINES)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Cluster:
    """A cluster of each engine in turn."""
    clusters: dict[str, Any] = {
        "dask": lambda: DaskCluster(request.getfixturevalue("dask_client"), tmp_path),
        "spark": lambda: SparkCluster(request.getfixturevalue("spark_session"), tmp_path),
    }
    made: Cluster = clusters[request.param]()
    return made


@pytest.fixture
def here() -> Here:
    """This machine's own engine, which the others are compared with."""
    return Here()


@dataclass(frozen=True)
class Owned:
    """A bucket of a real store's, and its owner."""

    bucket: str
    region: str
    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose files go to a real store, Ceph RGW."""
    try:
        server = Server.start()
    except NoPackages as reason:
        pytest.skip(str(reason))
    keys, name = server.owner, "contacts"
    server.client().create_bucket(Bucket=name)
    owned = Owned(name, server.region, server.endpoint_url, keys.access_key, keys.secret_key)
    with a_world(tmp_path_factory.mktemp("world"), owned) as made:
        yield made
    server.stop()
