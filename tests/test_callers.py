"""What a program that calls `run` may get wrong, and what it may count on."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
import traceback
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from world import World, dicts_of

from pipeline import ConfigError, PipelineError, Progress, SourceError, run, validate
from pipeline.testing import reasons

FRAME = pd.DataFrame({"EMAIL": [f"asha{n}@example.com" for n in range(40)]})
EVERY = "import pandera.pandas as pa\nC = pa.DataFrameSchema({'K': pa.Column(str, nullable=True)})\n"


def plain(folder: Path) -> dict[str, Any]:
    """A config whose contract takes all that column K may hold."""
    (folder / "every.py").write_text(EVERY)
    return {"contract": {"schema": f"{folder}/every.py:C"}}


def staged(folder: Path, source: Any) -> bytes:
    validate(source, plain(folder), output=folder / "out")
    return (folder / "out" / "accepted.csv").read_bytes()


@pytest.mark.parametrize("until", ["validation", "Validate", "staged", "read", "", None])
def test_a_step_that_is_none_sends_nothing(world: World, until: Any) -> None:
    with world.untouched(), pytest.raises(ConfigError, match="names no step") as caught:
        run(FRAME, world.config(), until=until)
    assert "validate, stage, submit, track" in caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [{"first": 0}, {"first": -1}, {"first": 2.5}, {"first": "3"}, {"workers": -1}, {"slice_bytes": 0}],
)
def test_a_number_that_is_none_sends_nothing(world: World, wrong: dict[str, Any]) -> None:
    with world.untouched(), pytest.raises(ConfigError, match="is not usable"):
        run(FRAME, world.config(), **wrong)


@pytest.mark.parametrize("config", [None, [], 3, b"upload.yaml"])
def test_what_is_no_config_is_told(config: Any) -> None:
    with pytest.raises(ConfigError, match="is no config"):
        run(FRAME, config)


class StoppedError(Exception):
    pass


def test_an_error_of_the_callers_own_comes_as_it_is(world: World) -> None:
    def progress(_: Progress) -> None:
        raise StoppedError("by the host")

    with world.untouched(), pytest.raises(StoppedError, match="by the host") as caught:
        run(FRAME, world.config(), progress=progress)
    files = [Path(each.filename).name for each in traceback.extract_tb(caught.value.__traceback__)]
    assert files == ["test_callers.py", "errors.py", "test_callers.py"]
    assert caught.value.result.run_id  # type: ignore[attr-defined]


def test_what_is_imported_leaves_nothing_in_the_environment(tmp_path: Path) -> None:
    plain(tmp_path)
    program = """
        import os
        before = dict(os.environ)
        import pandas as pd
        from pipeline import validate
        validate(pd.DataFrame({"K": ["a"]}), {"contract": {"schema": "every.py:C"}}, output="out")
        assert dict(os.environ) == before, set(os.environ) ^ set(before)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_of_two_runs_into_one_folder_one_writes_it(tmp_path: Path) -> None:
    config = plain(tmp_path)
    frames = {name: pd.DataFrame({"K": [name * 50] * rows}) for name, rows in (("a", 60_000), ("b", 50_000))}

    def ends(name: str) -> int | None:
        try:
            return validate(frames[name], config, output=tmp_path / "out", slice_bytes=1 << 16).accepted
        except ConfigError as error:
            assert "another run" in error.message  # noqa: PT017 - one of them, whichever it is
            return None

    with ThreadPoolExecutor(2) as pool:
        accepted = list(pool.map(ends, frames))
    found = [row["K"] for row in dicts_of(tmp_path / "out" / "accepted.csv")]
    assert len(set(found)) == 1
    assert (found[0][0], len(found)) in zip(frames, accepted, strict=True)


@pytest.mark.parametrize(
    "text", ["K\nasha@example.com\n", "K\r\n" + "asha@example.com\r\n" * 900, "asha" * 90, "asha\0"]
)
def test_a_text_in_place_of_a_path_is_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="not the path of a file") as caught:
        validate(text, plain(tmp_path), output=tmp_path / "out")
    assert "asha" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\0b", "a\udc80b"])
def test_a_name_that_no_csv_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame([["a", "x"]], columns=pd.Index(["K", name], dtype=object))
    with pytest.raises(SourceError, match="the name of column 2 holds"):
        validate(frame, plain(tmp_path), output=tmp_path / "out")


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kolkata", "Africa/Monrovia", "Europe/Amsterdam"])
@pytest.mark.parametrize("unit", ["ns", "us"])
def test_moments_of_early_years_keep_their_local_time(tmp_path: Path, zone: str, unit: str) -> None:
    texts = ["1900-01-01T00:00:00.0", "1960-05-01T12:00:00.5", "2024-07-01T00:00:00.0"]
    moments = pd.Series(np.array(texts, f"datetime64[{unit}]")).dt.tz_localize(zone)
    expected = [each.isoformat().replace(".500000", ".500") for each in moments]
    assert staged(tmp_path, pd.DataFrame({"K": moments})).decode().splitlines() == ["K", *expected]
    polars = pl.DataFrame({"K": pl.Series(moments)})  # pandas 2 has zones of its own for early years
    own = [each.tz_convert("UTC").to_pydatetime().astimezone(ZoneInfo(zone)).isoformat() for each in moments]
    expected = [each.replace(".500000", ".500") for each in own]
    assert staged(tmp_path, polars).decode().splitlines() == ["K", *expected]


@pytest.mark.parametrize(
    "value",
    [2**200, pd.NA, pd.NaT, np.datetime64("2024-01-01"), Decimal("NaN"), "\ud800", b"a", dt.time(12), 1.5],
)
def test_the_reasons_of_a_value_are_those_of_a_frame_with_it(tmp_path: Path, value: Any) -> None:
    schema = pa.DataFrameSchema({"K": pa.Column(str)})
    frame = pd.DataFrame({"K": pd.Series([value], dtype=object)})
    (tmp_path / "strict.py").write_text(EVERY.replace(", nullable=True", ""))
    config = {"contract": {"schema": f"{tmp_path}/strict.py:C", "max_rejected": "100%"}}
    try:
        found = validate(frame, config, output=tmp_path / "out")
    except PipelineError as error:
        assert error.result  # noqa: PT017 - nothing was accepted
        found = error.result
    assert reasons(schema, K=value) == list(found.reasons)


def test_of_the_first_records_nothing_behind_them_counts(tmp_path: Path, world: World) -> None:
    rows = ["anna@example.com,Ulm", "no,Ulm", "bo@example.com,", "cleo@example.com,", "none,", "x,y,z"]
    path = tmp_path / "contacts.csv"
    path.write_text("\n".join(["EMAIL,CITY", *rows, ""]))
    for slice_bytes in (None, 30):
        config = world.config(contract={"max_rejected": "34%"}) | {"ledger": "off"}
        result = run(path, config, first=2, until="stage", slice_bytes=slice_bytes)
        assert (result.records, result.accepted, result.rejected) == (3, 2, 1)
        assert result.blank == {"CITY": 1}
        assert [row["EMAIL"] for row in dicts_of(Path(str(result.rejects_file)))] == ["no"]
    one = run(path, config, first=1, until="stage")
    assert (one.records, one.rejects_file, one.blank) == (1, None, {})


@pytest.mark.parametrize("flag", [{"again": "false"}, {"again": 0}, {"dry_run": ""}, {"dry_run": None}])
def test_a_flag_that_is_a_text_sends_nothing(world: World, flag: dict[str, Any]) -> None:
    with world.untouched(), pytest.raises(ConfigError, match="is not usable"):
        run(FRAME, world.config(), **flag)


def test_a_source_is_not_written_over_by_what_a_stopped_run_leaves(tmp_path: Path) -> None:
    path = tmp_path / "out" / "rejects.part.csv"
    path.parent.mkdir()
    path.write_text("K\na\n")
    with pytest.raises(ConfigError, match="would be written over"):
        validate(path, plain(tmp_path), output=tmp_path / "out")
