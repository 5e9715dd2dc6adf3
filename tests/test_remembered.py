"""A contract that is another than remembered costs a second reading at most, whatever the source is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import pipeline
from pipeline.errors import SourceError
from pipeline.read import can_be_read_again

CONTRACT = """
import json
from pathlib import Path

import pandera.pandas as pa

COLUMN, CODES = json.loads(Path(__file__).with_name("codes.json").read_text())
CONTACT = pa.DataFrameSchema({COLUMN: pa.Column(str, pa.Check.isin(CODES))}, strict=True)
"""
CELLS = ["a", "b", "c"]


def _file(folder: Path) -> Path:
    path = folder / "contacts.csv"
    path.write_text("\n".join(["CODE", *CELLS, ""]))
    return path


def _gzipped(folder: Path) -> Path:
    path = folder / "contacts.csv.gz"
    path.write_bytes(gzip.compress(_file(folder).read_bytes()))
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "file": _file,
    "gzip": _gzipped,
    "pandas": lambda _: pd.DataFrame({"CODE": CELLS}),
    "polars": lambda _: pl.DataFrame({"CODE": CELLS}),
    "stream": lambda _: pa.table({"CODE": CELLS}).to_reader(),
}


@pytest.fixture
def accepted(tmp_path: Path) -> Callable[..., list[str]]:
    """What is accepted of a source by a contract that knows this column and these codes."""
    (tmp_path / "mine.py").write_text(CONTRACT)

    def run(source: Any, *knows: object) -> list[str]:
        (tmp_path / "codes.json").write_text(json.dumps(knows))
        config = {"contract": {"schema": f"{tmp_path / 'mine.py'}:CONTACT", "max_rejected": "100%"}}
        result = pipeline.validate(source, config, output=tmp_path / "out")
        lines = (tmp_path / "out" / "accepted.csv").read_text().split()
        rejects = tmp_path / "out" / "rejects.csv"
        rejected = pd.read_csv(rejects)["CODE"].tolist() if result.rejected else []
        assert (result.accepted, sorted([*lines[1:], *rejected])) == (len(lines) - 1, CELLS)
        return lines[1:]

    return run


@pytest.mark.parametrize("kind", SOURCES)
def test_codes_that_have_changed(kind: str, accepted: Callable[..., list[str]], tmp_path: Path) -> None:
    source = SOURCES[kind]
    assert accepted(source(tmp_path), "CODE", ["a", "b"]) == ["a", "b"]
    assert accepted(source(tmp_path), "CODE", ["b", "c"]) == ["b", "c"]
    assert accepted(source(tmp_path), "CODE", CELLS) == CELLS
    assert accepted(source(tmp_path), "CODE", ["c"]) == ["c"]
    assert can_be_read_again(source(tmp_path)) == (kind != "stream")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_column_that_has_changed(kind: str, accepted: Callable[..., list[str]], tmp_path: Path) -> None:
    source = SOURCES[kind]
    with pytest.raises(SourceError, match="NAME"):
        accepted(source(tmp_path), "NAME", CELLS)
    assert accepted(source(tmp_path), "CODE", CELLS) == CELLS
    with pytest.raises(SourceError, match="NAME"):
        accepted(source(tmp_path), "NAME", CELLS)
