"""What the docs say is what the code does: their examples are run, their tables are made anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from judging import verdict
from world import a_world, rows_of

from docs.generate import frame_values, reading_table, state_diagram, typed_view
from pipeline import validate
from pipeline.contract import ContractSource, load_contract

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def test_the_contract_of_the_docs_does_what_they_say(tmp_path: Path) -> None:
    (code,), (given, staged) = blocks("contract.md", "python"), blocks("contract.md", "csv")
    (tmp_path / "own.py").write_text(code)
    (tmp_path / "source.csv").write_text(given)
    schema = str(tmp_path / "own.py:SUBSCRIBER")
    config = {"contract": {"schema": schema, "primary_key": "EMAIL", "max_rejected": 3}}
    validate(tmp_path / "source.csv", config, output=tmp_path)
    assert (tmp_path / "accepted.csv").read_text() == staged
    rejects = rows_of((tmp_path / "rejects.csv").read_bytes())
    line, reasons = rejects[0].index("_line"), rejects[0].index("_reasons")
    said = re.findall(r"^\| (\d+) \| `(.*)` \|$", (DOCS / "contract.md").read_text("utf-8"), re.MULTILINE)
    assert [(row[line], row[reasons]) for row in rejects[1:]] == said


def test_the_yaml_contract_of_the_docs_does_what_it_says(tmp_path: Path) -> None:
    (written,) = blocks("contract.md", "yaml")
    (tmp_path / "own.yaml").write_text(written)
    contract = load_contract(ContractSource("own.yaml", tmp_path))
    cells = pl.DataFrame(
        {"EMAIL": ["a@example.com", "no", None], "PLAN": ["free", "NO", None], "SEATS": ["007", "0", "x"]}
    )
    assert verdict(contract, cells) == (
        (1, "EMAIL:email"),
        (1, "PLAN:isin(['free', 'plus'])"),
        (1, "SEATS:in_range(1, 500)"),
        (2, "EMAIL:not_nullable"),
        (2, "SEATS:coerce_dtype('Int64')"),
    )
    assert contract.rules.strict == "drop"


@pytest.mark.slow
def test_the_page_for_python_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with a_world(tmp_path) as world:
        box = world.sandbox
        keys = f"aws_access_key_id = {box.access_key}\naws_secret_access_key = {box.secret_key}\n"
        (tmp_path / "credentials").write_text(f"[marketing]\n{keys}")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("NETCORE_API_KEY", box.api_key)
        contract = {"schema": "subscriber.py:SUBSCRIBER", "primary_key": "EMAIL", "max_rejected": "50%"}
        config = world.config(submit={"api_key": "${NETCORE_API_KEY}"}) | {"contract": contract}
        (tmp_path / "upload.yaml").write_text(json.dumps(config))
        page: dict[str, Any] = {}
        for block in blocks("python.md", "python"):
            exec(compile(block, "python.md", "exec"), page)  # noqa: S102 - it is ours
        assert len(world.jobs) == 5
    out = capsys.readouterr().out
    assert out.startswith("2 1 {'EMAIL:email': 1}\n")
    assert "ravi.example.com" in out
    assert out.endswith("{'pune': 'submitted', 'nagpur': 'submitted'}\n")
    assert page["uploaded"].state == "submitted"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("frames.md", frame_values),
        ("contract.md", typed_view),
        ("readings.md", reading_table),
        ("ledger.md", state_diagram),
    ],
)
def test_tables_are_made_of_the_code(page: str, table: object) -> None:
    assert callable(table)
    assert table() in (DOCS / page).read_text("utf-8")


def test_the_retries_of_the_readme_stop_at_what_no_retry_mends(tmp_path: Path) -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    (recipe,) = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", recipe], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, timeout=60
    )
    assert done.returncode == 2, done.stderr  # there is no upload.yaml
    assert json.loads((tmp_path / "result.json").read_text())["error"]["retryable"] is False
