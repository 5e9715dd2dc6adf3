"""One frame by this machine's own engine, by Dask and by Spark, on the same two cores, in turn.

    make bench-clusters
    .venv-engines/bin/python -m benchmarks.clusters --rows 1000000 --rounds 1

The frame is read from Parquet in each. The clusters are up before the clock starts. Of each run it says the
seconds, how much memory the process that calls `run` gained (Spark's is Python and Java), and what came to it
from the workers: how many bytes, and in how many cells there was an address. Spark packs files in another
order, so that another one of two rows with one key is the first, and a few rows more or fewer are accepted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.generate import generated
from benchmarks.measure import held
from benchmarks.run import CONFIG, CONTRACTS
from benchmarks.sink import DISCARDED, sink

ENGINES = ("local", "dask", "spark")
FILES = 16
SPARK = {
    "spark.driver.memory": "512m",  # so that Java does not take more merely because it may
    "spark.executor.memory": "2g",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
Said = dict[str, Any]


def local(folder: str, _stack: ExitStack) -> Any:
    """A pandas DataFrame, yet to be read."""
    import pandas as pd

    return lambda: pd.read_parquet(folder, dtype_backend="pyarrow")


def dask(folder: str, stack: ExitStack) -> Any:
    """A Dask DataFrame on two worker processes of one thread."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    stack.enter_context(Client(cluster))
    return lambda: dd.read_parquet(folder)


def spark(folder: str, stack: ExitStack) -> Any:
    """A Spark DataFrame on two executors of one core."""
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    builder = SparkSession.builder.master("local-cluster[2,1,2048]")
    for name, value in SPARK.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    stack.callback(session.stop)
    session.range(10).count()
    return lambda: session.read.parquet(folder)


def one(engine: str, folder: str, config: str) -> Said:
    """What one run by that engine takes."""
    import pipeline

    received = _counted()
    with ExitStack() as stack:
        read = {"local": local, "dask": dask, "spark": spark}[engine](folder, stack)
        time.sleep(3)
        memory = _Memory()
        start = time.perf_counter()
        result = pipeline.run(read(), config, until="stage")
        seconds = time.perf_counter() - start
        gained = memory.gained()
    return {
        "seconds": seconds,
        "gained": gained,
        "received": sum(table.nbytes for table in received),
        "addresses": sum(_addresses(table) for table in received),
        "accepted": result.accepted,
        "staged": result.to_dict()["staged"],
    }


def _counted() -> list[Any]:
    """What the engines bring to this process from now on."""
    from pipeline.engines.dask import DaskEngine
    from pipeline.engines.spark import SparkEngine

    received: list[Any] = []
    for kind in (DaskEngine, SparkEngine):

        def counting(self: Any, job: Any, was: Any = kind.carry_out) -> Any:
            received.append(was(self, job))
            return received[-1]

        kind.carry_out = counting  # type: ignore[method-assign]
    return received


def _addresses(table: Any) -> int:
    return sum(b"example." in cell.as_py() for column in table.columns for cell in column
               if column.type == "binary" and cell.is_valid)  # fmt: skip


class _Memory:
    """The memory of this process and, where it has one, of its Java, from now on."""

    def __init__(self) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        java = [int(pid) for pid in children if Path(f"/proc/{pid}/exe").readlink().name == "java"]
        self._pids = [os.getpid(), *java]
        self._idle = self._peak = self._held()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _held(self) -> int:
        return sum(map(held, self._pids))

    def _sample(self) -> None:
        while not self._ended.wait(0.1):
            self._peak = max(self._peak, self._held())

    def gained(self) -> int:
        """The most bytes above those of the beginning."""
        self._ended.set()
        self._thread.join()
        return self._peak - self._idle


def rounds(folder: Path, rows: int, count: int, engines: Sequence[str]) -> Iterator[tuple[str, Said]]:
    """Each engine in turn, so many times, each time in a fresh process."""
    import polars as pl

    frame = pl.read_csv(generated(rows, 1, "bare"), infer_schema=False)
    (parquet := folder / "parquet").mkdir()
    for number in range(FILES):
        first, last = rows * number // FILES, rows * (number + 1) // FILES
        frame[first:last].write_parquet(parquet / f"{number:03d}.parquet")
    del frame
    with sink() as address:
        names = {"contract": CONTRACTS["benchmark"], "folder": folder, "bucket": DISCARDED}
        (folder / "config.yaml").write_text(CONFIG.format(**names, address=address))
        secrets = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
        for _ in range(count):
            for engine in engines:
                how = ["--one", engine, "--folder", str(parquet), "--config", str(folder / "config.yaml")]
                command = [sys.executable, "-m", "benchmarks.clusters", *how]
                done = subprocess.run(command, env=os.environ | secrets, stdout=subprocess.PIPE, check=True)
                yield engine, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--one", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--config", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one, asked.folder, asked.config)))
        return
    found: dict[str, list[Said]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for engine, said in rounds(Path(folder), asked.rows, asked.rounds, asked.engines):
            found.setdefault(engine, []).append(said)
            print(engine, said, flush=True)
    for engine, all_said in found.items():
        median = statistics.median(said["seconds"] for said in all_said)
        gained, first = max(said["gained"] for said in all_said) / 1e6, all_said[0]
        came = f"{first['received']:,} bytes received, {first['addresses']} addresses"
        print(f"{engine:6} {median:7.1f} s, {gained:6.0f} MB gained, {came}")


if __name__ == "__main__":
    main()
