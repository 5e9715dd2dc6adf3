"""A rejects file that is run again: known for what it is, and never a way around the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import RejectedRows, Result, SourceError, validate

KEYED = """
import pandera.pandas as pa
LOWERED = pa.DataFrameSchema({"EMAIL": pa.Column(str, parsers=pa.Parser(lambda s: s.str.lower())),
                              "NAME": pa.Column(str, nullable=True)},
                             unique=["EMAIL"], report_duplicates="exclude_first")
SHOPS = pa.DataFrameSchema({"EMAIL": pa.Column(str), "NAME": pa.Column(str, default="main", nullable=True)},
                           unique=["EMAIL", "NAME"], report_duplicates="exclude_first")
NUMBERED = pa.DataFrameSchema({"EMAIL": pa.Column(int, unique=True, report_duplicates="exclude_first"),
                               "NAME": pa.Column(str, nullable=True)})
"""


def again(folder: Path, name: str, given: Any, **source: str) -> Result:
    (folder / "keyed.py").write_text(KEYED)
    made = {"contract": {"schema": f"{folder}/keyed.py:{name}", "max_rejected": "100%"}, "source": source}
    try:
        return validate(given, made, output=folder / "out")
    except RejectedRows as error:
        assert error.result  # noqa: PT017 - all were rejected
        return error.result


@pytest.mark.parametrize(
    ("name", "rows", "change"),
    [
        ("LOWERED", ["a@x.de,A", "A@X.de,B"], ("", "")),
        ("SHOPS", ["1,main", "1,"], ("", "")),
        ("NUMBERED", ["7,A", "07,B"], ("07,B,", "7,B,")),  # as spreadsheets save it
    ],
)
def test_rejects_that_still_repeat_a_key_stay_rejects(
    tmp_path: Path, name: str, rows: list[str], change: tuple[str, str]
) -> None:
    (tmp_path / "in.csv").write_text("\n".join(["EMAIL,NAME", *rows, ""]))
    assert again(tmp_path, name, tmp_path / "in.csv").accepted == 1
    text = (tmp_path / "out" / "rejects.csv").read_text("utf-8-sig").replace(*change, 1)
    (tmp_path / "mended.csv").write_text(text)
    found = again(tmp_path, name, tmp_path / "mended.csv")
    assert (found.accepted, found.rejected) == (0, 1)


def test_without_one_of_its_columns_a_repeated_record_stays_one(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("EMAIL,NAME,CITY\n1,A,Ulm\n1,B,Ulm\n")
    again(tmp_path, "NUMBERED", tmp_path / "in.csv")
    frame = pd.read_csv(tmp_path / "out" / "rejects.csv", dtype=str).drop(columns="CITY")
    assert again(tmp_path, "NUMBERED", frame).accepted == 0


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp037", "iso2022_jp", "cp1252"])
def test_rejects_are_known_again_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    name = "山田花子" if encoding in ("utf-16-le", "iso2022_jp") else "Müller"
    path = tmp_path / "in.csv"
    path.write_bytes(f"EMAIL,NAME\n1,Ann\nx,{name}\n".encode(encoding))
    assert again(tmp_path, "NUMBERED", path, encoding=encoding).rejected == 1
    text = (tmp_path / "out" / "rejects.csv").read_bytes().decode(encoding).removeprefix("\ufeff")
    path.write_bytes(text.replace("x,", "2,", 1).encode(encoding))
    found = again(tmp_path, "NUMBERED", path, encoding=encoding)
    assert (found.accepted, found.rejected) == (1, 0)
    assert (tmp_path / "out" / "accepted.csv").read_text() == f"EMAIL,NAME\n2,{name}\n"


def test_rejects_with_a_column_behind_theirs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("EMAIL,NAME\n1,A\nx,B\n")
    again(tmp_path, "NUMBERED", tmp_path / "in.csv")
    frame = pd.read_csv(tmp_path / "out" / "rejects.csv", dtype=str).assign(comment="mended")
    with pytest.raises(SourceError, match="rejects of ours"):
        again(tmp_path, "NUMBERED", frame)
