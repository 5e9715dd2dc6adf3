"""The rejects file opens in the program that made the source, and takes part in the next run as it should."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from world import as_csv, dicts_of

from pipeline import PipelineError, RejectedRows, Result, validate

CONTRACT = """
import pandera.pandas as pa

CONTACT = pa.DataFrameSchema({
    "EMAIL": pa.Column(str, pa.Check.str_contains("@", error="at"), unique=True, report_duplicates="HOW"),
    "NAME": pa.Column(str, nullable=True, required=False),
})
"""
HEADER = ["EMAIL", "NAME"]
ROWS = [["jürgen@example.com", "Jürgen; der Erste"], ["no address", "Łucja"], ["maria@example.com", "Ä"]]
LATIN = [[cell.replace("Ł", "L") for cell in row] for row in ROWS]


def judged(folder: Path, given: Any, how: str = "exclude_first", **source: Any) -> Result:
    (folder / "contract.py").write_text(CONTRACT.replace("HOW", how))
    config = {
        "source": source,
        "contract": {"schema": str(folder / "contract.py:CONTACT"), "max_rejected": "100%"},
    }
    try:
        return validate(given, config, output=folder / "out")
    except PipelineError as error:
        assert error.result  # noqa: PT017 - nothing was accepted, which is an answer too
        return error.result


def written(rows: list[list[str]], encoding: str, **how: Any) -> bytes:
    return as_csv(rows, **how).encode(encoding)


WAYS: dict[str, tuple[list[list[str]], dict[str, Any], str, str]] = {
    "comma, UTF-8": (ROWS, {}, "utf-8", "utf-8-sig"),
    "semicolon, cp1252": (LATIN, {"delimiter": ";", "encoding": "cp1252"}, "cp1252", "cp1252"),
    "semicolon, UTF-8 with a mark": (ROWS, {"delimiter": ";"}, "utf-8-sig", "utf-8-sig"),
    "tab, UTF-16": (ROWS, {"delimiter": "\t"}, "utf-16", "utf-16"),
    "latin-1": (LATIN, {"encoding": "latin-1"}, "latin-1", "latin-1"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_written_as_the_source_is_and_runs_as_it_is(tmp_path: Path, way: str) -> None:
    rows, source, encoding, read_as = WAYS[way]
    delimiter = source.get("delimiter", ",")
    path = tmp_path / "in.csv"
    path.write_bytes(written([HEADER, *rows], encoding, delimiter=delimiter))
    first = judged(tmp_path, path, **source)
    assert (first.accepted, first.reasons) == (2, {"EMAIL:at": 1})
    rejects = Path(str(first.rejects_file))
    (row,) = dicts_of(rejects, encoding=read_as, delimiter=delimiter)
    assert (row["EMAIL"], row["NAME"], row["_line"]) == ("no address", rows[1][1], "3")
    mended = tmp_path / "mended.csv"
    text = rejects.read_bytes().decode(read_as).replace("no address", "a@example.com")
    mended.write_bytes(text.encode(read_as))
    second = judged(tmp_path, mended, **source)
    assert (second.accepted, second.rejected) == (1, 0)
    assert (tmp_path / "out" / "accepted.csv").read_text(
        "utf-8"
    ) == f"EMAIL,NAME\na@example.com,{rows[1][1]}\n"


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "cp1252"), (",", "cp1252"), (";", "utf-8"), (",", "utf-8-sig")]
)
def test_one_that_a_spreadsheet_saved_again_is_read_in_its_encoding(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    head = [*HEADER, "_line", "_reasons", "_raw"]
    rows = [head, *([f"a{i}@example.com", "x", "7", "EMAIL:at", ""] for i in range(5000))]
    rows.append(["b@example.com", "Jürgen", "9", "EMAIL:at", ""])  # far behind what is looked at first
    path = tmp_path / "mended.csv"
    path.write_bytes(written(rows, encoding, delimiter=delimiter))
    result = judged(tmp_path, path, delimiter=";", encoding="cp1252")
    assert (result.accepted, result.rejected) == (5001, 0)
    assert (tmp_path / "out" / "accepted.csv").read_text("utf-8").endswith("b@example.com,Jürgen\n")


def rerun(folder: Path, rejects: Path, given: str, changes: dict[str, str], how: str) -> Result:
    rows = dicts_of(rejects)
    for row in rows:
        row.update(changes)
    if given == "frame":
        return judged(folder, pd.DataFrame(rows, dtype=str), how)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    (folder / "again.csv").write_text(out.getvalue(), "utf-8")
    return judged(folder, folder / "again.csv", how)


@pytest.mark.parametrize("given", ["file", "frame"])
@pytest.mark.parametrize("how", ["exclude_first", "exclude_last"])
def test_a_row_that_repeats_a_sent_one_stays_a_reject_until_its_key_is_changed(
    tmp_path: Path, how: str, given: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text('EMAIL,NAME\na@example.com,"one, two"\na@example.com,three\nb@example.com,four\n')
    first = judged(tmp_path, path, how)
    assert first.reasons == {"EMAIL:field_uniqueness": 1}
    rejects = (tmp_path / "out" / "rejects.csv").rename(tmp_path / "rejects.csv")
    unchanged = rerun(tmp_path, rejects, given, {}, how)
    assert (unchanged.accepted, unchanged.reasons) == (0, {"EMAIL:field_uniqueness": 1})
    other_cell = rerun(tmp_path, rejects, given, {"NAME": "another"}, how)
    assert (other_cell.accepted, other_cell.reasons) == (0, {"EMAIL:field_uniqueness": 1})
    (row,) = dicts_of(other_cell.rejects_file)
    assert (row["NAME"], row.get("_line") or row.get("_row")) == ("another", dicts_of(rejects)[0]["_line"])
    other_key = rerun(tmp_path, rejects, given, {"EMAIL": "c@example.com"}, how)
    assert (other_key.accepted, other_key.rejected) == (1, 0)


def test_where_no_row_of_several_was_sent_one_may_be(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("EMAIL,NAME\na@example.com,one\na@example.com,two\nb@example.com,four\n")
    assert judged(tmp_path, path, "all").rejected == 2
    lines = (tmp_path / "out" / "rejects.csv").read_text("utf-8-sig").splitlines()
    (tmp_path / "one.csv").write_text("\n".join(lines[:2]) + "\n")
    assert judged(tmp_path, tmp_path / "one.csv", "all").accepted == 1


def test_one_is_mended_bit_by_bit(tmp_path: Path) -> None:
    """However many rejects a source may have: here none."""
    (tmp_path / "contract.py").write_text(CONTRACT.replace("HOW", "exclude_first"))
    (tmp_path / "in.csv").write_text(as_csv([HEADER, *([f"no address {n}", "x"] for n in range(4))]))
    config = {"contract": {"schema": str(tmp_path / "contract.py:CONTACT")}}
    rejects = tmp_path / "out" / "rejects.csv"
    with pytest.raises(RejectedRows, match="4 of 4"):
        validate(tmp_path / "in.csv", config, output=rejects.parent)
    (tmp_path / "mended.csv").write_text(
        rejects.read_text("utf-8-sig").replace("no address 2", "a@b.example")
    )
    result = validate(tmp_path / "mended.csv", config, output=rejects.parent)
    assert (result.accepted, result.rejected) == (1, 3)
    with pytest.raises(RejectedRows, match="All 3 records were rejected"):
        validate(rejects, config, output=tmp_path / "again")


def test_the_first_line_is_kept_through_reruns(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("EMAIL,NAME\n" + "ok{0}@example.com,x\n" + 'bad,"two\nlines"\nx,"y\nworse,z\n')
    judged(tmp_path, path)
    places = []
    for _ in range(3):
        rejects = (tmp_path / "out" / "rejects.csv").rename(tmp_path / "again.csv")
        places.append([row["_line"] for row in dicts_of(rejects)])
        judged(tmp_path, rejects)
    assert places == [["3", "5", "6"]] * 3


def test_a_part_of_one_that_a_stopped_run_leaves_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("EMAIL,NAME\n" + "bad,x\n" * 20_000)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "contract.py").write_text(CONTRACT.replace("HOW", "all"))
    config = {"contract": {"schema": str(tmp_path / "contract.py:CONTACT"), "max_rejected": "100%"}}
    with pytest.raises(KeyboardInterrupt) as stopped:
        validate(path, config, output=tmp_path / "out", progress=stop, slice_bytes=1000)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["rejects.part.csv"]
    result: Any = getattr(stopped.value, "result", None)
    assert result.rejects_file == str(tmp_path / "out" / "rejects.part.csv")


def test_blank_cells_of_accepted_records_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("EMAIL,NAME\na@example.com,\nbad,\nb@example.com,x\na@example.com,\n")
    result = judged(tmp_path, path)
    assert (result.accepted, result.blank) == (2, {"NAME": 1})
