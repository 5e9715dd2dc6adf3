"""A contract tested cell by cell, as its author would; sources without records; words that fit frames."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
from field import CONTACT, config_of, refused, validated
from world import a_world

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline import ConfigError, load_config, readings, run
from pipeline.testing import reasons

SCHEMA = pa.DataFrameSchema(
    {
        "EMAIL": pa.Column(str, pa.Check.email()),
        "MOBILE": pa.Column(str, nullable=True, metadata={"read": readings.phone("DE")}),
        "DOB": pa.Column(pa.Date, pa.Check.ge(dt.date(1900, 1, 1), error="early"), nullable=True),
        "SEATS": pa.Column("Int64", pa.Check(lambda s: s < 10, error="few"), nullable=True),
    },
)


def test_the_reasons_are_those_of_a_run() -> None:
    assert reasons(SCHEMA, EMAIL="anna@example.com", MOBILE="0171 2345678") == []
    assert reasons(SCHEMA, EMAIL="anna.example.com") == ["EMAIL:email"]
    assert reasons(SCHEMA, EMAIL="") == ["EMAIL:not_nullable"]
    assert reasons(SCHEMA, MOBILE="12", DOB="1899-12-31") == ["MOBILE:phone", "DOB:early"]
    assert reasons(SCHEMA, SEATS="12") == ["SEATS:few"]
    assert reasons(SCHEMA, SEATS="x") == ["SEATS:coerce_dtype('Int64')"]
    assert reasons(SCHEMA, EMAIL="a\0@example.com") == ["_record:nul"]


def test_values_of_a_frame_are_cells_too() -> None:
    assert reasons(SCHEMA, DOB=dt.date(1899, 12, 31), SEATS=12) == ["DOB:early", "SEATS:few"]
    assert reasons(SCHEMA, DOB=dt.date(1990, 12, 31), SEATS=None) == []


def test_a_contract_is_a_model_a_spec_or_a_config_too(tmp_path: Path) -> None:
    class Model(pa.DataFrameModel):
        EMAIL: str = pa.Field(str_contains="@")

    assert len(reasons(Model, EMAIL="x")) == 1
    assert reasons(CONTACT, MOBILE="0171 2345678") == ["MOBILE:phone", "MOBILE:no_missing_country_code"]
    own = load_config(config_of(region="DE", read={"DOB": "date DD.MM.YYYY"}))
    assert reasons(own, EMAIL="a@example.com", MOBILE="0171 2345678", DOB="31.12.1990") == []
    assert reasons(own, EMAIL="") == ["EMAIL:not_nullable"]
    with pytest.raises(ConfigError):
        reasons("nowhere.py:CONTACT", EMAIL="x")


def test_an_empty_source_is_no_error_where_it_is_allowed(tmp_path: Path) -> None:
    empty: list[Any] = ["EMAIL,MOBILE\n", pd.DataFrame({"EMAIL": pd.Series([], dtype=str)})]
    for source in empty:
        assert "source.allow_empty" in refused(tmp_path, source).hint
        got = validated(tmp_path, source, source={"allow_empty": True})
        assert (got.result.state, got.result.records, got.accepted) == ("validated", 0, [])
        assert any("no records" in warning for warning in got.result.warnings)


@pytest.mark.slow
def test_an_empty_source_that_is_allowed_makes_no_job(tmp_path: Path) -> None:
    frame = pd.DataFrame({"EMAIL": pd.Series([], dtype=str)})
    with a_world(tmp_path) as world, world.untouched():
        for _ in range(2):
            result = run(frame, world.config(source={"allow_empty": True}))
            assert (result.state, result.hosted, result.requestid) == ("validated", None, None)


def test_nothing_is_said_of_lines_where_the_source_is_a_frame(tmp_path: Path) -> None:
    frames = [
        pd.DataFrame({"X": ["a"]}),
        pd.DataFrame({"EMAIL": pd.Series([], dtype=str)}),
        pd.DataFrame({"EMAIL": ["a"]}).rename(columns={"EMAIL": ""}),
    ]
    for frame in frames:
        error = refused(tmp_path, frame)
        assert "line" not in str(error)
        assert "skip_rows" not in str(error)
