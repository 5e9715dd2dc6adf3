"""A standalone Spark on loopback: a master, and two workers that are hosts of their own to it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes import free_port

MAIN = "org.apache.spark.deploy"
HOSTS = ("127.0.0.2", "127.0.0.3")  # Spark runs no task a second time on a host that runs it already
SETTINGS = {
    "spark.cores.max": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.executor.memory": "1g",
    "spark.log.level": "ERROR",
    "spark.speculation": "true",
    "spark.speculation.minTaskRuntime": "4s",
    "spark.speculation.quantile": "0.5",
    "spark.sql.shuffle.partitions": "4",
    "spark.task.maxFailures": "4",
    "spark.ui.enabled": "false",
}


@contextmanager
def standalone(folder: Path) -> Iterator[str]:
    """The master's address while it is up; what executors log is in folder/*/work."""
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    addressed = ("--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
    processes = [_started(folder / "master", "master.Master", *addressed)]
    try:
        for host in HOSTS:
            own = ("--host", host, "--webui-port", "0", "--cores", "1", "--memory", "2g")
            processes.append(_started(folder / host, "worker.Worker", *own, master))
        _wait_for(folder / "master" / "log", b"Registering worker", len(HOSTS))
        yield master
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait(30)


def _started(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    import pyspark

    folder.mkdir()
    home = Path(pyspark.__file__).parent
    environment = os.environ | {"SPARK_HOME": str(home), "SPARK_WORKER_DIR": str(folder / "work")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [home / "bin" / "spark-class", f"{MAIN}.{name}", *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
        )  # fmt: skip


def _wait_for(log: Path, text: bytes, times: int) -> None:
    deadline = time.monotonic() + 60
    while log.read_bytes().count(text) < times:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
