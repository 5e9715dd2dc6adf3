"""Files that hold contacts appear whole, for their owner only, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.private import PrivateFile


def test_it_appears_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "accepted.csv"
    with PrivateFile(path) as target:
        target.write(b"a\n")
        assert not path.exists()
        target.complete()
    assert path.read_bytes() == b"a\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "accepted.csv"
    path.write_bytes(b"a\n")
    path.chmod(0o644)
    with suppress(ZeroDivisionError), PrivateFile(path) as target:
        target.write(b"b\n")
        raise ZeroDivisionError
    assert path.read_bytes() == b"a\n"
    assert list(tmp_path.iterdir()) == [path]
    with PrivateFile(path) as target:
        target.complete()
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("x")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "victim" / "below", tmp_path / ("n" * 300)):
        with pytest.raises(ConfigError, match="cannot be written"):
            PrivateFile(path)
    assert (tmp_path / "victim").read_text() == "x"


def test_no_link_is_followed(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("x")
    link.symlink_to(victim)
    (tmp_path / ".other.part").symlink_to(victim)
    with PrivateFile(link) as target:
        target.write(b"y")
        target.complete()
    with pytest.raises(ConfigError, match="cannot be written"):
        PrivateFile(tmp_path / "other")
    assert victim.read_text() == "x"
    assert link.read_bytes() == b"y"
    assert not link.is_symlink()


def test_a_full_disk_is_an_error_with_a_hint() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    target = PrivateFile(Path.cwd() / ".pytest_cache" / "full.csv")
    with full.open("wb", buffering=0) as sink:
        target._file.close()
        target._file = sink
        with pytest.raises(ConfigError, match="No space left") as told:
            target.write(b"contact")
    target.discard()
    assert "room" in told.value.hint
