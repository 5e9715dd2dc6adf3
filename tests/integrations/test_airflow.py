"""Real Airflow: its scheduler, triggerer and worker, of which one after the other is killed.

Run by `make test-airflow`, which installs Airflow in an environment of its own.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from integrations.airflow import BIN, ENDS, ROOT, until
from integrations.bench import API_KEY, CALLBACKS, CASES, EMAIL, Bench

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]


def test_airflow_finds_the_provider_and_the_example_parses(bench: Bench) -> None:
    assert "netcore-bulk-upload" in bench.airflow.command("providers", "list")
    until(lambda: bench.airflow.ask("GET", "dags")["total_entries"] == 4, "the DAGs are not parsed")
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
    until(lambda: airflow.ask("GET", "dags")["total_entries"] == 4, "the DAGs are not parsed")
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


def test_each_mapped_task_is_a_job_of_its_own_and_again_sends_anew(bench: Bench) -> None:
    airflow = bench.airflow
    for dag, run, jobs in (("mapped", "two", [2, 2]), ("again", "twice", [1, 2])):
        before = len(bench.platform.jobs)
        airflow.ask("PATCH", f"dags/{dag}", {"is_paused": False})
        airflow.trigger(dag, run, {"source": str(bench.pids.parent / "contacts.csv")})
        for count in jobs:
            assert airflow.end(dag, run) == "success"
            assert len(bench.platform.jobs) - before == count
            airflow.clear(dag, run)
        assert airflow.end(dag, run) == "success"


def test_lineage_tells_of_rows_and_rules(bench: Bench) -> None:
    airflow = bench.airflow
    (source := bench.pids.parent / "blank.csv").write_text(f"EMAIL,CITY\n{EMAIL},Ulm\n,Ulm\n")
    airflow.ask("PATCH", "dags/again", {"is_paused": False})
    airflow.trigger("again", "blank", {"source": str(source)})
    assert airflow.end("again", "blank") == "failed"
    until(lambda: airflow.lineage("FAIL", source), "no lineage of the failure")
    (read,) = airflow.lineage("FAIL", source)
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 2
    said = [(each["assertion"], each.get("column"), each["success"])
            for each in read["inputFacets"]["dataQualityAssertions"]["assertions"]]  # fmt: skip
    assert said == [("contract", None, False), ("not_nullable", "EMAIL", False)]
    contacts = bench.pids.parent / "contacts.csv"
    until(lambda: airflow.lineage("COMPLETE", contacts), "no lineage of a job")
    assert airflow.lineage("COMPLETE", contacts)[0]["inputFacets"]["dataQualityMetrics"]["rowCount"] == 1


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
