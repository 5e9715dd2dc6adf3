"""A contract in a fresh interpreter, as a command line or a scheduler starts one: nothing is warmed up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

HEAD = "import datetime as dt\nimport numpy as np\nimport pandas as pd\nimport pandera.pandas as pa\n"


def write(folder: Path, schema: str, rows: list[str]) -> None:
    (folder / "mine.py").write_text(f"{HEAD}CONTACT = {schema}\n")
    (folder / "in.csv").write_text("".join(f"{row}\n" for row in ["ID,V", *rows]))
    (folder / "config.yaml").write_text("contract:\n  schema: mine.py:CONTACT\n  max_rejected: 100%\n")


def cold(folder: Path, *, frame: bool = False, seed: str = "0") -> tuple[int, dict[str, Any], str]:
    """The exit code, the JSON and the standard error of `validate` in an interpreter of its own."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "validate",
        "in.csv",
        "-c",
        "config.yaml",
        "-o",
        "out",
        "--json",
    ]
    if frame:
        program = """
            import json, sys
            import pandas as pd
            import pipeline
            from pipeline import PipelineError
            frame = pd.read_csv("in.csv", dtype=str)
            try:
                result, code = pipeline.validate(frame, "config.yaml", output="out"), 0
            except PipelineError as error:
                result, code = error.result, error.exit_code
                result = result or pipeline.Result(run_id="", error=error.failure())
            print(json.dumps(result.to_dict()))
            sys.exit(code)
        """
        command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True
    )
    return done.returncode, json.loads(done.stdout), done.stderr


DATE = "lambda s: pd.to_datetime(s, format='%d/%m/%Y').dt.date"
MOMENT = "lambda s: pd.to_datetime(s, format='%d/%m/%Y')"
PARSERS = {
    "date": ("pa.Date", DATE, "29/02/2024", "2024-02-29"),
    "datetime": ("'datetime64[ns]'", MOMENT, "29/02/2024", "2024-02-29T00:00:00"),
    "integer": ("'Int64'", "lambda s: s.str.replace('.', '', regex=False)", "1.234", "1234"),
    "decimal": ("float", "lambda s: s.str.replace(',', '.', regex=False)", '"1,5"', "1.5"),
    "category": ("pd.CategoricalDtype(['a', 'b'])", "lambda s: s.str.lower()", "A", "a"),
    "text": ("str", "lambda s: s.str.strip()", " a ", "a"),
}


@pytest.mark.parametrize("frame", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["file", "frame"])
@pytest.mark.parametrize("kind", PARSERS)
def test_a_parser_before_coercion_works_from_a_cold_start(tmp_path: Path, kind: str, frame: bool) -> None:
    dtype, parser, given, staged = PARSERS[kind]
    column = f"pa.Column({dtype}, parsers=pa.Parser({parser}), coerce=True)"
    write(
        tmp_path, f"pa.DataFrameSchema({{'ID': pa.Column(str), 'V': {column}}})", [f"1,{given}", f"2,{given}"]
    )
    code, result, errors = cold(tmp_path, frame=frame)
    assert (code, result["accepted"]) == (0, 2), errors
    assert (tmp_path / "out" / "accepted.csv").read_text() == f"ID,V\n1,{staged}\n2,{staged}\n"


SCALARS = {
    "a bool that passes": "pa.Column(str, pa.Check(lambda s: bool(s.notna().all()), name='mine'))",
    "a bool that fails": "pa.Column(str, pa.Check(lambda s: bool((s == 'no').all()), name='mine'))",
    "numpy's that passes": "pa.Column(str, pa.Check(lambda s: np.bool_(True), name='mine'))",
    "numpy's that fails": "pa.Column(str, pa.Check(lambda s: np.bool_(False), name='mine'))",
    "nothing": "pa.Column(str, pa.Check(lambda s: None, name='mine'))",
    "fewer rows": "pa.Column(str, pa.Check(lambda s: s[1:] == 'a', name='mine'))",
    "another index": "pa.Column(str, pa.Check(lambda s: (s == 'a').rename(lambda i: i + 1), name='mine'))",
    "an array": "pa.Column(str, pa.Check(lambda s: (s == 'a').to_numpy(), name='mine'))",
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 200_000], ids=["one slice", "many slices"])
@pytest.mark.parametrize(
    "kind", ["a bool that passes", "a bool that fails", "numpy's that passes", "numpy's that fails"]
)
def test_a_check_that_answers_once_for_all_rows_is_refused_by_name(
    tmp_path: Path, kind: str, rows: int
) -> None:
    write(
        tmp_path,
        f"pa.DataFrameSchema({{'V': {SCALARS[kind]}}})",
        [f"{i},{'long text ' * 5}" for i in range(rows)],
    )
    code, result, _ = cold(tmp_path)
    assert code == 2
    assert "V:mine answers once for all rows" in result["error"]["message"]
    assert not (tmp_path / "out" / "accepted.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer", ["bool(len(df))", "np.bool_(True)", "np.bool_(False)", "df['V'].is_unique"]
)
def test_so_is_one_about_whole_rows(tmp_path: Path, answer: str) -> None:
    check = f"pa.Check(lambda df: {answer}, name='mine')"
    write(tmp_path, f"pa.DataFrameSchema({{'V': pa.Column(str)}}, checks={check})", ["1,a", "2,b"])
    code, result, _ = cold(tmp_path)
    assert code == 2
    assert "_row:mine answers once for all rows" in result["error"]["message"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nothing", "fewer rows", "another index", "an array"])
def test_a_check_must_answer_for_the_rows_it_is_given(tmp_path: Path, kind: str) -> None:
    write(tmp_path, f"pa.DataFrameSchema({{'V': {SCALARS[kind]}}})", ["1,a", "2,b"])
    code, result, _ = cold(tmp_path)
    assert code == 2
    assert "V:mine" in result["error"]["message"]


@pytest.mark.slow
def test_what_a_contract_prints_goes_to_standard_error(tmp_path: Path) -> None:
    check = "pa.Check(lambda s: print('at the check') or s.notna(), name='mine')"
    write(tmp_path, f"print('at load') or pa.DataFrameSchema({{'V': pa.Column(str, {check})}})", ["1,a"])
    code, result, errors = cold(tmp_path)
    assert (code, result["accepted"]) == (0, 1)
    assert "at load" in errors
    assert "at the check" in errors


def test_reasons_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    some = "{'IN', 'US', 'GB', 'DE', 'FR', 'BR', 'ZA', 'AE', 'SG', 'JP'}"
    checks = f"[pa.Check.isin({some}), pa.Check.notin(frozenset({some}))]"
    write(tmp_path, f"pa.DataFrameSchema({{'V': pa.Column(str, {checks})}})", ["1,IN", "2,xx"])
    reasons = [cold(tmp_path, seed=seed)[1]["reasons"] for seed in "123"]
    listed = "{'AE', 'BR', 'DE', 'FR', 'GB', 'IN', 'JP', 'SG', 'US', 'ZA'}"
    assert reasons == [{f"V:isin({listed})": 1, f"V:notin(frozenset({listed}))": 1}] * 3


def test_a_contract_that_names_the_day_goes_by_the_day_it_was_loaded(tmp_path: Path) -> None:
    """Over midnight, too: the clock is a file that moves on while rows are judged."""
    (tmp_path / "today").write_text("2026-01-01")
    (tmp_path / "clock.py").write_text(
        "import datetime as dt\nfrom pathlib import Path\nFILE = Path(__file__).with_name('today')\n"
        "def today():\n    return dt.date.fromisoformat(FILE.read_text())\n"
        "def tick(series):\n    FILE.write_text('2030-01-01')\n    return series.notna()\n"
    )
    head = "__import__('sys').path.insert(0, '.') or __import__('clock').today()"
    day = f"pa.Column(pa.Date, pa.Check.le({head}, error='until_today'))"
    ticks = "pa.Column(str, pa.Check(__import__('clock').tick, name='ticks'))"
    rows = [f"{i},{'2026-01-01' if i % 2 else '2026-01-02'}" for i in range(200_000)]
    write(tmp_path, f"pa.DataFrameSchema({{'V': {day}, 'ID': {ticks}}})", rows)
    code, result, errors = cold(tmp_path)
    assert (code, result["rejected"], result["reasons"]) == (0, 100_000, {"V:until_today": 100_000}), errors
    assert (tmp_path / "today").read_text() == "2030-01-01"
