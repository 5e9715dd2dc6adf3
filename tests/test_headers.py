"""Headers as people and programs write them: no column is staged unchecked in silence; each hint works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from field import refused, validated
from ruamel.yaml import YAML
from world import as_csv, dicts_of

from pipeline import PipelineError, RejectedRows
from pipeline.errors import SourceError

MAIL = "anna@example.com"


def mapping_of(error: PipelineError) -> dict[str, Any]:
    """The value of source.columns that the hint tells to write."""
    found = re.search(r"columns: (\{.*?\})", error.hint)
    assert found, error.hint
    return dict(YAML(typ="safe").load(found[1]))


NEAR = [
    (["EMAIL", "Mobile", "Dob"], ["EMAIL", "MOBILE", "DOB"]),
    (["E_MAIL", "first name"], ["EMAIL", "FIRST_NAME"]),
    (["e-mail", "LASTNAME", "Postal Code"], ["EMAIL", "LAST_NAME", "POSTAL_CODE"]),
    (["EMAIL", "first‑name", "mobile\xa0"], ["EMAIL", "FIRST_NAME", "MOBILE"]),
    (["EMAIL", "EMAIL.1"], ["EMAIL"]),
    (["EMAIL_x", "EMAIL_y", "CITY"], ["EMAIL", "CITY"]),
    (["EMAIL", "CITY.1", "City.2"], ["EMAIL", "CITY"]),
    (["Unnamed: 0", "EMAIL"], ["EMAIL"]),
    (["EMAIL", "Unnamed: 0", "Unnamed: 12_level_1"], ["EMAIL"]),
]


@pytest.mark.parametrize(("names", "staged"), NEAR, ids=str)
@pytest.mark.parametrize("as_frame", [False, True])
def test_a_name_that_nearly_matches_is_refused_with_the_mapping(
    tmp_path: Path, names: list[str], staged: list[str], as_frame: bool
) -> None:
    text = as_csv([names, ["x"] * len(names)])
    data = pd.DataFrame([["x"] * len(names)], columns=names) if as_frame else text
    error = refused(tmp_path, data, primary_key=())
    assert isinstance(error, SourceError)
    with pytest.raises(RejectedRows):  # the cells are no good, but now they are looked at
        validated(tmp_path, data, source={"columns": mapping_of(error)}, primary_key=())
    accepted = (tmp_path / "out" / "accepted.csv").read_text()
    assert accepted.splitlines()[0].split(",") == staged


def test_a_mapping_that_nearly_names_an_attribute_is_refused(tmp_path: Path) -> None:
    text = as_csv([["EMAIL", "Handy"], [MAIL, "x"]])
    error = refused(tmp_path, text, "Mobile", "MOBILE", source={"columns": {"Handy": "Mobile"}})
    assert error.exit_code == 3


def test_other_unknown_columns_are_staged_and_listed(tmp_path: Path) -> None:
    names = ["EMAIL", "E-MAIL", "MOBILE NO", "SEGMENT"]
    got = validated(tmp_path, as_csv([names, [MAIL, "a", "b", "c"]]))
    assert got.accepted == [dict(zip(names, [MAIL, "a", "b", "c"], strict=True))]
    (warning,) = got.result.warnings
    assert all(name in warning for name in names[1:])
    assert "unchecked" in warning
    assert json.loads(json.dumps(got.result.to_dict()))["warnings"] == [warning]
    got = validated(tmp_path, as_csv([names, [MAIL, "a", "b", "c"]]), unknown_columns="drop")
    assert got.accepted == [{"EMAIL": MAIL}]
    assert "left out" in got.result.warnings[0]


def test_columns_that_the_contract_knows_warn_of_nothing(tmp_path: Path) -> None:
    assert validated(tmp_path, as_csv([["EMAIL", "CITY"], [MAIL, "Ulm"]])).result.warnings == []


@pytest.mark.parametrize("strict", ["keep", "drop", "refuse"])
def test_null_leaves_any_column_out(tmp_path: Path, strict: str) -> None:
    rows = [["EMAIL", "AGE", "NOTE"], [MAIL, "no age", "x"], ["no address", "7", "y"]]
    source = {"columns": {"AGE": None, "NOTE": None}}
    for data in (
        as_csv(rows),
        pd.DataFrame(rows[1:], columns=rows[0]),
        pl.DataFrame(rows[1:], rows[0], orient="row"),
    ):
        got = validated(tmp_path, data, source=source, unknown_columns=strict)
        assert got.accepted == [{"EMAIL": MAIL}]
        assert got.rejects[0]["AGE"] == "7"  # the rejects file has the source's columns
        assert got.result.reasons == {"EMAIL:email": 1}
        assert got.result.warnings == []


def test_a_column_left_out_may_hold_what_has_no_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"EMAIL": [MAIL, "x"], "TAGS": [["a"], ["b"]]})
    refused(tmp_path, frame, "TAGS")
    got = validated(tmp_path, frame, source={"columns": {"TAGS": None}})
    assert (got.accepted, len(got.rejects)) == ([{"EMAIL": MAIL}], 1)


def test_a_contract_s_pattern_and_its_rules_about_rows_never_see_a_column_left_out(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text(
        "import pandera.pandas as pa\n"
        "C = pa.DataFrameSchema({'EMAIL': pa.Column(str), '(?!EMAIL).*': pa.Column('Int64', regex=True)},"
        " checks=pa.Check(lambda rows: (rows['EMAIL'] != '') & (len(rows.columns) == 2), error='two'))\n"
    )
    text = ",EMAIL,A,B\n,a,1,x\n"
    got = validated(tmp_path, text, source={"columns": {"B": None}}, schema=str(tmp_path / "c.py:C"))
    assert got.accepted == [{"EMAIL": "a", "A": "1"}]


UNNAMED = {
    "an index": ",EMAIL,CITY\n0,a@b.co,Ulm\n1,c@d.co,Graz\n",
    "a remark behind": "EMAIL,CITY,\na@b.co,Ulm,call\nc@d.co,Graz,\n",
    "several": ",EMAIL, ,CITY,\n,a@b.co,,Ulm,x\n, c@d.co,y,Graz,\n",
}


@pytest.mark.parametrize("name", UNNAMED)
def test_text_in_a_column_without_a_name_is_a_reject_until_it_is_left_out(tmp_path: Path, name: str) -> None:
    text = UNNAMED[name].replace(" c@", "c@")
    path = tmp_path / "contacts.csv"
    path.write_text(text)
    filled = 1 if name == "a remark behind" else 2
    for data in (text, pd.read_csv(path, dtype=str, keep_default_na=False).rename(columns=_bare)):
        if filled == 2:
            error = refused(tmp_path, data, "index=False")
            assert mapping_of(error) == {"": None}
            reasons = error.result.reasons if error.result else {}
        else:
            got = validated(tmp_path, data)
            assert "index=False" in got.result.warnings[0]
            assert got.accepted == [{"EMAIL": "c@d.co", "CITY": "Graz"}]
            reasons = got.result.reasons
        assert reasons == {"_record:unnamed_cell": filled}
        got = validated(tmp_path, data, source={"columns": {"": None}})
        assert got.accepted == [{"EMAIL": "a@b.co", "CITY": "Ulm"}, {"EMAIL": "c@d.co", "CITY": "Graz"}]


def _bare(name: str) -> str:
    return "" if name.startswith("Unnamed") else name


def test_columns_without_name_and_text_are_never_staged(tmp_path: Path) -> None:
    got = validated(tmp_path, "|EMAIL|CITY|\n|a@b.co|Ulm| \n|c@d.co|Graz|\n", source={"delimiter": "|"})
    assert got.accepted == [{"EMAIL": "a@b.co", "CITY": "Ulm"}, {"EMAIL": "c@d.co", "CITY": "Graz"}]


def test_a_rejects_file_with_a_column_without_a_name_is_mended_and_run(tmp_path: Path) -> None:
    got = validated(tmp_path, "EMAIL,CITY,\na@b.co,Ulm,call\nc@d,Graz,\ne@f.co,Linz,\n")
    assert [row["_raw"] for row in got.rejects] == ["a@b.co,Ulm,call", ""]
    path = Path(str(got.result.rejects_file))
    lines = path.read_text().splitlines()
    lines[1] = "a@b.co,Ulm,,2,_record:unnamed_cell,,"
    lines[2] = lines[2].replace("c@d", "c@d.co")
    mended = tmp_path / "mended.csv"
    mended.write_text("\n".join(lines))
    again = validated(tmp_path, mended)
    assert again.accepted == [{"EMAIL": "a@b.co", "CITY": "Ulm"}, {"EMAIL": "c@d.co", "CITY": "Graz"}]
    assert dicts_of(tmp_path / "out" / "accepted.csv") == again.accepted


SEPARATORS = [
    "sep=;",
    "SEP=;",
    "Sep = ;",
    '"sep=;"',
    "sep=;;;;",
    "'sep=;'",
    '"sep=";',
    "\ufeffsep=;",
    'sep=";"',
]


@pytest.mark.parametrize("line", SEPARATORS)
@pytest.mark.parametrize("configured", [",", ";"])
def test_a_spreadsheet_s_line_on_the_delimiter_is_told_in_every_spelling(
    tmp_path: Path, line: str, configured: str
) -> None:
    text = f"{line}\r\nEMAIL;CITY\r\na@b.co;Ulm\r\n"
    error = refused(tmp_path, text, "line 1", "spreadsheets", source={"delimiter": configured})
    assert 'source.skip_rows: 1 and source.delimiter: ";"' in error.hint
    got = validated(tmp_path, text, source={"skip_rows": 1, "delimiter": ";"})
    assert got.accepted == [{"EMAIL": "a@b.co", "CITY": "Ulm"}]


@pytest.mark.parametrize("line", ["sep=\t", "sep=\\t", "sep=tab", "sep=,", "sep=|", "sep="])
def test_the_delimiter_of_such_a_line_is_repeated(tmp_path: Path, line: str) -> None:
    error = refused(tmp_path, f"{line}\nEMAIL,CITY\n", "source.skip_rows: 1")
    wanted = {"sep=,": '","', "sep=|": '"|"', "sep=": "as it is"}.get(line, '"\\t"')
    assert wanted in error.hint


@pytest.mark.parametrize("delimiter", ["||", "::", "~|~", "^^", ";;", "|~|", "<>"])
def test_a_delimiter_of_several_characters_is_told(tmp_path: Path, delimiter: str) -> None:
    text = "EMAIL,CITY\na@b.co,Ulm\n".replace(",", delimiter)
    error = refused(tmp_path, text, delimiter, f"{len(delimiter)} characters")
    if found := re.search(r'source\.delimiter: "(.)"', error.hint):
        got = validated(tmp_path, text, source={"delimiter": found[1]})
        assert got.accepted == [{"EMAIL": "a@b.co", "CITY": "Ulm"}]
    else:
        assert "one character" in error.hint
    assert "one ASCII character" in refused(tmp_path, text, source={"delimiter": delimiter}).message
