"""The example data: what the generator writes is what is committed, and it is right but where it says so."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

import pipeline
from pipeline.formats import emails, phones

EXAMPLES = Path(__file__).parents[1] / "examples"
# SHA-256 of what is staged of them: the same bytes with every version of every dependency.
ACCEPTED = "60b2d2a95816169d6a3daf4fc3985c419db79f82423e007965488587d9948b22"
Row = dict[str, str]


@pytest.fixture(scope="module")
def faults() -> list[Row]:
    with (EXAMPLES / "contacts.faults.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def contacts(faults: list[Row]) -> dict[int, Row]:
    """The well-formed contacts by the line where each begins."""
    broken = {int(fault["line"]) for fault in faults if fault["column"] == "_record"}
    lines = (EXAMPLES / "contacts.csv").read_text("utf-8").split("\n")
    # A broken record becomes an empty line, which csv passes over and counts.
    text = "\n".join("" if number in broken else line for number, line in enumerate(lines, 1))
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found = {}
    for row in reader:
        begins = reader.line_num - sum(value.count("\n") for value in row.values())
        found[begins] = row
    return found


def test_the_generator_writes_the_committed_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / "make_contacts.py", tmp_path], check=True)
    for name in ("contacts.csv", "contacts.faults.csv"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes(), name


def test_it_is_like_a_real_export(contacts: dict[int, Row], faults: list[Row]) -> None:
    data = (EXAMPLES / "contacts.csv").read_bytes()
    broken = sum(fault["column"] == "_record" for fault in faults)
    assert len(contacts) + broken == 10_000
    assert len(faults) == 200
    assert len(data) < 1_500_000
    assert b"\r" not in data
    assert data.startswith(b"LOYALTY_ID,EMAIL,MOBILE,")
    values = [value for row in contacts.values() for value in row.values()]
    assert sum("," in value for value in values) > 500
    assert sum('"' in value for value in values) > 100
    assert sum("\n" in value for value in values) > 200
    assert len({row["COUNTRY"] for row in contacts.values()}) > 10


@pytest.mark.slow
def test_what_is_no_fault_is_right(contacts: dict[int, Row], faults: list[Row]) -> None:
    listed = {int(fault["line"]) for fault in faults}
    right = [row for line, row in contacts.items() if line not in listed]
    assert len(right) == 9_800
    for row in right:
        assert len(row["LOYALTY_ID"]) == 8
        assert emails.accepts(row["EMAIL"])
        assert phones.accepts(row["MOBILE"], "IN")
        assert row["GENDER"] in ("F", "M", "O", "")
        assert not row["AGE"] or 18 <= int(row["AGE"]) <= 85
        assert not row["DOB"] or date.fromisoformat(row["DOB"])
    for key in ("LOYALTY_ID", "EMAIL", "MOBILE"):
        assert max(Counter(row[key].lower() for row in right).values()) == 1


def test_a_run_finds_each_fault_by_its_name_and_no_other(
    tmp_path: Path, contacts: dict[int, Row], faults: list[Row]
) -> None:
    result = pipeline.validate(config=EXAMPLES.parent / "config.yaml", output=tmp_path)
    assert (result.records, result.accepted, result.rejected) == (10_000, 9_800, 200)
    with (tmp_path / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        rejected = {row["_line"]: set(row["_reasons"].split("; ")) for row in csv.DictReader(file)}
    assert rejected == {fault["line"]: set(fault["reasons"].split("; ")) for fault in faults}
    with (tmp_path / "accepted.csv").open(encoding="utf-8", newline="") as file:
        accepted = list(csv.DictReader(file))
    assert accepted == [row for line, row in contacts.items() if str(line) not in rejected]
    assert sha256((tmp_path / "accepted.csv").read_bytes()).hexdigest() == ACCEPTED
