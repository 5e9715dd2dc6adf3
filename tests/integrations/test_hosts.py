"""Dagster, Prefect and plain Python, each by its example, whose process is killed once the job is accepted.

Run by `make test-integrations`, which installs each host in an environment of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crashes import Bench, a_bench
from fakes import Arrived
from ledgers import store_port
from world import ROOT, a_world

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(600)]

DAY = "2026-11-29"


@dataclass
class Host:
    """A host's interpreter, the program in which it runs the example, and what that prints."""

    name: str
    command: list[str]
    environment: dict[str, str]

    def start(self, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=self.environment | changes, start_new_session=True,
        )  # fmt: skip

    def run(self, **changes: str) -> Any:
        """What it prints, and its exit code where that is no JSON."""
        process = self.start(**changes)
        out, err = process.communicate(timeout=300)
        self.said = out + err
        if self.name == "python":
            return process.returncode, out.split()
        assert process.returncode == 0, self.said
        return json.loads(out.splitlines()[-1])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with a_world(tmp_path) as world:
        box = world.sandbox
        stage = {"bucket": box.bucket, "region": box.region}
        with a_bench(tmp_path / "host", world.s3, store_port(world), stage, box) as made:
            yield made


def host(bench: Bench, name: str) -> Host:
    config = bench.folder / "upload.json"
    submit = dict(bench.settings["submit"])
    if name == "prefect":
        del submit["api_key"]  # the block has it
    config.write_text(json.dumps(bench.settings | {"submit": submit}))
    contacts, bad = str(bench.folder / "contacts.csv"), str(bench.folder / "bad.csv")
    Path(bad).write_text("EMAIL,EMAIL\n")
    commands = {
        "python": [sys.executable, "examples/plain_python.py", str(config), contacts, DAY],
        "dagster": [".venv-dagster/bin/python", "tests/integrations/run_dagster.py", DAY],
        "prefect": [".venv-prefect/bin/python", "tests/integrations/run_prefect.py", DAY, contacts, bad],
    }
    own = {"CONTACTS": contacts, "UPLOAD_CONFIG": str(config), "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"}
    own |= {"PREFECT_HOME": str(bench.folder), "DAGSTER_HOME": "", "PREFECT_LOGGING_LEVEL": "DEBUG"}
    return Host(name, commands[name], bench.environment | own)


def die_with_the_answer(bench: Bench, example: Host) -> None:
    """Run it, and kill it as soon as the API's answer is recorded; then the source grows."""
    process: list[subprocess.Popen[str]] = []

    def kill(request: Arrived, moment: str) -> None:
        if moment == "after" and "answer.json" in request.target and request.method == "PUT":
            os.killpg(process[0].pid, signal.SIGKILL)  # with the server that Prefect starts

    bench.store.on = kill
    process.append(example.start())
    process[0].communicate(timeout=300)
    bench.store.on = lambda *_: None
    with (bench.folder / "contacts.csv").open("a") as file:
        file.write("another@example.com\n")


def check_nothing_is_told(bench: Bench, example: Host) -> None:
    env = bench.environment
    for planted in (
        "asha1@example.com",
        env["PLANTED_KEY"],
        env["AWS_SECRET_ACCESS_KEY"],
        "X-Amz-Signature=",
    ):
        assert planted not in example.said


def test_plain_python(bench: Bench) -> None:
    example = host(bench, "python")
    die_with_the_answer(bench, example)
    assert example.run() == (0, ["duplicate_of", "201", "0", bench.jobs.taken[0]])
    (bench.folder / "contacts.csv").write_text("EMAIL,EMAIL\n")
    assert example.run()[0] == 3
    assert len(bench.jobs.taken) == 1
    check_nothing_is_told(bench, example)


def test_dagster(bench: Bench) -> None:
    example = host(bench, "dagster")
    die_with_the_answer(bench, example)
    told = example.run()
    assert (told["success"], told["tries"], told["checks"]) == (True, 1, [True])
    assert told["metadata"]["dagster/row_count"] == 201
    assert told["metadata"]["state"] == "duplicate_of"
    assert told["metadata"]["requestid"] == bench.jobs.taken[0]
    assert len(bench.jobs.taken) == 1
    check_nothing_is_told(bench, example)
    told = example.run(CONTACTS="/nowhere.csv")
    assert (told["success"], told["tries"]) == (False, 1)  # no retry mends it


def test_prefect(bench: Bench) -> None:
    example = host(bench, "prefect")
    die_with_the_answer(bench, example)
    said = example.run()
    told, failed = said["told"]
    assert (told["state"], told["accepted"]) == ("duplicate_of", 201)
    assert told["requestid"] == bench.jobs.taken[0]
    assert [table[0]["run_id"] for table in said["artifacts"]] == [told["run_id"]]
    assert (failed, said["tries"]) == (None, [1, 1])  # no retry mends it
    assert len(bench.jobs.taken) == 1
    check_nothing_is_told(bench, example)


@pytest.mark.parametrize("name", ["dagster", "prefect"])
def test_nothing_else_imports_the_host(name: str) -> None:
    modules = [path.stem for path in (ROOT / "pipeline").glob("*.py") if path.stem != "__main__"]
    imports = ", ".join(f"pipeline.{module}" for module in modules)
    program = f"import sys, pipeline, {imports}\nprint([n for n in sys.modules if n.startswith({name!r})])"
    done = subprocess.run(
        [f".venv-{name}/bin/python", "-c", program], capture_output=True, text=True, check=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "[]\n"
