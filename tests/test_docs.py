"""What the docs say is what the code does: their examples are run, their tables are made anew."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from judging import verdict
from world import rows_of

from docs.generate import frame_values, state_diagram, typed_view
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


@pytest.mark.parametrize(
    ("page", "table"),
    [("frames.md", frame_values), ("contract.md", typed_view), ("ledger.md", state_diagram)],
)
def test_tables_are_made_of_the_code(page: str, table: object) -> None:
    assert callable(table)
    assert table() in (DOCS / page).read_text("utf-8")
