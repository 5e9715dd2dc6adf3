"""A whole Airflow on loopback, as processes, and the API that it submits to; nothing here imports Airflow."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests
from fakes import Wire, answer, free_port, read_request

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-airflow" / "bin"
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
ENDS = ("success", "failed")
LINEAGE = "lineage.log"


@dataclass
class Platform:
    """An API that takes every job whose request arrives whole, and calls back when it is told to."""

    jobs: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, _server: Wire, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is None or b"path=" not in request.body:
            return
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.jobs.append(form | {"requestid": secrets.token_hex(16)})
        said = {"requestid": self.jobs[-1]["requestid"], "result": "Success"}
        connection.sendall(answer(200, json.dumps(said).encode()))

    def of(self, run_ids: set[str]) -> list[dict[str, str]]:
        """The jobs of these runs."""
        return [
            job for job in self.jobs if re.findall(r"hosted/([0-9TZ]+-[0-9a-f]+)-", job["path"])[0] in run_ids
        ]

    def call_back(self, run_ids: set[str]) -> None:
        """Say of the jobs of these runs that they are done."""
        for job in self.of(run_ids):
            body = {"requestid": job["requestid"], "status": "Completed", "success": 2}
            assert requests.post(job["callback"], json=body, timeout=10).ok


@dataclass
class Airflow:
    """The running parts of an Airflow, each a process group of its own, and its REST API."""

    home: Path
    environment: dict[str, str]
    url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    http: requests.Session = field(default_factory=requests.Session)

    def start(self, part: str) -> None:
        with (self.home / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(
                [BIN / "airflow", part], env=self.environment, cwd=self.home, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def stop(self, part: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(part)
        os.killpg(process.pid, number)
        process.wait(30)

    def command(self, *arguments: str) -> str:
        """What that command prints."""
        done = subprocess.run(
            [BIN / "airflow", *arguments], env=self.environment, cwd=self.home, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def keep_up(self) -> None:
        """Start again what has ended by itself, as a service manager does."""
        for part, process in list(self.processes.items()):
            if process.poll() is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                self.start(part)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self.keep_up()
        reply = self.http.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=60)
        assert reply.ok, f"{path}: {reply.status_code} {reply.text[:500]}"
        return reply.json()

    def trigger(self, dag: str, run: str, conf: dict[str, Any]) -> None:
        self.ask("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None, "conf": conf})

    def clear(self, dag: str, run: str) -> None:
        """Let the run's tasks run again.

        Its tasks get new ids. A scheduler that still holds the old ones, as it does for half a second after
        a run's end, dies of that where the database is SQLite, which locks no rows.
        """
        time.sleep(3)
        body = {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}
        self.ask("POST", f"dags/{dag}/clearTaskInstances", body)

    def task(self, dag: str, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"dags/{dag}/dagRuns/{run}/taskInstances/upload")
        return found

    def end(self, dag: str, run: str) -> str:
        """How the DAG run ends."""

        def state() -> str:
            return str(self.ask("GET", f"dags/{dag}/dagRuns/{run}")["state"])

        until(lambda: state() in ENDS, f"{dag} {run} does not end")
        return state()

    def lineage(self, kind: str, source: Path) -> list[dict[str, Any]]:
        """What the OpenLineage events of this kind say of that file."""
        events = map(json.loads, (self.home / LINEAGE).read_text().splitlines())
        inputs = [each for event in events if event["eventType"] == kind for each in event["inputs"]]
        return [each for each in inputs if each["name"] == str(source)]

    def xcom(self, dag: str, run: str) -> dict[str, Any]:
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/upload/xcomEntries/return_value?deserialize=true"
        value = self.ask("GET", path)["value"]
        found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
        return found


def until(is_so: Callable[[], Any], what: str, seconds: float = 240) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def settings(home: Path, port: int) -> dict[str, str]:
    """The environment of its processes: everything on loopback, quick to notice and to try again."""
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / LINEAGE), "append": True}
        ),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
        "_AIRFLOW__AS_LIBRARY": "",
    }


@contextmanager
def an_airflow(home: Path, environment: dict[str, str]) -> Iterator[Airflow]:
    """An Airflow whose DAGs are in `home`/dags, with this in its environment."""
    port = free_port()
    system = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW_"))}
    made = Airflow(home, system | settings(home, port) | environment, f"http://127.0.0.1:{port}")
    made.command("db", "migrate")
    try:
        for part in PARTS:
            made.start(part)
        until(lambda: _is_up(made), "the API server is not up")
        yield made
    finally:
        for part in list(made.processes):
            made.stop(part)
        made.http.close()


def _is_up(airflow: Airflow) -> bool:
    try:
        reply = airflow.http.get(f"{airflow.url}/auth/token", timeout=5)
    except requests.RequestException:
        return False
    if reply.ok:
        airflow.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    return reply.ok
