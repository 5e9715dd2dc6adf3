"""Whole runs through the sandbox: each kind of source, each last step, what contract and config ask for."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from world import CONTRACT, GOOD, NAMES, REASONS, ROOT, ROWS, World, as_csv, dicts_of, rows_of

from pipeline import (
    ConfigError,
    PipelineError,
    Progress,
    RejectedRows,
    Result,
    SourceError,
    load_config,
    run,
    validate,
)


def good_rows() -> list[list[str]]:
    return [NAMES, *(ROWS[i] for i in GOOD)]


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=NAMES)


def check_whole(world: World, result: Result, place: str = "_line") -> None:
    """That `result` is the one to be expected of ROWS, in the bucket and in the rejects file too."""
    assert (result.records, result.accepted, result.rejected) == (6, 2, 4)
    assert result.reasons == REASONS
    assert rows_of(world.hosted(result)) == good_rows()
    rejects = dicts_of(result.rejects_file)
    lines = {"_line": ["3", "6", "7", "8"], "_row": ["1", "3", "4", "5"]}
    assert [row[place] for row in rejects] == lines[place]
    assert [[row[name] for name in NAMES] for row in rejects] == [ROWS[i] for i in (1, 3, 4, 5)]
    assert rejects[1]["_reasons"] == "MOBILE:mobile; AGE:in_range"
    assert stat.S_IMODE(Path(str(result.rejects_file)).stat().st_mode) == 0o600


# Sources


def test_a_path(world: World) -> None:
    for path in (world.contacts, str(world.contacts)):
        result = run(path, world.config(), until="stage")
        check_whole(world, result)
        assert result.state == "staged"


def test_a_compressed_path(world: World) -> None:
    path = world.folder / "contacts.csv.gz"
    path.write_bytes(gzip.compress(world.contacts.read_bytes()))
    check_whole(world, run(path, world.config(), until="stage"))


def test_the_configs_own_path_starts_at_the_configs_folder(world: World) -> None:
    path = world.folder / "own.yaml"
    path.write_text(
        "source: {path: contacts.csv}\ncontract: {schema: 'contract.py:SCHEMA', max_rejected: 9}\n"
    )
    result = run(config=path, until="validate")
    assert (result.state, result.records) == ("validated", 6)
    assert Path(str(result.rejects_file)).parent == world.folder / "rejects"
    with pytest.raises(ConfigError, match="There is no source"):
        run(config=world.config())


class Once:
    """An Arrow stream that can be read once, and is nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self.stream: Any = table.to_reader(max_chunksize=2)

    def __arrow_c_stream__(self, requested: object = None) -> object:
        taken, self.stream = self.stream, None
        return taken.__arrow_c_stream__(requested)


@pytest.mark.parametrize(
    "given",
    [
        frame,
        lambda: frame().set_index("EMAIL", drop=False),
        lambda: frame().astype("string[pyarrow]"),
        lambda: pl.DataFrame(ROWS, schema=NAMES, orient="row"),
        lambda: pa.Table.from_pandas(frame(), preserve_index=False),
        lambda: pa.Table.from_pandas(frame(), preserve_index=False).to_reader(),
        lambda: Once(pa.Table.from_pandas(frame(), preserve_index=False)),
    ],
    ids=["pandas", "pandas index", "pandas arrow", "polars", "pyarrow", "reader", "one-shot"],
)
def test_a_frame(world: World, given: Any) -> None:
    check_whole(world, run(given(), world.config(), until="stage"), "_row")


@pytest.mark.parametrize("given", [pl.LazyFrame({"EMAIL": ["a"]}), 7, b"contacts.csv", [["a", "b"]]])
def test_what_is_no_source(world: World, given: Any) -> None:
    with world.untouched(), pytest.raises(SourceError, match="cannot be read as a source") as caught:
        run(given, world.config())
    assert caught.value.hint


# Last steps


def test_until_validate_needs_no_storage(world: World) -> None:
    config = {"contract": world.config()["contract"]}
    with world.untouched():
        result = run(world.contacts, config, until="validate")
    assert (result.state, result.hosted, result.requestid) == ("validated", None, None)


def test_until_submit_waits_for_nothing(world: World) -> None:
    result = run(world.contacts, world.config(submit={"listid": 42}), until="submit")
    assert (result.state, result.outcome, result.error) == ("submitted", None, None)
    assert result.requestid == world.jobs[-1].requestid
    form = dict(world.jobs[-1].form)
    assert form["listid"] == "42"
    assert result.hosted
    assert f"/{result.hosted.key}?X-Amz-" in form["path"]


def test_until_track_sees_the_end(world: World) -> None:
    result = run(world.contacts, world.waiting())
    assert result.state == "completed"
    assert result.outcome
    assert result.outcome.counts["success"] == 2
    assert world.sandbox.api.contacts["li@example.com"]["CITY"] == "漢口\nriver side"
    assert result.to_dict()["error"] is None


def test_without_a_callback_a_run_ends_submitted(world: World) -> None:
    assert run(world.contacts, world.config()).state == "submitted"


def test_a_dry_run_sends_nothing(world: World) -> None:
    with world.untouched():
        result = run(world.contacts, world.waiting(), dry_run=True)
    assert (result.state, result.accepted, result.hosted) == ("validated", 2, None)
    assert result.request
    assert world.sandbox.api_key not in result.request
    for part in ("POST ", "type=contact", "activity=bulkupload", "apikey=***", "path=", "callback="):
        assert part in result.request


def test_a_config_with_sandbox_needs_nothing_else(world: World) -> None:
    """And storage, API and credentials that it names all the same are left alone."""
    with world.untouched():
        result = run(world.contacts, {**world.config(), "sandbox": True})
    assert result.state == "completed"
    assert result.outcome
    assert result.outcome.counts["success"] == 2


def test_validate_writes_what_would_be_staged(world: World, tmp_path: Path) -> None:
    staged = world.hosted(run(world.contacts, world.config(), until="stage"))
    result = validate(world.contacts, world.config(), output=tmp_path / "out")
    assert (tmp_path / "out/accepted.csv").read_bytes() == staged
    assert result.rejects_file == str(tmp_path / "out/rejects.csv")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}


def test_validate_never_writes_over_its_source(world: World, tmp_path: Path) -> None:
    for name in ("accepted.csv", "rejects.csv"):
        source = tmp_path / name
        source.write_bytes(world.contacts.read_bytes())
        with pytest.raises(ConfigError, match=name):
            validate(source, world.config(), output=tmp_path)
        assert source.read_bytes() == world.contacts.read_bytes()
        source.unlink()


# Rejects


@pytest.mark.parametrize(
    ("allowed", "goes"), [("4", True), ("3", False), ("67%", True), ("66.6%", False), (0, False)]
)
def test_how_many_rejects_are_put_up_with(world: World, allowed: Any, goes: bool) -> None:
    config = world.config(contract={"max_rejected": allowed})
    if goes:
        assert run(world.contacts, config, until="stage").state == "staged"
        return
    with world.untouched(), pytest.raises(RejectedRows) as caught:
        run(world.contacts, config)
    result = caught.value.result
    assert result
    assert (result.state, result.records, result.rejected, result.hosted) == ("rejected", 6, 4, None)
    assert len(dicts_of(result.rejects_file)) == 4
    assert str(result.rejects_file) in caught.value.hint


def test_nothing_left_to_send(world: World, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(as_csv([NAMES, ROWS[1], ROWS[3]]))
    with world.untouched(), pytest.raises(RejectedRows, match="All 2 records"):
        run(tmp_path / "bad.csv", world.config())
    (tmp_path / "bad.csv").write_text(as_csv([NAMES]))
    with world.untouched(), pytest.raises(SourceError, match="no records"):
        run(tmp_path / "bad.csv", world.config())
    with world.untouched(), pytest.raises(SourceError, match="no records"):
        run(frame().iloc[:0], world.config())


def mended(path: str | None, cells: dict[str, dict[str, str]], place: str) -> Path:
    """The rejects file at `path`, written anew as a spreadsheet would, with these cells changed."""
    rows = dicts_of(path)
    for row in rows:
        row.update(cells.get(row[place], {}))
    out = Path(str(path)).with_suffix(".mended.csv")
    out.write_text(as_csv([list(rows[0]), *(list(row.values()) for row in rows)]), encoding="utf-8")
    return out


def test_a_rejects_file_is_mended_in_place_and_run(world: World, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    lines = world.contacts.read_bytes() + b'meena@example.com,"919876543217,Pune,3\nx,y\n'
    source.write_bytes(lines.replace(b"EMAIL", b"E-mail"))
    config = world.config(source={"columns": {"E-mail": "EMAIL"}})
    first = run(source, config, until="stage")
    assert first.reasons == REASONS | {"_record:quote": 1, "_record:field_count": 1}
    raws = {row["_line"]: row["_raw"] for row in dicts_of(first.rejects_file) if row["_raw"]}
    assert raws == {"9": 'meena@example.com,"919876543217,Pune,3', "10": "x,y"}
    path = mended(
        first.rejects_file,
        {
            "3": {"E-mail": "ben@example.com"},
            "6": {"MOBILE": "919000000000", "AGE": "30"},
            "9": {"E-mail": "meena@example.com", "MOBILE": "919876543217", "CITY": "Pune", "AGE": "3"},
        },
        "_line",
    )
    second = run(path, config, until="stage")
    assert rows_of(world.hosted(second))[1:] == [
        ["ben@example.com", "919876543211", 'the "old" town', "7"],
        ["ed@example.com", "919000000000", "Ulm", "30"],
        ["meena@example.com", "919876543217", "Pune", "3"],
    ]
    assert second.reasons == {
        "EMAIL:not_nullable": 1,
        "AGE:coerce_dtype('Int64')": 1,
        "_record:not_mended": 1,
    }
    again = dicts_of(second.rejects_file)
    assert list(again[0]) == ["E-mail", "MOBILE", "CITY", "AGE", "_line", "_reasons", "_why", "_raw"]
    assert again[-1]["_raw"] == "x,y"


def test_rejects_saved_again_with_semicolons_and_columns_called_like_ours(
    world: World, tmp_path: Path
) -> None:
    source = tmp_path / "source.csv"
    source.write_text('EMAIL;_line;_reasons\nx;1;2\na@example.com;3;4\ny"z;5;6\n')
    config = world.config(source={"delimiter": ";"})
    first = run(source, config, until="stage")
    with Path(str(first.rejects_file)).open(newline="", encoding="utf-8-sig") as file:
        header, *rows = list(csv.reader(file, delimiter=";"))
    assert header == ["EMAIL", "_line", "_reasons", "_line", "_reasons", "_why", "_raw"]
    rows[0][0] = "x@example.com"
    for delimiter in ",;":
        (tmp_path / "mended.csv").write_text("\ufeff" + as_csv([header, *rows], delimiter=delimiter))
        second = run(tmp_path / "mended.csv", config, until="stage")
        assert rows_of(world.hosted(second)) == [header[:3], ["x@example.com", "1", "2"]]
        assert second.reasons == {"_record:not_mended": 1}
    again = pd.DataFrame(rows, columns=header)
    assert run(again, config, until="stage").reasons == {"_record:not_mended": 1}


def test_a_frames_rejects_are_mended_too(world: World) -> None:
    first = run(frame(), world.config(), until="stage")
    path = mended(first.rejects_file, {"1": {"EMAIL": "ben@example.com"}}, "_row")
    for given in (path, pd.read_csv(path, dtype=str, keep_default_na=False)):
        second = run(given, world.config(), until="stage")
        assert rows_of(world.hosted(second))[1:] == [
            ["ben@example.com", "919876543211", 'the "old" town', "7"]
        ]
        assert second.rejected == 3


# What the contract and the config ask for


def staged(world: World, given: Any, schema: str = "", **sections: Any) -> tuple[Result, list[list[str]]]:
    """The result and the rows staged; `schema` is what the columns of another contract are."""
    if schema:
        head = CONTRACT.split("SCHEMA")[0]
        (world.folder / "other.py").write_text(f"{head}\nSCHEMA = pa.DataFrameSchema({schema})\n")
        sections["contract"] = {"schema": str(world.folder / "other.py:SCHEMA")} | sections.get(
            "contract", {}
        )
    result = run(given, world.config(**sections), until="stage")
    return result, rows_of(world.hosted(result))


def test_unknown_columns(world: World, tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("EMAIL,SHOE,CITY\na@example.com,44,Ulm\n")
    _, rows = staged(world, path)
    assert rows == [["EMAIL", "SHOE", "CITY"], ["a@example.com", "44", "Ulm"]]
    for drops in (
        {"contract": {"unknown_columns": "drop"}},
        {"schema": '{"EMAIL": pa.Column(str), "CITY": pa.Column(str)}, strict="filter"'},
    ):
        _, rows = staged(world, path, **drops)
        assert rows == [["EMAIL", "CITY"], ["a@example.com", "Ulm"]]
    with world.untouched(), pytest.raises(SourceError, match=r'more.csv, line 1: .* does not know "SHOE"'):
        staged(world, path, contract={"unknown_columns": "refuse"})


def test_columns_are_mapped(world: World, tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    path.write_text("E-mail address;Ort\na@example.com;Ulm, Donau\nx;y\n")
    source = {"delimiter": ";", "columns": {"E-mail address": "EMAIL", "Ort": "CITY"}}
    result, rows = staged(world, path, source=source)
    assert rows == [["EMAIL", "CITY"], ["a@example.com", "Ulm, Donau"]]
    names = ["E-mail address", "Ort", "_line", "_reasons", "_why", "_raw"]
    assert list(dicts_of(result.rejects_file, delimiter=";")[0]) == names
    with world.untouched(), pytest.raises(SourceError, match="'Orte'") as caught:
        staged(world, path, source=source | {"columns": {"Orte": "CITY", "E-mail address": "EMAIL"}})
    assert "'Ort'" in caught.value.hint


@pytest.mark.parametrize(
    ("key", "reasons"),
    [
        ([], {}),
        ("EMAIL", {"EMAIL:not_nullable": 2, "EMAIL:field_uniqueness": 2}),
        (["EMAIL"], {"EMAIL:not_nullable": 2, "EMAIL:field_uniqueness": 2}),
        (["EMAIL", "MOBILE"], {"_row:primary_key": 1, "_row:multiple_fields_uniqueness": 1}),
    ],
)
def test_primary_keys(world: World, tmp_path: Path, key: Any, reasons: dict[str, int]) -> None:
    path = tmp_path / "keys.csv"
    path.write_text(
        as_csv(
            [
                ["EMAIL", "MOBILE", "CITY"],
                ["a@example.com", "919876543210", "first"],
                ["a@example.com", "919876543210", "again"],
                ["a@example.com", "919876543211", "other number"],
                ["", "919876543212", "number alone"],
                ["", "", "neither"],
            ]
        )
    )
    assert staged(world, path, contract={"primary_key": key})[0].reasons == reasons
    with world.untouched(), pytest.raises(ConfigError, match="primary_key names SHOE"):
        staged(world, path, contract={"primary_key": "SHOE"})


@pytest.mark.parametrize(("how", "kept"), [("exclude_first", "1 3"), ("exclude_last", "2 3"), ("all", "3")])
def test_duplicates_are_reported_in_three_ways(world: World, tmp_path: Path, how: str, kept: str) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("EMAIL,CITY\na@example.com,1\na@example.com,2\nb@example.com,3\n")
    schema = f'{{"EMAIL": pa.Column(str, unique=True, report_duplicates="{how}"), "CITY": pa.Column(str)}}'
    result, rows = staged(world, path, schema)
    assert [city for _, city in rows[1:]] == kept.split()
    assert set(result.reasons) == {"EMAIL:field_uniqueness"}


def test_parsers_and_defaults_change_what_is_staged(world: World, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("EMAIL,CITY,NOTE\nA@EXAMPLE.COM,,x\nb@example.com,Ulm,\na@example.com,Bonn,twice\n")
    result, rows = staged(
        world,
        path,
        '{"EMAIL": pa.Column(str, pa.Check.email(), parsers=pa.Parser(lambda s: s.str.lower())),'
        ' "CITY": pa.Column(str, default="nowhere")}',
    )
    assert rows[1:] == [["a@example.com", "nowhere", "x"], ["b@example.com", "Ulm", ""]]
    assert result.changed == result.to_dict()["changed"] == {"CITY": 1, "EMAIL": 1}
    rejects = dicts_of(result.rejects_file)
    assert [(row["EMAIL"], row["_reasons"]) for row in rejects] == [
        ("a@example.com", "EMAIL:field_uniqueness")
    ]


@pytest.mark.parametrize("dtype", ["'datetime64[ns]'", "pa.Date"])
def test_a_filled_cell_of_which_a_parser_makes_nothing_is_a_reject(
    world: World, tmp_path: Path, dtype: str
) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("EMAIL,DOB\na@example.com,29.02.2024\nb@example.com,31.02.1990\nc@example.com,\n")
    parser = "pa.Parser(lambda s: __import__('pandas').to_datetime(s, format='%d.%m.%Y', errors='coerce'))"
    column = f"pa.Column({dtype}, parsers={parser}, coerce=True, nullable=True)"
    result, rows = staged(world, path, f'{{"EMAIL": pa.Column(str), "DOB": {column}}}')
    assert [row[0] for row in rows[1:]] == ["a@example.com", "c@example.com"]
    assert rows[1][1].startswith("2024-02-29")
    assert rows[2][1] == ""
    assert (result.reasons, result.changed) == ({"DOB:parser": 1}, {"DOB": 1})
    assert [row["DOB"] for row in dicts_of(result.rejects_file)] == ["31.02.1990"]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ('{"EMAIL": pa.Column(str, pa.Check(lambda s: False, name="whole"))}', "whole"),
        ('{"EMAIL": pa.Column(str, pa.Check(lambda s: s.no_such_thing, name="broken"))}', "broken"),
        ('{"EMAIL": pa.Column(str)}, index=pa.Index(int)', "index"),
        ('{"EMAIL": nothing}', "NameError"),
        ('{"EMAIL": pa.Column(list)}', "dtype"),
    ],
)
def test_an_error_in_the_contract(world: World, schema: str, says: str) -> None:
    with world.untouched(), pytest.raises(ConfigError, match=says) as caught:
        staged(world, world.contacts, schema)
    assert caught.value.hint
    assert caught.value.result
    assert caught.value.result.state == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("change", ["append", "replace"])
def test_a_source_that_changes_while_it_is_read(world: World, tmp_path: Path, change: str) -> None:
    path = tmp_path / "growing.csv"
    path.write_text("EMAIL,CITY\n" + "".join(f"a{n}@example.com,{'x' * 800}\n" for n in range(100_000)))

    def grow(_: Progress) -> None:
        if change == "append":
            with path.open("a") as file:
                file.write("b@example.com,y\n")
        else:
            (tmp_path / "new.csv").write_text("EMAIL,CITY\n")
            (tmp_path / "new.csv").replace(path)

    with world.untouched(), pytest.raises(SourceError, match="changed while it was read") as caught:
        run(path, world.config(), progress=grow)
    assert "Run again" in caught.value.hint


# One library, many callers


@pytest.mark.slow
def test_runs_side_by_side(world: World, tmp_path: Path) -> None:
    """Threads of one process, each with its own source, contract columns and waiting."""

    def one(n: int) -> Result:
        path = tmp_path / f"{n}.csv"
        path.write_text(as_csv([NAMES, *([f"t{n}x{i}@example.com", "", str(n), ""] for i in range(50 + n))]))
        return run(path, world.waiting())

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(one, range(6)))
    assert [result.state for result in results] == ["completed"] * 6
    assert [result.accepted for result in results] == [50 + n for n in range(6)]
    assert len({result.run_id for result in results}) == len({result.requestid for result in results}) == 6
    assert {row["CITY"] for key, row in world.sandbox.api.contacts.items() if key.startswith("t3x")} == {"3"}


def test_what_the_package_offers_is_the_same_after_a_run(world: World) -> None:
    """No step may be called as something that the package offers: importing it would hide that."""
    import pipeline

    run(world.contacts, world.config(), until="validate")
    assert pipeline.validate is validate
    offered = {name: callable(getattr(pipeline, name)) for name in pipeline.__all__}
    assert offered == dict.fromkeys(pipeline.__all__, True)


def test_a_config_is_a_path_a_mapping_or_an_object(world: World) -> None:
    path = world.folder / "whole.yaml"
    path.write_text(json.dumps({"contract": world.config()["contract"]}))
    forms: list[Any] = [path, str(path), {"contract": world.config()["contract"]}, load_config(path)]
    assert {run(world.contacts, form, until="validate").accepted for form in forms} == {2}


def ended(start: Callable[[], Result]) -> Result:
    """How far a run came, however it ended."""
    try:
        return start()
    except PipelineError as error:
        return error.result or Result("", error=error.failure())


def plain(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what differs from run to run."""
    hosted = result["hosted"] and {
        k: v for k, v in result["hosted"].items() if k not in ("key", "expires_at")
    }
    unlike = {"run_id": 0, "rejects_file": 0, "requestid": 0, "hosted": hosted}
    error = result["error"] and result["error"] | {"hint": ""}
    return result | unlike | {"error": error}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "how", "code"),
    [
        (["-"], {}, 0),
        (["--until", "submit"], {"until": "submit", "contract": {"max_rejected": "1"}}, 4),
    ],
    ids=["standard input", "rejected"],
)
def test_the_command_line_says_what_the_library_says(
    world: World, tmp_path: Path, arguments: list[str], how: dict[str, Any], code: int
) -> None:
    config = world.config(contract=how.pop("contract", {}))
    as_library = ended(lambda: run(world.contacts, config, **how)).to_dict()
    config["submit"] |= {"api_key": "${PLANTED_KEY}", "account": "the-command-line"}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    source = arguments if "-" in arguments else [str(world.contacts), *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", *source, "-c", str(tmp_path / "config.yaml"), "--json"],
        input=world.contacts.read_bytes(), capture_output=True, timeout=60, cwd=ROOT,
        env={**os.environ, "PLANTED_KEY": world.sandbox.api_key},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, b"")
    said = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    assert plain(said) == plain(as_library)
    assert set(said) == {
        "run_id", "state", "records", "accepted", "rejected", "rejects_file", "reasons", "changed", "blank",
        "hosted", "requestid", "duplicate_of", "content_differs", "outcome", "error", "sandbox", "staged",
        "warnings", "left_behind", "why",
    }  # fmt: skip
    if code:
        assert set(said["error"]) == {"type", "message", "hint", "retryable", "exit_code"}
    else:
        assert set(said["hosted"]) == {"bucket", "key", "bytes", "url_mode", "expires_at"}


def test_a_result_has_when_each_step_was_and_what_was_given(world: World) -> None:
    first, second = (run(world.contacts, world.waiting()) for _ in range(2))
    assert list(first.steps) == ["validate", "stage", "submit", "track"]
    moments = [moment for step in first.steps.values() for moment in (step.start, step.end)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(moment)) for moment in moments)
    assert str(first.steps["track"].end) >= first.steps["submit"].start
    assert first.source
    assert first.contract
    crc32 = zlib.crc32(world.contacts.read_bytes())
    assert (first.source.name, first.source.fingerprint) == (str(world.contacts), f"crc32:{crc32:08x}")
    assert first.contract.name == world.config()["contract"]["schema"]
    assert (second.source, second.contract) == (first.source, first.contract)
    assert first.hosted
    assert second.hosted
    assert first.hosted.staged == second.hosted.staged
    data = world.hosted(first)
    staged = first.hosted.staged
    assert (staged.bytes, staged.records) == (len(data), 2)
    assert (staged.crc32, staged.adler32) == (zlib.crc32(data), zlib.adler32(data))


@pytest.mark.slow
@pytest.mark.parametrize("slice_bytes", [300, 10_000])
def test_the_fingerprint_of_what_was_staged_does_not_depend_on_slices(
    world: World, tmp_path: Path, slice_bytes: int
) -> None:
    path = tmp_path / "many.csv"
    path.write_text("EMAIL,CITY\n" + "".join(f"a{n}@example.com,Ulm {n}\n" for n in range(2000)))
    whole = run(path, world.config(), until="stage")
    cut = run(path, world.config(), until="stage", slice_bytes=slice_bytes)
    assert whole.hosted
    assert cut.hosted
    assert whole.hosted.staged == cut.hosted.staged
