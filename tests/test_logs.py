"""What a run logs: each hand-over once, with facts for programs, and nothing that a log must not hold."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import ROOT, ROWS, World, a_world

from pipeline import PipelineError, run
from pipeline.logs import log_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def handed_over(records: list[logging.LogRecord]) -> list[dict[str, object]]:
    """The facts of each hand-over, without what every log record has."""
    usual = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    return [
        {name: value for name, value in vars(each).items() if name not in usual}
        for each in records
        if hasattr(each, "step")
    ]


@pytest.mark.slow
def test_each_hand_over_is_logged_once_with_its_facts(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    result = run(world.contacts, world.waiting())
    found = handed_over(caplog.records)
    assert [each["step"] for each in found] == ["validate", "stage", "submit", "track", "end"]
    assert {each["run_id"] for each in found} == {result.run_id}
    assert all(isinstance(each["seconds"], float) for each in found[:-1])
    assert result.hosted
    assert found[1]["key"] == result.hosted.key
    assert found[-1] == {
        "run_id": result.run_id, "step": "end", "rows": 6, "accepted": 2, "rejected": 4,
        "key": result.hosted.key, "request_id": result.requestid, "state": "completed",
    }  # fmt: skip
    for row in ROWS:
        assert not any(cell in caplog.text for cell in row if len(cell) > 5)


def test_a_run_that_fails_logs_its_end_too(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    with pytest.raises(PipelineError):
        run(world.contacts, world.config(contract={"max_rejected": 0}))
    last = handed_over(caplog.records)[-1]
    assert (last["step"], last["state"], last["error"]) == ("end", "rejected", "RejectedRows")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "text"])
def test_the_command_line_writes_logs_to_standard_error(tmp_path: Path, form: str) -> None:
    (tmp_path / "in.csv").write_text("EMAIL,FIRST_NAME\na@example.com,Anna\nplanted,Plantagenet\n")
    (tmp_path / "config.yaml").write_text(
        f"contract: {{schema: '{ROOT}/schemas/contact.py:CONTACT', max_rejected: 1}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "validate", "in.csv", "-o", "out", "--json", "--log-format", form],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    said = json.loads(done.stdout)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "lantagenet" not in done.stderr
    if form == "text":
        assert all(said["run_id"] in line and " INFO " in line for line in lines)
        return
    first, last = map(json.loads, lines)
    assert (first["step"], first["rows"], first["rejected"], first["level"]) == ("validate", 2, 1, "INFO")
    assert first["time"].endswith("Z")
    assert (last["step"], last["state"], last["run_id"]) == ("end", "validated", said["run_id"])


def test_whatever_is_logged_names_its_run(caplog: pytest.LogCaptureFixture) -> None:
    """The logger itself is at hand in one module, and what that gives others names the run."""
    log_of("run-1").warning("%s is left", "it")
    assert [(each.run_id, each.message) for each in caplog.records] == [("run-1", "it is left")]  # type: ignore[attr-defined]
    direct = re.compile(r"getLogger\(\"pipeline|pipeline\.logs import .*\blog\b")
    files = [path for path in (ROOT / "pipeline").rglob("*.py") if direct.search(path.read_text())]
    assert [path.name for path in files] == ["logs.py"]
