"""Tests of frames on clusters, all marked `engines`: `make test-engines` runs them, `make test` does not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rgw.conftest import bucket, rgw, s3  # noqa: F401 - fixtures
from world import World, a_world, without_credentials

from .clusters import Cluster, DaskCluster, Here, SparkCluster
from .standalone import SETTINGS, standalone

if TYPE_CHECKING:
    from distributed import Client
    from rgw.server import Server

ENGINES = ("dask", "spark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope="session")
def role(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of credentials, which is not there yet, and where workers look for theirs."""
    return tmp_path_factory.mktemp("role") / "credentials"


@contextmanager
def on_workers(role: Path) -> Iterator[None]:
    """Within it, processes are started that have no credentials but those of the role."""
    with pytest.MonkeyPatch.context() as patch:
        without_credentials(patch)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(role))
        yield


@pytest.fixture(scope="session")
def dask_client(role: Path) -> Iterator[Client]:
    """Two worker processes, and a scheduler."""
    distributed = pytest.importorskip("distributed", reason="needs .[dask]")
    with ExitStack() as stack:
        with on_workers(role):
            aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
            # One that takes the place of a killed worker has the tests' credentials, unless told otherwise.
            started = distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                dashboard_address=None,
                env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", **aws},
            )
            cluster = stack.enter_context(started)
        yield stack.enter_context(distributed.Client(cluster))


@pytest.fixture(scope="session")
def spark(role: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], SparkCluster]]:
    """Two executors, each a process of its own with one core; a folder for frames makes it a cluster."""
    sql = pytest.importorskip("pyspark.sql", reason="needs .[spark]")
    if not shutil.which("java"):
        pytest.skip("needs Java 17: apt-get install openjdk-17-jre-headless")
    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        # Executors unpickle what the tests define by name.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        with on_workers(role):
            master = stack.enter_context(standalone(folder))
        builder = sql.SparkSession.builder.master(master)
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield partial(SparkCluster, session, folder)
        session.stop()


@pytest.fixture(params=ENGINES)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Cluster:
    """A cluster of each engine in turn."""
    clusters: dict[str, Any] = {
        "dask": lambda: DaskCluster(request.getfixturevalue("dask_client"), tmp_path),
        "spark": lambda: request.getfixturevalue("spark")(tmp_path),
    }
    made: Cluster = clusters[request.param]()
    return made


@pytest.fixture
def here() -> Here:
    """This machine's own engine, which the others are compared with."""
    return Here()


@dataclass
class Owned:
    """A bucket of a real store's, and its owner."""

    bucket: str
    region: str
    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)


@pytest.fixture(scope="session")
def world(
    rgw: Server,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A world whose files go to a real store, Ceph RGW."""
    rgw.client().create_bucket(Bucket="contacts")
    owner = rgw.owner
    owned = Owned("contacts", rgw.region, rgw.endpoint_url, owner.access_key, owner.secret_key)
    with a_world(tmp_path_factory.mktemp("world"), owned) as made:
        yield made
