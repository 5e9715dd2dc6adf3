"""An Airflow beside an API and a store of this process; its workers can be killed at a request of theirs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crashes import CONTRACT, Watched
from fakes import Arrived, free_port, wire
from ledgers import Ahead, store_port
from world import World, a_world

from integrations.airflow import ROOT, Airflow, Platform, an_airflow, until
from pipeline.app import listening

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
MORE = """
from datetime import timedelta

from airflow.sdk import DAG

from pipeline.integrations.airflow import BulkUploadOperator

SAME = dict(
    config="{{ var.value.upload_config }}", wait=timedelta(0), aws_conn_id="bucket", api_conn_id="netcore"
)
with DAG("mapped", schedule=None):
    BulkUploadOperator.partial(task_id="upload", **SAME).expand(source=["SOURCE", "SOURCE"])
with DAG("again", schedule=None):
    BulkUploadOperator(task_id="upload", source="{{ dag_run.conf['source'] }}", again=True, **SAME)
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


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    """A running Airflow whose connections, DAGs and config are made in that folder."""
    for name in ("dags", "pids"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "examples" / "airflow_dag.py", folder / "dags")
    (folder / "dags" / "killed.py").write_text(DAG)
    (folder / "dags" / "more.py").write_text(MORE.replace("SOURCE", f"{folder}/contacts.csv"))
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
