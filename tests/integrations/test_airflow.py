"""Real Airflow: its scheduler, triggerer and worker, of which one after the other is killed.

Run by `make test-airflow`, which installs Airflow in an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crashes import CONTRACT, Watched
from fakes import Arrived, free_port, wire
from ledgers import Ahead, store_port
from world import World, a_world

from integrations.airflow import BIN, ENDS, ROOT, Airflow, Platform, an_airflow, until
from pipeline.app import listening

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

API_KEY = "plantedapikey0123456789"
CALLBACKS = "planted-callback-secret-of-32-or-more"
EMAIL = "planted.person@example.com"
DAG = """
import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from pipeline.integrations.airflow import BulkUploadOperator


def note(context):
    Path(os.environ["PIDS"], context["run_id"]).write_text(str(os.getpid()))


with DAG("killed", schedule=None):
    BulkUploadOperator(
        task_id="upload",
        source="{{ dag_run.conf['source'] }}",
        config="{{ var.value.upload_config }}",
        wait=timedelta(minutes=10),
        poll=timedelta(seconds=1),
        aws_conn_id="bucket",
        api_conn_id="netcore",
        pre_execute=note,
    )
"""


@dataclass
class Case:
    """A DAG run whose worker is killed once, before or after a request to the store, and its source grows."""

    name: str
    at: str = ""
    moment: str = ""
    runs: set[str] = field(default_factory=set)
    is_killed: bool = False


CASES = (
    Case("before-the-claim", "claim.json", "before"),
    Case("after-the-claim", "claim.json", "after"),
    Case("after-the-post", "answer.json", "before"),
    Case("after-the-answer", "answer.json", "after"),
    Case("while-deferred"),
)


@dataclass
class Bench:
    """All of it, and what the killer needs to know."""

    world: World
    airflow: Airflow
    platform: Platform
    pids: Path

    def source(self, case: Case) -> Path:
        return self.pids.parent / f"{case.name}.csv"

    def kill(self, request: Arrived, moment: str) -> bool:
        """Kill the worker of the case that the request is about, if it is time."""
        if request.method not in ("PUT", "POST"):
            return False
        text = request.target + request.body.decode("latin-1")
        for case in CASES:
            if "started.json" in request.target and f"killed {case.name} upload" in text:
                case.runs.add(request.target.split("/runs/")[1].split("/")[0])
            mine = any(run in text for run in case.runs)
            if (
                mine
                and case.at
                and case.at in request.target
                and moment == case.moment
                and not case.is_killed
            ):
                case.is_killed = True
                self.grow(case)
                os.kill(int((self.pids / case.name).read_text()), signal.SIGKILL)
                return moment == "before"
        return False

    def grow(self, case: Case) -> None:
        with self.source(case).open("a") as file:
            file.write("another.person@example.com\n")

    def reaches(self, case: Case, *states: str) -> None:
        """Return when the case's task is in one of these states."""
        until(lambda: self.state(case) in states, f"{case.name} is not {states}")

    def state(self, case: Case) -> str:
        return str(self.airflow.task("killed", case.name)["state"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("airflow")
    for name in ("dags", "pids"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "examples" / "airflow_dag.py", folder / "dags")
    (folder / "dags" / "killed.py").write_text(DAG)
    platform = Platform()
    Ahead.seconds = 200  # a claim of the dead is past its time at once
    with (
        pytest.MonkeyPatch.context() as patch,
        a_world(folder) as world,
        wire(platform) as api,
        wire(store := Watched(store_port(world))) as proxy,
    ):
        (folder / "contract.py").write_text(CONTRACT)
        (folder / "contacts.csv").write_text(f"EMAIL\n{EMAIL}\n")
        patch.setenv("CALLBACKS", CALLBACKS)
        own = f"127.0.0.1:{free_port()}"
        config = {
            "contract": {"schema": f"{folder}/contract.py:CONTACT", "rejects": str(folder / "rejects")},
            "stage": {
                "bucket": world.sandbox.bucket,
                "region": world.sandbox.region,
                "endpoint_url": proxy.url,
            },
            "submit": {"base_url": f"{api.url}/apiv2", "account": "airflow"},
            "track": {"callback_url": f"http://{own}", "listen": own, "secret": "${CALLBACKS}"},
        }
        (folder / "upload.json").write_text(json.dumps(config))
        keys = {"login": world.sandbox.access_key, "password": world.sandbox.secret_key}
        environment = {
            "AIRFLOW_CONN_BUCKET": json.dumps({"conn_type": "aws", **keys}),
            "AIRFLOW_CONN_NETCORE": json.dumps({"conn_type": "generic", "password": API_KEY}),
            "AIRFLOW_VAR_CONTACTS_FOLDER": str(folder),
            "AIRFLOW_VAR_UPLOAD_CONFIG": str(folder / "upload.json"),
            "CALLBACKS": CALLBACKS,
            "PIDS": str(folder / "pids"),
        }
        with listening(config), an_airflow(folder, environment) as airflow:
            made = Bench(world, airflow, platform, folder / "pids")
            store.on = made.kill
            yield made
    Ahead.seconds = 0


def test_airflow_finds_the_provider_and_the_example_parses(bench: Bench) -> None:
    assert "netcore-bulk-upload" in bench.airflow.command("providers", "list")
    until(lambda: bench.airflow.ask("GET", "dags")["total_entries"] == 2, "the DAGs are not parsed")
    assert bench.airflow.ask("GET", "importErrors")["import_errors"] == []
    ruff = ROOT / ".venv" / "bin" / "ruff"
    lint: list[str | Path] = [ruff, "check", "--isolated", "--select", "AIR", "examples/airflow_dag.py"]
    subprocess.run(lint, check=True, cwd=ROOT)


def test_nothing_else_imports_airflow(bench: Bench) -> None:
    names = [path.stem for path in (ROOT / "pipeline").glob("*.py") if path.stem != "__main__"]
    modules = ", ".join(f"pipeline.{name}" for name in names)
    program = f"import sys, pipeline, {modules}\nprint([n for n in sys.modules if n.startswith('airflow')])"
    done = subprocess.run([BIN / "python", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_there_is_one_job_whenever_a_worker_dies(bench: Bench) -> None:
    airflow, platform = bench.airflow, bench.platform
    until(lambda: airflow.ask("GET", "dags")["total_entries"] == 2, "the DAGs are not parsed")
    airflow.ask("PATCH", "dags/killed", {"is_paused": False})
    for case in CASES:
        bench.source(case).write_text(f"EMAIL\n{EMAIL}\n")
        airflow.trigger("killed", case.name, {"source": str(bench.source(case))})
    before, claimed, posted, answered, deferred = CASES

    bench.reaches(deferred, "deferred")
    airflow.stop("triggerer")
    bench.grow(deferred)
    airflow.start("triggerer")

    for case in (before, answered):
        bench.reaches(case, "deferred")
    for case in (claimed, posted):  # nobody knows whether there is a job, so nobody tries again
        bench.reaches(case, "failed")
        assert airflow.task("killed", case.name)["try_number"] == 2  # of three
    for case in CASES:
        assert case.is_killed is bool(case.at)
        assert len(platform.of(case.runs)) == (0 if case is claimed else 1)

    for case in CASES:
        platform.call_back(case.runs)
    airflow.clear("killed", posted.name)  # the callback has proved its job
    airflow.clear("killed", answered.name)
    for case in (before, posted, answered, deferred):
        bench.reaches(case, *ENDS)
        assert bench.state(case) == "success"
        assert len(platform.of(case.runs)) == 1
    assert bench.state(claimed) == "failed"
    for case in (posted, answered):
        said = airflow.xcom("killed", case.name)
        assert said["duplicate_of"] in case.runs
        assert said["content_differs"] is True
    said = airflow.xcom("killed", deferred.name)
    assert (said["state"], said["accepted"], said["counts"]) == ("completed", 1, {"success": 2})
    assert said["requestid"] == platform.of(deferred.runs)[0]["requestid"]


def test_the_example_runs_by_dags_test_and_tells_nothing(bench: Bench) -> None:
    before = len(bench.platform.jobs)
    test = subprocess.Popen(
        [BIN / "airflow", "dags", "test", "netcore_contacts", "2026-03-01"],
        env=bench.airflow.environment, cwd=bench.airflow.home,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    until(lambda: len(bench.platform.jobs) > before, "it never submits")
    job = bench.platform.jobs[-1]
    bench.platform.call_back({job["path"].split("hosted/")[1][:25]})
    said, _ = test.communicate(timeout=300)
    assert test.returncode == 0, said
    assert "state=success" in said or "SUCCESS" in said
    told = [said.encode(), *(path.read_bytes() for path in bench.airflow.home.rglob("*.log"))]
    told.append((bench.airflow.home / "airflow.db").read_bytes())
    for planted in (
        EMAIL,
        API_KEY,
        CALLBACKS,
        bench.world.sandbox.secret_key,
        "X-Amz-Signature=",
        job["callback"],
    ):
        assert not any(planted.encode() in text for text in told), planted
