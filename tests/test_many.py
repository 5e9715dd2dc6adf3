"""Many runs at once, each with its own config: nothing goes from one to another, nothing stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from world import ROOT, World, a_world

CONTRACT = """
import pandera.pandas as pa
OWN = pa.Check(lambda s: s == "{code}", name="own")
SCHEMA = pa.DataFrameSchema({{"CODE": pa.Column(str, OWN), "N": pa.Column(int)}})
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("many")) as made:
        yield made


def job(world: World, code: str, listid: int) -> dict[str, Any]:
    """A run whose contract takes rows with its own code only, of which its source has three among five."""
    folder = world.folder / code
    folder.mkdir()
    (folder / "contract.py").write_text(CONTRACT.format(code=code))
    codes = [code, "other", code, "other", code]
    (folder / "source.csv").write_text("CODE,N\n" + "".join(f"{each},{n}\n" for n, each in enumerate(codes)))
    config = world.config(
        contract={
            "schema": f"{folder}/contract.py:SCHEMA",
            "primary_key": "N",
            "rejects": f"{folder}/rejects",
        },
        stage={"prefix": f"{code}/"},
        submit={"listid": listid, "api_key": "${MANY_KEY}"},
    )
    return {"config": config, "source": str(folder / "source.csv"), "as_frame": listid % 2 == 1}


def start(world: World, jobs: list[dict[str, Any]], name: str) -> subprocess.Popen[str]:
    path = world.folder / f"{name}.json"
    path.write_text(json.dumps(jobs))
    environment = os.environ | {"MANY_KEY": world.sandbox.api_key}
    program = [sys.executable, str(Path(__file__).with_name("many.py")), str(path)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


def check(world: World, jobs: list[dict[str, Any]], process: subprocess.Popen[str]) -> None:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    said = json.loads(out)
    assert said["left"] == {"threads": [], "opened": []}
    assert len(said["results"]) == len(jobs) - 1
    for each, result in zip(jobs[1:], said["results"], strict=True):
        code = each["config"]["stage"]["prefix"].strip("/")
        assert (result["state"], result["error"]) == ("submitted", None)
        assert (result["accepted"], result["rejected"]) == (3, 2)
        assert result["reasons"] == {"CODE:own": 2}
        assert result["hosted"]["key"].startswith(f"{code}/hosted/")
        body = world.s3.get_object(Bucket=world.sandbox.bucket, Key=result["hosted"]["key"])["Body"].read()
        assert body.decode().splitlines() == ["CODE,N", *(f"{code},{n}" for n in (0, 2, 4))]
        assert sum(("listid", str(each["config"]["submit"]["listid"])) in got.form for got in world.jobs) == 1


@pytest.mark.slow
@pytest.mark.crowd
def test_fifty_runs_in_threads_of_one_process(world: World) -> None:
    jobs = [job(world, f"thread{n}", n) for n in range(51)]
    check(world, jobs, start(world, jobs, "threads"))


@pytest.mark.slow
@pytest.mark.crowd
def test_eight_processes_with_their_own_configs(world: World) -> None:
    lots = [[job(world, f"process{p}-{n}", 1000 + 10 * p + n) for n in range(3)] for p in range(8)]
    started = [start(world, jobs, f"process{p}") for p, jobs in enumerate(lots)]
    for jobs, process in zip(lots, started, strict=True):
        check(world, jobs, process)
