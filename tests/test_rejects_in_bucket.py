"""`contract.rejects: s3`: rejects of a run without a disk of its own lie in the bucket, and are fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes import Arrived, Faults, answer, wire
from world import ROOT, World

from pipeline import RejectedRows, run, validate


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which nothing else uses meanwhile."""
    (folder := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def command(world: World, folder: Path, config: dict[str, Any], *arguments: str) -> tuple[int, str]:
    """What `python -m pipeline` with that config, and no disk but this folder, says."""
    config["submit"]["api_key"] = "${PLANTED_KEY}"
    (folder / "config.yaml").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        capture_output=True, text=True, cwd=folder, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PLANTED_KEY": world.sandbox.api_key,
             "TMPDIR": tempfile.gettempdir()},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_they_lie_in_the_bucket_and_are_fetched_as_they_would_be_here(
    world: World, tmp_path: Path, scratch: Path
) -> None:
    here = run(world.contacts, world.config())
    config = world.config(contract={"rejects": "s3"})
    code, said = command(world, tmp_path, config, "run", str(world.contacts), "-c", "config.yaml")
    assert code == 0, said
    (fetching,) = [line.split(maxsplit=1)[1] for line in said.splitlines() if line.startswith("next")]
    code, said = command(world, tmp_path, config, *fetching.split()[3:])
    assert code == 0, said
    fetched = tmp_path / "rejects.csv"
    assert fetched.read_bytes() == Path(str(here.rejects_file)).read_bytes()
    assert fetched.stat().st_mode & 0o777 == 0o600
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "s3").exists()


def test_too_many_of_them_say_how_they_are_fetched(world: World, scratch: Path) -> None:
    config = world.config(contract={"rejects": "s3", "max_rejected": "0"})
    with pytest.raises(RejectedRows) as caught:
        run(world.contacts, config)
    result = caught.value.result
    assert result
    assert f"python -m pipeline rejects {result.run_id} --output" in caught.value.hint
    assert result.rejects_file == f"s3://contacts/rejects/{result.run_id}/"
    assert f"rejects/{result.run_id}/000000" in world.all_keys
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_they_stay_here_where_the_store_does_not_take_them(
    world: World, scratch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(request: Arrived, _kind: str, _before: int) -> bytes | None:
        return (
            answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            if "/rejects/" in request.target
            else None
        )

    here = run(world.contacts, world.config())
    with wire(Faults(int(world.sandbox.endpoint_url.rpartition(":")[2]), refuse)) as proxy:
        found = run(
            world.contacts, world.config(contract={"rejects": "s3"}, stage={"endpoint_url": proxy.url})
        )
    assert found.state == "submitted"
    (stayed,) = scratch.iterdir()
    assert found.rejects_file == str(stayed)
    assert stayed.read_bytes() == Path(str(here.rejects_file)).read_bytes()
    assert stayed.stat().st_mode & 0o777 == 0o600
    (told,) = [each for each in caplog.records if "The rejects stay in" in each.message]
    assert told.run_id == found.run_id  # type: ignore[attr-defined]


def test_what_sends_nothing_leaves_nothing_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = world.config(contract={"rejects": "s3"})
    with world.untouched():
        result = validate(world.contacts, config, output=tmp_path / "out")
        run(world.contacts, config, until="validate")
    assert result.rejects_file == str(tmp_path / "out" / "rejects.csv")
    (written,) = (tmp_path / "rejects").iterdir()
    assert written.read_bytes() == (tmp_path / "out" / "rejects.csv").read_bytes()
