"""What is kept between runs comes back whole, for the same key, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import cache
from pipeline.formats import phonebounds, phonepatterns


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def only_file(folder: Path) -> Path:
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


def test_a_value_comes_back_for_its_name_and_key(folder: Path) -> None:
    cache.keep("words", ["é", 1], {"a": [None, "\n"]})
    assert cache.recall("words", ["é", 1]) == {"a": [None, "\n"]}
    assert cache.recall("words", ["é", 2]) is None
    assert cache.recall("rules", ["é", 1]) is None
    cache.keep("words", ["é", 1], [])
    assert cache.recall("words", ["é", 1]) == []
    assert only_file(folder).name.startswith("words-")


@pytest.mark.parametrize("at", [0, 63, 64, 65, 70, -1])
def test_a_byte_that_is_another_makes_it_worthless(folder: Path, at: int) -> None:
    cache.keep("words", 1, "value")
    data = bytearray(only_file(folder).read_bytes())
    data[at] ^= 1
    only_file(folder).write_bytes(data)
    assert cache.recall("words", 1) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"{}", b"0" * 64])
def test_so_does_any_other_content(folder: Path, content: bytes) -> None:
    cache.keep("words", 1, "value")
    only_file(folder).write_bytes(content)
    assert cache.recall("words", 1) is None


def test_a_folder_that_cannot_be_written_to_is_no_error(folder: Path) -> None:
    (folder / cache.FOLDER).write_text("a file, where the folder would be")
    cache.keep("words", 1, "value")
    assert cache.recall("words", 1) is None


def test_nor_is_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    cache.keep("words", 1, "value")
    assert cache.recall("words", 1) is None


@pytest.mark.parametrize("region", [None, "IN"])
@pytest.mark.parametrize(
    ("module", "asked"),
    [(phonepatterns, phonepatterns.readings.__wrapped__), (phonebounds, phonebounds.bounds.__wrapped__)],
)
def test_phone_patterns_are_made_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: Any, asked: Any, region: str | None
) -> None:
    first = asked(region)
    assert first == module.made(region)
    monkeypatch.setattr(module, "made", pytest.fail)
    assert asked(region) == first
    only_file(folder).write_text("{}")
    with pytest.raises(pytest.fail.Exception):
        asked(region)


def test_they_are_made_anew_for_other_metadata(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phonepatterns.readings.__wrapped__("IN")
    monkeypatch.setattr(phonepatterns, "version", lambda _: "0")
    other = phonepatterns.Readings(phonepatterns.Patterns("IN", "", ""))
    monkeypatch.setattr(phonepatterns, "made", lambda _: other)
    assert phonepatterns.readings.__wrapped__("IN") == other
