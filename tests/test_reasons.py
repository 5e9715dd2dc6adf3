"""What a person learns of rejects: each reason in a sentence, where it began, what its cells share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from world import ROOT, dicts_of

from pipeline import PipelineError, Result, reasons, validate
from pipeline.cli import cli

DTYPES_OF = {
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime64[ns]",
    "decimal": "float",
    "integer": "Int64",
}
EXPLAINED = {
    **{DTYPES_OF[kind]: examples for kind, examples in reasons.DTYPES.items()},
    **reasons.CHECKS,
}

CHECKS = {
    "equal_to": ('pa.Check.equal_to("a")', "b", 'Must be "a".'),
    "not_equal_to": ('pa.Check.not_equal_to("a")', "a", 'Must not be "a".'),
    "greater": ("pa.Check.greater_than(3)", "3", "Must be greater than 3."),
    "least": ("pa.Check.greater_than_or_equal_to(3)", "2", "Must be at least 3."),
    "less": ("pa.Check.less_than(3)", "3", "Must be less than 3."),
    "most": ("pa.Check.less_than_or_equal_to(3)", "4", "Must be at most 3."),
    "range": ("pa.Check.in_range(1, 3)", "4", "Must be from 1 to 3."),
    "open range": (
        "pa.Check.in_range(1, 3, include_max=False)",
        "3",
        "Must be from 1 to 3, without 3 itself.",
    ),
    "isin": ('pa.Check.isin(["a", "b", "c"])', "x", "Must be a, b or c."),
    "many": (
        "pa.Check.isin(list('abcdefghij'))",
        "x",
        "Must be one of 10 values: a, b, c, d, e, f, g, h ….",
    ),
    "notin": ('pa.Check.notin(["a", "b"])', "a", "Must not be a or b."),
    "matches": (
        'pa.Check.str_matches("[a-z]+")',
        "7",
        "Must begin with what the pattern [a-z]+ describes.",
    ),
    "contains": ('pa.Check.str_contains("x")', "a", "Must contain what the pattern x describes."),
    "starts": ('pa.Check.str_startswith("x")', "a", 'Must begin with "x".'),
    "ends": ('pa.Check.str_endswith("x")', "a", 'Must end with "x".'),
    "exact": ("pa.Check.str_length(exact_value=2)", "a", "Must have 2 characters."),
    "short": ("pa.Check.str_length(min_value=2)", "a", "Must have at least 2 characters."),
    "long": ("pa.Check.str_length(None, 2)", "abc", "Must have at most 2 characters."),
    "both": ("pa.Check.str_length(2, 3)", "a", "Must have 2 to 3 characters."),
    "described": ('pa.Check.isin(["a"], description="Must be our letter.")', "b", "Must be our letter."),
    "code": (
        'pa.Check(lambda s: s == "a", error="ours")',
        "b",
        "Must pass the contract's check ours.",
    ),
}


def judged(folder: Path, given: object, columns: str, read: object = None, **config: object) -> Result:
    (folder / "contract.py").write_text(
        "import pandera.pandas as pa\nimport pipeline.checks\n"
        f"CONTACT = pa.DataFrameSchema({{{columns}}}, strict=False)\n"
    )
    contract = {"schema": str(folder / "contract.py:CONTACT"), "max_rejected": "100%", "read": read or {}}
    try:
        return validate(given, {"contract": contract, **config}, output=folder / "out")
    except PipelineError as error:
        assert error.result  # noqa: PT017 - nothing was accepted, which is an answer too
        return error.result


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_has_a_sentence_made_of_its_arguments(tmp_path: Path, name: str) -> None:
    check, cell, sentence = CHECKS[name]
    dtype = '"Int64"' if cell.isdigit() and "str" not in check else "str"
    frame = pd.DataFrame({"A": [cell]})
    result = judged(tmp_path, frame, f'"A": pa.Column({dtype}, {check})')
    assert [why.sentence for why in result.why.values()] == [sentence]
    (reject,) = dicts_of(result.rejects_file)
    assert reject["_why"] == f"A: {sentence}"


def test_the_sentence_names_the_column_as_the_source_does(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("E-Mail;Ort\nx;Ulm\n;Ulm\na@example.com\n")
    columns = '"EMAIL": pa.Column(str, pa.Check.email()), "CITY": pa.Column(str)'
    mapping = {"delimiter": ";", "columns": {"E-Mail": "EMAIL", "Ort": "CITY"}}
    result = judged(tmp_path, source, columns, source=mapping)
    assert [row["_why"] for row in dicts_of(result.rejects_file, delimiter=";")] == [
        "E-Mail: Must be one e-mail address, by the rules of the standards.",
        "E-Mail: Must not be blank.",
        "Must have as many cells as the header has columns.",
    ]


@pytest.mark.slow
def test_every_reason_says_what_it_asks_and_where_it_began(tmp_path: Path) -> None:
    config = {
        "contract": {
            "schema": str(ROOT / "schemas" / "contact.py:CONTACT"),
            "primary_key": "EMAIL",
            "max_rejected": "5%",
            "region": "IN",
        }
    }
    result = validate(ROOT / "examples" / "contacts.csv", config, output=tmp_path, slice_bytes=50_000)
    assert len(result.why) > 10
    assert result.why.keys() == result.reasons.keys()
    first: dict[str, int] = {}
    for row in dicts_of(tmp_path / "rejects.csv"):
        assert row["_why"].endswith(".")
        for reason in row["_reasons"].split("; "):
            first.setdefault(reason, int(row["_line"]))
            assert result.why[reason].sentence in row["_why"]
    assert {reason: why.first for reason, why in result.why.items()} == first
    assert all(why.sentence.startswith("Must ") for why in result.why.values())
    assert result.to_dict()["why"]["EMAIL:email"]["first"] == first["EMAIL:email"]


SHAPES = [
    ("pa.Column(pa.Date)", ["31.12.1990", "1.2.1991"], "looks like DD.MM.YYYY in all 2", "date DD.MM.YYYY"),
    (
        "pa.Column(pa.Date)",
        ["31.12.1990", "x", "1.1.1991"],
        "looks like DD.MM.YYYY in 2 of 3",
        "date DD.MM.YYYY",
    ),
    ("pa.Column(pa.Date)", ["31.12.1990", "x", "y"], "", ""),
    ("pa.Column(pa.Date)", ["31.12.90"], "looks like DD.MM.YY", "date DD.MM.YY"),
    (
        "pa.Column(pa.Date, metadata={'read': 'date DD/MM/YYYY'})",
        ["31/02/1990", "00/01/1990"],
        "is written so and is no day of the calendar, or has day and month the other way round in all 2",
        "",
    ),
    ("pa.Column(pa.Date)", ["1990/12/31"], "looks like YYYY/MM/DD", "date YYYY/MM/DD"),
    ("pa.Column(pa.Date)", ["31/12/1990"], "looks like DD/MM/YYYY or MM/DD/YYYY", ""),
    ("pa.Column(float)", ["1.234,50", "7,5"], "has a comma before its decimals in all 2", "decimal comma"),
    ('pa.Column(str, pa.Check.isin(["a"]))', ["a ", " a"], "begins or ends with a blank in all 2", "trim"),
    ('pa.Column("Int64")', ["NULL", "n/a"], "is a word for nothing, such as NULL or N/A in all 2", ""),
    ("pa.Column(str, pa.Check.email())", ["anna", "ben"], "has no @ in all 2", ""),
    ("pa.Column(str, pa.Check.email())", ["a@b@example.com"], "has more than one @", ""),
]


@pytest.mark.parametrize(("column", "cells", "hint", "reading"), SHAPES)
def test_what_the_cells_of_a_reason_have_in_common(
    tmp_path: Path, column: str, cells: list[str], hint: str, reading: str
) -> None:
    frame, columns = pd.DataFrame({"A": cells}), f'"A": {column}'
    way = f"; `contract.read: {{A: {reading}}}` reads it so" if reading else ""
    result = judged(tmp_path, frame, columns)
    assert [why.hint for why in result.why.values()] == [hint + way]
    if reading:  # the hint leads on
        again = judged(tmp_path, frame, columns, read={"A": reading})
        assert again.rejected == cells.count("x")


def test_a_hint_of_many_rejects_says_how_many_were_looked_at(tmp_path: Path) -> None:
    frame = pd.DataFrame({"A": ["31.12.1990"] * 50_000})
    (why,) = judged(tmp_path, frame, '"A": pa.Column(pa.Date)').why.values()
    assert why.hint.startswith("looks like DD.MM.YYYY in all ")
    assert " looked at; " in why.hint


@pytest.mark.parametrize(
    ("last", "warned"),
    [("Summe;2;\n", True), ("Total: ;;\n", True), ("Total SA;x;\n", False), ("Gesamt\n", True)],
)
def test_a_line_of_totals_is_called_one(tmp_path: Path, last: str, warned: bool) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"EMAIL;N;M\na@example.com;1;2\nx;1;2\n{last}")
    result = judged(tmp_path, source, '"EMAIL": pa.Column(str, pa.Check.email())', source={"delimiter": ";"})
    assert any("line of totals" in sentence for sentence in result.warnings) is warned


def test_rejects_of_older_versions_run_too(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("A,_line,_reasons,_raw\na,7,A:isin,\nb,9,A:isin,\n")
    result = judged(tmp_path, source, '"A": pa.Column(str, pa.Check.isin(["a"]))')
    assert (result.accepted, result.rejected) == (1, 1)
    assert next(iter(result.why.values())).first == 9


@pytest.mark.parametrize("kind", EXPLAINED)
def test_examples_are_taken_and_not_taken_as_they_say(tmp_path: Path, kind: str) -> None:
    examples = EXPLAINED[kind]
    frame = pd.DataFrame({"A": [*examples.good, *examples.bad]})
    column = f"pa.Column({kind!r})" if kind in DTYPES_OF.values() else f"pa.Column(str, pa.Check.{kind}())"
    result = judged(tmp_path, frame, f'"A": {column.replace(repr("date"), "pa.Date")}')
    assert [row["A"] for row in dicts_of(result.rejects_file)] == list(examples.bad)


@pytest.mark.parametrize("name", reasons.RECORDS)
def test_examples_of_records_are_so_too(tmp_path: Path, name: str) -> None:
    examples = reasons.RECORDS[name]
    source = tmp_path / "in.csv"
    source.write_text("\n".join(["EMAIL,CITY", *examples.good, *examples.bad]) + "\n")
    result = judged(tmp_path, source, '"EMAIL": pa.Column(str), "CITY": pa.Column(str)')
    assert (result.accepted, result.reasons) == (len(examples.good), {f"_record:{name}": len(examples.bad)})


@pytest.mark.slow
def test_a_reason_is_explained_on_the_command_line(tmp_path: Path) -> None:
    def explain(*reason: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "config.yaml").write_text(f"contract: {{schema: '{ROOT}/schemas/contact.py:CONTACT'}}\n")
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "explain", *reason],
            capture_output=True, text=True, cwd=tmp_path, timeout=60,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        )  # fmt: skip

    every = explain().stdout.splitlines()
    assert "EMAIL:email" in every
    assert "_record:quote" in every
    one = explain("EMAIL:email").stdout
    assert "Must be one e-mail address" in one
    assert "  good  asha@example.com\n" in one
    assert "  bad   asha.example.com\n" in one
    none = explain("EMAIL:nothing")
    assert (none.returncode, none.stdout) == (2, "")
    assert "`python -m pipeline explain` lists them all." in none.stderr


@pytest.mark.parametrize(
    "words",
    ["date DD.MM.YYYY", "date MM/DD/YY until 2026", "date YYYY年MM月DD日", "date DD-MMM-YYYY HH:mm",
     "phone DE", "phone BR", "country", "decimal comma"],
)  # fmt: skip
def test_the_examples_of_a_reading_are_read_and_the_others_are_not(tmp_path: Path, words: str) -> None:
    name = words.replace("decimal comma", "decimal_comma").split()[0]
    (tmp_path / "contract.py").write_text(
        "import pandera.pandas as pa\nCONTACT = pa.DataFrameSchema({'A': pa.Column(str)})\n"
    )
    config = {"contract": {"schema": f"{tmp_path}/contract.py:CONTACT", "read": {"A": words}}}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    done = CliRunner().invoke(cli, ["explain", f"A:{name}", "-c", str(tmp_path / "config.json")])
    said = [line.split(maxsplit=1) for line in done.output.splitlines()]
    good, bad = ([line[1] for line in said if line[0] == kind] for kind in ("good", "bad"))
    assert good
    assert bad
    config["contract"]["max_rejected"] = "100%"
    result = validate(pd.DataFrame({"A": [*good, *bad]}), config, output=tmp_path / "out")
    assert (result.accepted, result.reasons) == (len(good), {f"A:{name}": len(bad)})
