"""A config that names another encoding than the file has is refused; its hint, followed, reads the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reading import read

from pipeline import ConfigError, load_config
from pipeline.errors import SourceError

TEXT = "EMAIL,CITY\nanna@example.com,Zürich\n"
ROWS = [("anna@example.com", "Zürich")]
MARKED = {
    "utf-8": TEXT.encode("utf-8-sig"),
    "utf-16-le": b"\xff\xfe" + TEXT.encode("utf-16-le"),
    "utf-16-be": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf-32-le": b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"),
    "utf-32-be": b"\0\0\xfe\xff" + TEXT.encode("utf-32-be"),
}
# What is not the mark's own encoding, nor its family's name.
CONTRADICTIONS = [
    (mark, encoding)
    for mark in MARKED
    for encoding in ("cp1252", "latin-1", "shift_jis", "utf-7", "cp037", *MARKED, "utf-16", "utf-32")
    if encoding not in (mark, mark[:6])
]


def refused(path: Path, data: bytes, encoding: str | None) -> SourceError:
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read(path, encoding=encoding)
    return caught.value


def follow(path: Path, error: SourceError) -> list[tuple[str | None, ...]]:
    """The rows that are read once the hint is followed."""
    found = re.search(r"Set source\.encoding: ([a-z0-9-]+)", error.hint)
    return read(path, encoding=found[1] if found else None).rows


@pytest.mark.parametrize(("mark", "encoding"), CONTRADICTIONS)
def test_a_mark_that_contradicts_the_config_is_refused(tmp_path: Path, mark: str, encoding: str) -> None:
    error = refused(tmp_path / "x.csv", MARKED[mark], encoding)
    assert mark[:6].upper() in error.message
    assert encoding in error.message
    assert follow(tmp_path / "x.csv", error) == ROWS


@pytest.mark.parametrize("mark", MARKED)
def test_a_mark_that_agrees_with_the_config_is_none_of_the_text(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(MARKED[mark])
    for encoding in (None, mark, mark[:6], mark.upper().replace("-", "_")):
        got = read(path, encoding=encoding)
        assert (got.header.columns, got.rows) == (("EMAIL", "CITY"), ROWS)


@pytest.mark.parametrize("real", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("encoding", [None, "utf-8", "cp1252", "utf-16", "utf-32", "utf-16-le", "utf-32-be"])
def test_an_encoding_without_a_mark_is_known_by_its_nul_bytes(
    tmp_path: Path, real: str, encoding: str | None
) -> None:
    if encoding == real:
        return
    error = refused(tmp_path / "x.csv", TEXT.encode(real), encoding)
    assert (encoding or "UTF-8") in error.message
    assert follow(tmp_path / "x.csv", error) == ROWS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_file_of_bytes_is_not_taken_for_one_of_wide_characters(tmp_path: Path, encoding: str) -> None:
    error = refused(tmp_path / "x.csv", TEXT.encode(), encoding)
    assert encoding in error.message
    assert follow(tmp_path / "x.csv", error) == ROWS


def test_wide_characters_of_any_script_are_read_as_the_config_says(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("メール,城市\n漢,䄀ਂ\n".encode("utf-16-be"))
    got = read(path, encoding="utf-16-be", columns={"メール": "EMAIL", "城市": "CITY"})
    assert got.rows == [("漢", "䄀ਂ")]


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "unicode_escape", "rot13", "hex", "x"])
def test_a_codec_of_no_files_is_refused_by_the_config(encoding: str) -> None:
    with pytest.raises(ConfigError, match=r"source\.encoding") as caught:
        load_config({"contract": {"schema": "c.py:C"}, "source": {"encoding": encoding}})
    assert "cp1252" in caught.value.message
