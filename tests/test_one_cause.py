"""One cause behind every record: the hint names the setting, and following it gets the records accepted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from field import refused, validated
from ruamel.yaml import YAML

GOOD = [{"EMAIL": "a@b.co", "CITY": "Köln"}, {"EMAIL": "c@d.co", "CITY": "Ulm"}]


def settings_of(hint: str) -> dict[str, Any]:
    """The keys of `source` that a hint names, with the value it gives."""
    found = re.findall(r"source\.(\w+)(?:: (\"[^\"]*\"|'[^']*'|[\w-]+))?", hint)
    return {key: YAML(typ="safe").load(value) for key, value in found if value}


def test_an_encoding_that_no_record_has(tmp_path: Path) -> None:
    data = "EMAIL,CITY\na@b.co,Köln\nc@d.co,Düren\n".encode("cp1252")
    error = refused(tmp_path, data, "source.encoding", "UTF-8")
    assert error.exit_code == 4
    assert "in place" not in error.hint
    found = re.search(r"often (\w+)", error.hint)
    got = validated(tmp_path, data, source={"encoding": found and found[1]})
    assert [row["CITY"] for row in got.accepted] == ["Köln", "Düren"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_records_separated_otherwise_than_the_header(tmp_path: Path, delimiter: str) -> None:
    records = "a@b.co,Köln\nc@d.co,Ulm\n".replace(",", delimiter)
    error = refused(tmp_path, f"EMAIL,CITY\n{records}", "source.delimiter", "header")
    got = validated(tmp_path, f"EMAIL{delimiter}CITY\n{records}", source=settings_of(error.hint))
    assert got.accepted == GOOD


@pytest.mark.parametrize("more", [1, 3])
def test_records_with_more_fields_than_the_header(tmp_path: Path, more: int) -> None:
    records = "".join(f"{row['EMAIL']};{row['CITY']}{';' * more}\n" for row in GOOD)
    source = {"delimiter": ";"}
    error = refused(tmp_path, f"EMAIL;CITY\n{records}", "header", source=source)
    assert f"{2 + more} fields and the header 2" in error.hint
    assert validated(tmp_path, f"EMAIL;CITY{';' * more}\n{records}", source=source).accepted == GOOD


def test_records_with_fewer_fields_than_the_header(tmp_path: Path) -> None:
    error = refused(tmp_path, "EMAIL,CITY,NOTE\na@b.co,Köln\nc@d.co,Ulm\n", "3 columns and the records 2")
    assert "take out the names" in error.hint
    assert validated(tmp_path, "EMAIL,CITY\na@b.co,Köln\nc@d.co,Ulm\n").accepted == GOOD


@pytest.mark.parametrize(
    ("cell", "setting", "staged"),
    [('"K\\"ln\\""', "escapechar", 'K"ln"'), ('the "old" town', "quotechar", 'the "old" town')],
)
def test_quotes_in_the_middle_of_every_record(tmp_path: Path, cell: str, setting: str, staged: str) -> None:
    data = f"EMAIL,CITY\na@b.co,{cell}\nc@d.co,{cell}\n"
    error = refused(tmp_path, data, f"source.{setting}")
    value = settings_of(error.hint)[setting]
    got = validated(tmp_path, data, source={setting: value})
    assert [row["CITY"] for row in got.accepted] == [staged, staged]


def test_numbers_that_all_lack_their_country_code(tmp_path: Path) -> None:
    data = "EMAIL,MOBILE\na@b.co,0172 2685995\nc@d.co,0172/2685996\n"
    error = refused(tmp_path, data, "contract.region")
    found = re.search(r"contract\.region: ([A-Z]+)", error.hint)
    assert len(validated(tmp_path, data, region=found and found[1]).accepted) == 2


@pytest.mark.parametrize("quote", ["'", "`", '"'])
def test_a_file_in_other_quotes(tmp_path: Path, quote: str) -> None:
    data = "~EMAIL~,~CITY~\n~a@b.co~,~Köln~\n~c@d.co~,~Ulm~\n".replace("~", quote)
    wrong = {"quotechar": "'" if quote == '"' else '"'}
    error = refused(tmp_path, data, "source.quotechar", source=wrong)
    assert validated(tmp_path, data, source=settings_of(error.hint)).accepted == GOOD


def test_a_file_in_typographic_quotes(tmp_path: Path) -> None:
    refused(tmp_path, "“EMAIL”,“CITY”\n“a@b.co”,“Köln”\n", "“”", "plain quotes")


def test_one_bad_record_is_mended_in_the_file(tmp_path: Path) -> None:
    records = "".join(f"{n}@example.com,Ulm\n" for n in range(20))
    got = validated(tmp_path, f"EMAIL,CITY\n{records}x@example.com,Ulm,3\n")
    assert (got.result.accepted, got.result.warnings) == (20, [])
    error = refused(tmp_path, f"EMAIL,CITY\n{records}x@example.com,Ulm,3\n", max_rejected="0")
    assert "mend the source" in error.hint
