"""Files that real tools write and loaders break on: what becomes of each, by the default contract.

`FILES` tells for each file of the corpus (and each config that it is read by) how many of its records are
accepted and why the others are not, or which error it ends in and a word of its hint. In every case nothing
is lost: accepted and rejected together are the records that the file holds.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline import PipelineError, RejectedRows, Result, SourceError, validate

ROOT = Path(__file__).parents[1]
CORPUS = Path(__file__).parent / "corpus"

Expected = tuple[str, dict[str, Any], int, dict[str, int]]
FILES: list[Expected] = [
    # file, config of the source, accepted, reasons of the others
    ("backslash_at_end", {}, 3, {}),  # "C:\" is whole: a backslash escapes nothing unless told so
    ("blank_lines", {}, 2, {}),
    ("bom_quoted_header", {}, 1, {}),
    ("bom_twice", {}, 1, {}),
    ("commas_at_the_end", {}, 1, {"EMAIL:not_nullable": 3}),
    ("concatenated_with_bom", {}, 2, {"EMAIL:email": 1}),
    ("ctrl_z", {}, 1, {"_record:field_count": 1}),
    ("ctrl_z_after_cell", {}, 1, {}),
    ("curly_quotes", {}, 1, {"_record:field_count": 1}),
    ("double_cr", {}, 2, {}),
    ("excel_semicolon_bom", {"delimiter": ";"}, 2, {}),
    ("excel_sep_line", {"delimiter": ";", "skip_rows": 1}, 1, {}),
    ("excel_sep_comma_line", {"skip_rows": 1}, 1, {}),
    ("excel_unicode_text", {"delimiter": "\t"}, 2, {}),
    (
        "formula_cells", {}, 1,
        {"MOBILE:phone": 3, "MOBILE:no_disguise": 1,
         "MOBILE:no_scientific_notation": 1, "MOBILE:no_trailing_decimal": 1,
         "MOBILE:no_leading_apostrophe": 1},
    ),
    ("header_again", {}, 2, {"EMAIL:email": 1}),
    ("headers_of_other_case", {"columns": {"email": "EMAIL", "First Name": None, "City": "CITY"}}, 1, {}),
    ("latin1_header", {"encoding": "cp1252"}, 1, {}),
    ("lone_quote_cells", {}, 1, {"_record:field_count": 1}),  # its five lines are one record of two cells
    ("mac_cr", {}, 2, {}),
    ("mixed_encodings", {}, 1, {"_record:encoding": 2}),
    ("mixed_line_ends", {}, 3, {}),
    ("mysql_outfile", {}, 1, {"_record:quote": 2}),
    ("mysql_outfile", {"escapechar": "\\"}, 3, {}),
    ("na_words", {}, 3, {}),
    ("nuls", {}, 1, {"_record:nul": 2}),
    ("one_column", {}, 2, {}),
    ("one_column_quoted_blank", {}, 2, {"EMAIL:not_nullable": 1}),
    ("overlong_utf8", {}, 1, {"_record:encoding": 1}),
    ("padded_cells", {}, 1, {"EMAIL:email": 1}),
    ("pipes", {"delimiter": "|"}, 1, {}),
    ("psql_dump", {}, 1, {"_record:field_count": 1}),
    ("quoted_newlines", {}, 2, {}),
    ("quotes_in_the_middle", {}, 2, {"_record:quote": 3}),
    ("quotes_in_the_middle", {"quotechar": ""}, 5, {}),
    ("report_preamble", {"skip_rows": 3}, 1, {"_record:field_count": 1}),
    ("single_quotes", {"quotechar": "'"}, 1, {}),
    ("spaces_after_delimiter", {}, 1, {"_record:quote": 1}),
    ("spaces_only_lines", {}, 2, {"_record:field_count": 2}),
    ("sql_footer", {}, 2, {"_record:field_count": 1}),
    ("sqlcmd_dashes", {}, 1, {"EMAIL:email": 1, "_record:field_count": 2}),
    ("surrogates_cesu8", {}, 1, {"_record:encoding": 1}),
    ("tabs", {"delimiter": "\t"}, 1, {}),
    ("trailing_delimiter", {}, 2, {}),
    ("unclosed_at_end", {}, 2, {"_record:quote": 1}),
    ("unclosed_at_very_end", {}, 1, {"_record:quote": 1}),
    ("unicode_line_ends", {}, 2, {}),  # lines end by LF and CR alone
    ("zero_width_headers", {}, 1, {}),
]  # fmt: skip

ERRORS: list[tuple[str, dict[str, Any], type[PipelineError], str, str]] = [
    # file, config of the source, error, words of its message, words of its hint
    ("blank_but_for_commas", {}, SourceError, "names no column", "source.skip_rows"),
    ("duplicate_headers", {}, SourceError, "same name to columns 3 and 4", "Rename"),
    ("empty", {}, SourceError, "is empty", "export"),
    ("excel_semicolon_bom", {}, SourceError, "not separated by comma but by semicolon", 'delimiter: ";"'),
    ("excel_sep_comma_line", {}, SourceError, "line 1: is no header", "skip_rows: 1"),
    ("excel_sep_line", {}, SourceError, "line 1: is no header", 'skip_rows: 1 and source.delimiter: ";"'),
    ("excel_unicode_text", {}, SourceError, "by tab", 'delimiter: "\\t"'),
    ("header_only", {}, SourceError, "no records", "complete"),
    ("headers_of_other_case", {}, SourceError, "none of its 3", 'columns: {"email": EMAIL, "First Name": F'),
    ("html_error_page", {}, SourceError, "is a web page", "login"),
    ("json_lines", {}, SourceError, "is JSON", "polars or pandas"),
    ("latin1_header", {}, SourceError, "line 1: is not written in the encoding", "cp1252"),
    ("no_header", {}, SourceError, "none of its 3 columns", "header"),
    ("only_blank_lines", {}, SourceError, "ends before its header", "skip_rows"),
    ("only_bom", {}, SourceError, "ends before its header", "export"),
    ("pipes", {}, SourceError, "by vertical bar", 'delimiter: "|"'),
    ("report_preamble", {}, SourceError, "none of its 1 columns", "skip_rows"),
    ("rows_quoted", {}, RejectedRows, "All 2 records", "quoted as a whole"),
    ("single_quotes", {}, RejectedRows, "All 1 records", "mend them"),
    ("tabs", {}, SourceError, "by tab", 'delimiter: "\\t"'),
    ("trailing_delimiter_in_rows", {}, RejectedRows, "All 2 records", "one more delimiter"),
    ("whole_row_quoted", {}, SourceError, "the whole line is quoted", "quotes around cells"),
]


def config(source: dict[str, Any]) -> dict[str, Any]:
    schema = str(ROOT / "schemas/contact.py:CONTACT")
    return {
        "source": source,
        "contract": {"schema": schema, "primary_key": "EMAIL", "max_rejected": "100%"},
    }


def accepted_cells(output: Path) -> list[list[str]]:
    with (output / "accepted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))[1:]


def accepts(path: Path, source: dict[str, Any], output: Path) -> tuple[Result, list[list[str]]]:
    result = validate(path, config(source), output=output)
    cells = accepted_cells(output)
    assert len(cells) == result.accepted
    assert result.accepted + result.rejected == result.records
    if result.rejected:
        with (output / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
            rejects = list(csv.DictReader(file, strict=True))
        assert len(rejects) == result.rejected
        said = Counter(reason for row in rejects for reason in row["_reasons"].split("; "))
        assert said == result.reasons
        assert all(row["_raw"] for row in rejects if row["_reasons"].startswith("_record:"))
    return result, cells


@pytest.mark.parametrize(("name", "source", "accepted", "reasons"), FILES)
def test_every_record_is_accounted_for(
    tmp_path: Path, name: str, source: dict[str, Any], accepted: int, reasons: dict[str, int]
) -> None:
    result, _ = accepts(CORPUS / f"{name}.csv", source, tmp_path)
    assert result.accepted == accepted
    assert result.reasons == reasons


@pytest.mark.parametrize(("name", "source", "kind", "says", "hint"), ERRORS)
def test_what_cannot_be_read_is_said_with_its_cure(
    tmp_path: Path, name: str, source: dict[str, Any], kind: type[PipelineError], says: str, hint: str
) -> None:
    with pytest.raises(kind) as caught:
        validate(CORPUS / f"{name}.csv", config(source), output=tmp_path)
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert not (tmp_path / "accepted.csv").exists() or accepted_cells(tmp_path) == []


def test_the_tables_know_every_file() -> None:
    assert {path.stem for path in CORPUS.iterdir()} == {row[0] for row in (*FILES, *ERRORS)}


@pytest.mark.parametrize(
    ("name", "source", "cells"),
    [
        ("mac_cr", {}, [["anna@example.com", "Anna", "Bad\rHomburg"], ["ben@example.com", "Ben", "Bonn"]]),
        (
            "mysql_outfile",
            {"escapechar": "\\"},
            [
                ["anna@example.com", "Anna", ""],
                ["ben@example.com", 'O"Ben', "Bonn, Rhein"],
                ["co@example.com", "Co", 'a"b'],
            ],
        ),
        (
            "na_words",
            {},
            [
                ["anna@example.com", "NA", "null"],
                ["ben@example.com", "None", "nan"],
                ["co@example.com", "-", "#N/A"],
            ],
        ),
        (
            "unicode_line_ends",
            {},
            [["anna@example.com", "An\u2028na", "Bo\u0085nn"], ["ben@example.com", "B\x0ben", "Bo\x0cnn"]],
        ),
        ("padded_cells", {}, [["ben@example.com", "Ben ", "Bonn"]]),
        (
            "excel_unicode_text",
            {"delimiter": "\t"},
            [["anna@example.com", "Anna", "Köln"], ["li@example.com", "李", 'a "b"']],
        ),
        (
            "quotes_in_the_middle",
            {},
            [["co@example.com", 'Co "Coco" Li', "Köln"], ["ed@example.com", "Ed", "Ulm"]],
        ),
        ("ctrl_z_after_cell", {}, [["anna@example.com", "Anna", "Bonn\x1a"]]),
    ],
)  # fmt: skip
def test_accepted_cells_are_what_they_were(
    tmp_path: Path, name: str, source: dict[str, Any], cells: list[list[str]]
) -> None:
    assert accepts(CORPUS / f"{name}.csv", source, tmp_path)[1] == cells


def test_five_hundred_columns(tmp_path: Path) -> None:
    names = ["EMAIL", *(f"CUSTOM_{n}" for n in range(499))]
    rows = [[f"c{n}@example.com", *(f"{n}/{i}" for i in range(499))] for n in range(40)]
    lines = [names, *rows[:20], rows[20][:-1], *rows[21:]]
    (tmp_path / "wide.csv").write_text("\n".join(",".join(line) for line in lines))
    result, cells = accepts(tmp_path / "wide.csv", {}, tmp_path)
    assert cells == rows[:20] + rows[21:]
    assert result.reasons == {"_record:field_count": 1}


def test_cells_of_a_megabyte(tmp_path: Path) -> None:
    """Twice: as long as a record may be (which its contract refuses by name), and longer."""
    fits, too_long = "x" * 1_040_000, "y" * 1_100_000
    (tmp_path / "long.csv").write_text(
        f'EMAIL,NOTE,CITY\na@example.com,{fits},Bonn\nb@example.com,"{too_long}",Bonn\n'
        f"c@example.com,n,{fits}\nd@example.com,n,Bonn\n"
    )
    csv.field_size_limit(1 << 21)
    result, cells = accepts(tmp_path / "long.csv", {}, tmp_path)
    assert cells == [["a@example.com", fits, "Bonn"], ["d@example.com", "n", "Bonn"]]
    assert result.reasons == {"_record:too_long": 1, "CITY:too_long": 1}
